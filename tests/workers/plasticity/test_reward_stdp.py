"""Reward-modulated STDP: its arithmetic to the bit, what it leaves alone, and that it learns."""

from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from support.statistical_asserts import assert_better, assert_mean

from spikeloop.tasks.base import FloatArray, Interface
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.tasks.tabular import TabularTasks
from spikeloop.workers.chip.cadc import AdcSettings, adc
from spikeloop.workers.chip.capmem import physical
from spikeloop.workers.chip.circuit import Circuit, neuron_codes
from spikeloop.workers.chip.core import ADC_LANE, Core, clone, new_core
from spikeloop.workers.chip.correlation import Correlation, sensors
from spikeloop.workers.chip.environment import environments
from spikeloop.workers.chip.limits import N_NEURONS, N_ROWS, N_SYNAPSES
from spikeloop.workers.chip.memory import DATA_BYTES, data_bytes, environment_bytes
from spikeloop.workers.chip.network import connect
from spikeloop.workers.chip.noise import seed_words
from spikeloop.workers.chip.sensor_readout import read_row
from spikeloop.workers.kernels import routine
from spikeloop.workers.learners.chip.agent import ChipAgent
from spikeloop.workers.learners.chip.coding import CODINGS
from spikeloop.workers.learners.chip.episode import run_episodes, timing
from spikeloop.workers.plasticity import hooks
from spikeloop.workers.plasticity.reward_stdp import RewardStdp, StdpMemory
from spikeloop.workers.space import Parameters

S, A = 3, 4
ACTIONS = slice(S, S + A)
MOST = 63 * 128 + 127
STRONG = Correlation(amplitude_lsb=2.0)
Credit = Literal["fired", "chosen"]
THETA = {
    "learning_rate": 4.0,
    "trace_decay": 0.0,
    "baseline_rate": 0.1,
    "initial_weight": 30.0,
}


@routine
def begin(core: Core, memory: Any) -> None:
    hooks.begin(core, memory)


@routine
def decided(core: Core, memory: Any, step: int, state: int, action: int) -> None:
    hooks.decided(core, memory, step, state, action)


@routine
def rewarded(core: Core, memory: Any, state: int, action: int, signal_q7: int) -> None:
    hooks.rewarded(core, memory, state, action, signal_q7)


def chip(
    n_states: int = S,
    n_actions: int = A,
    noise_lsb: float = 0.0,
    offset_lsb: NDArray[np.int64] | None = None,
    noise_V: float = 0.02,
) -> Core:
    """An ideal chip with its network, or one whose ADC has offsets of its own."""
    circuit = Circuit(noise_V=noise_V)
    converter = adc(AdcSettings(noise_lsb=noise_lsb), None, calibrated=True)
    if offset_lsb is not None:
        converter = converter._replace(offset_lsb=offset_lsb.astype(np.float32))
    core = new_core(
        physical(neuron_codes(circuit, n_states)),
        circuit.step_s,
        noise_V=circuit.noise_V,
        router_delay_cycles=circuit.router_delay_cycles,
        sensors=sensors(
            STRONG, circuit.step_s, np.zeros(N_SYNAPSES, dtype=np.uint8), None, calibrated=True
        ),
        adc=converter,
    )
    connect(core, n_states, n_actions, 45)
    seed_words(np.uint64(7), core.lanes)
    return core


def start(
    core: Core, *, credit: Credit = "fired", readings: Any = 8, **theta: float
) -> tuple[Core, StdpMemory]:
    program = RewardStdp(credit=credit, readings=readings)
    memory = program.memory({**THETA, **theta}, S, A)
    begin(core, memory)
    return core, memory


def weights(core: Core, memory: StdpMemory) -> NDArray[np.int64]:
    """(S, A) in 1/128 codes."""
    code = core.weight_u6.reshape(N_ROWS, N_NEURONS)[:S, ACTIONS].astype(np.int64)
    return code * 128 + memory.fraction_u7.reshape(S, N_NEURONS)[:, ACTIONS]


def traces(memory: StdpMemory) -> NDArray[np.int8]:
    return memory.trace.reshape(S, N_NEURONS)[:, ACTIONS]


def see(core: Core, state: int, charge_lsb: list[float]) -> None:
    """What the sensors of the synapses to the actions have gathered."""
    core.sensors.causal.reshape(N_ROWS, N_NEURONS)[state, ACTIONS] = charge_lsb


def summed(core: Core, state: int, n_readings: int) -> list[int]:
    """What the next readings will add up to."""
    random = core.lanes[ADC_LANE:].copy()
    codes = np.zeros((2, N_NEURONS), dtype=np.uint8)
    total = np.zeros(N_NEURONS, dtype=np.int64)
    for _ in range(n_readings):
        read_row(core.sensors, core.adc, state, random, codes[0], codes[1])
        total += codes[0]
    return [int(x) for x in total[ACTIONS]]


class Model:
    """The rule in Python's unbounded integers, saturation last.

    Every quotient is rounded half up, but a trace's decay goes towards 0.
    """

    def __init__(self, memory: StdpMemory, offset: list[list[int]], credit: Credit) -> None:
        self.memory, self.offset, self.credit = memory, offset, credit
        self.trace = [[0] * A for _ in range(S)]
        self.weight = [[30 * 128 + 64] * A for _ in range(S)]
        self.baseline = 0
        self.truncated = 0
        """Weight changes that would have come out otherwise if they were truncated."""

    def decide(self, state: int, action: int, total: list[int]) -> None:
        decay, n = self.memory.trace_decay_q7, self.memory.readings
        self.trace = [[e * decay // 128 + (e < 0) for e in row] for row in self.trace]
        above = [halves_up(x - o, 2) for x, o in zip(total, self.offset[state], strict=True)]
        seen = [clip(x * 32 // n, -128, 127) for x in above]
        if self.credit == "chosen":
            seen = [x if a == action else 0 for a, x in enumerate(seen)]
        mean = halves_up(sum(seen), A)
        self.trace[state] = [
            clip(e + clip(x - mean, -128, 127), -128, 127)
            for e, x in zip(self.trace[state], seen, strict=True)
        ]

    def reward(self, signal_q7: int) -> None:
        error = clip(64 * signal_q7 - self.baseline, -(2**15), 2**15 - 1)
        self.baseline += halves_up(error * self.memory.baseline_rate_q7, 128)
        factor = clip(halves_up(error * self.memory.eta_u16, 4096), -(2**15), 2**15 - 1)
        changes = [e * factor for es in self.trace for e in es]
        self.truncated += sum(halves_up(x, 512) != x // 512 for x in changes)
        self.weight = [
            [clip(w + halves_up(e * factor, 512), 0, MOST) for w, e in zip(ws, es, strict=True)]
            for ws, es in zip(self.weight, self.trace, strict=True)
        ]


def halves_up(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)


def clip(x: int, low: int, high: int) -> int:
    return min(max(x, low), high)


@pytest.mark.parametrize("readings", [1, 8, 32])
@pytest.mark.parametrize("credit", ["fired", "chosen"])
def test_a_long_experience_follows_the_rule_in_unbounded_integers(
    credit: Credit, readings: int
) -> None:
    """Noisy readings, strong and weak correlation, rewards of both signs, weights at both ends."""
    rng = np.random.default_rng(readings)
    offset_lsb = rng.integers(30, 60, (2, N_NEURONS))
    ends: set[int] = set()
    for rate in (0.05, 1.0, 20.0):
        core = chip(noise_lsb=1.0, offset_lsb=offset_lsb)
        random = clone(core)
        core, memory = start(
            core,
            credit=credit,
            readings=readings,
            learning_rate=rate,
            trace_decay=rng.random(),
            baseline_rate=rng.random(),
        )
        offset = []
        for state in range(S):
            offset.append(summed(random, state, readings))
            for _ in range(2 * N_NEURONS * readings):
                random.lanes[ADC_LANE] = xorshift(int(random.lanes[ADC_LANE]))
        model = Model(memory, offset, credit)
        for step in range(150):
            state, action = int(rng.integers(S)), int(rng.integers(A))
            see(core, state, (rng.random(A) ** 4 * 20).tolist())
            model.decide(state, action, summed(core, state, readings))
            decided(core, memory, step, state, action)
            assert traces(memory).tolist() == model.trace
            signal_q7 = int(rng.integers(-254, 128))
            model.reward(signal_q7)
            rewarded(core, memory, state, action, signal_q7)
            assert weights(core, memory).tolist() == model.weight
            assert memory.baseline[0] == model.baseline
            ends |= {w for row in model.weight for w in row} & {0, MOST}
        assert model.truncated > 50
    assert ends == {0, MOST}


def xorshift(x: int) -> int:
    x ^= (x << 13) & 0xFFFFFFFF
    x ^= x >> 17
    return x ^ (x << 5) & 0xFFFFFFFF


@pytest.mark.parametrize("trace_decay", [0.5, 0.9, 0.99])
def test_a_trace_that_is_not_refreshed_reaches_zero(trace_decay: float) -> None:
    core, memory = start(chip(), trace_decay=trace_decay)
    memory.trace[:] = np.tile([127, -128, 1, -1], memory.trace.size // 4)
    for step in range(600):
        decided(core, memory, step, 0, 0)
    assert not traces(memory)[1:].any()


def test_one_update_has_the_size_that_its_units_say() -> None:
    """η = 4 codes/LSB, 3 LSB where one action fired, so 2.25 above the mean; reward 0.5, b = 0."""
    core, memory = start(chip())
    see(core, 1, [0, 3, 0, 0])
    decided(core, memory, 0, 1, 1)
    rewarded(core, memory, 1, 1, 64)
    change = (weights(core, memory) - (30 * 128 + 64)) / 128
    exact = 4 * np.array([-0.75, 2.25, -0.75, -0.75]) * 64 / 127
    np.testing.assert_allclose(change[1], exact, atol=0.03)
    assert not change[[0, 2]].any()


def test_offsets_of_the_adc_do_not_matter() -> None:
    """Whole offsets and no noise, so to the bit; what was read matters, and offsets are needed."""
    rng = np.random.default_rng(0)
    wild = rng.integers(30, 120, (2, N_NEURONS))
    cores = [chip(), chip(offset_lsb=wild), chip(offset_lsb=wild)]
    started = [start(core, trace_decay=0.5) for core in cores]
    started[2][1].offset[:] = started[0][1].offset
    for step in range(60):
        state, action, signal_q7 = (int(rng.integers(n)) for n in (S, A, 128))
        seen = rng.integers(0, 6, A).tolist()
        for core, memory in started:
            see(core, state, seen)
            decided(core, memory, step, state, action)
            rewarded(core, memory, state, action, signal_q7)
    ideal, corrected, uncorrected = (weights(*one) for one in started)
    np.testing.assert_array_equal(ideal, corrected)
    assert np.abs(ideal - uncorrected).max() > 1000


def test_with_nothing_to_see_wild_offsets_leave_only_noise() -> None:
    """Traces of empty sensors, each with the errors of two sums of 8 readings and 1 LSB of noise.

    Means of 200 fresh episodes are 0 at a false-alarm rate of 1e-4; without the offsets'
    subtraction they are not.
    """
    wild = np.random.default_rng(1).integers(30, 80, (2, N_NEURONS))
    gathered, raw = [], []
    for seed in range(200):
        core = chip(noise_lsb=1.0, offset_lsb=wild)
        seed_words(np.uint64(seed), core.lanes)
        core, memory = start(core)
        decided(core, memory, 0, 1, 0)
        gathered.append(int(traces(memory)[1, 0]))
        memory.offset[:] = 320
        decided(core, memory, 1, 1, 0)
        raw.append(int(traces(memory)[1, 0]))
    assert_mean(gathered, 0.0, alpha=1e-4)
    assert np.std(gathered) < 16
    with pytest.raises(AssertionError):
        assert_mean(raw, 0.0, alpha=1e-4)


def test_a_decision_resets_the_sensors_of_its_row_only() -> None:
    core, memory = start(chip())
    core.sensors.causal[:] = 1.0
    core.sensors.anticausal[:] = 2.0
    decided(core, memory, 0, 1, 0)
    for charge in (core.sensors.causal, core.sensors.anticausal):
        empty = charge.reshape(N_ROWS, N_NEURONS) == 0
        assert empty[1].all()
        assert empty.sum() == N_NEURONS


def test_a_reward_that_was_expected_changes_nothing() -> None:
    core, memory = start(chip())
    see(core, 0, [2, 0, 0, 0])
    decided(core, memory, 0, 0, 0)
    memory.baseline[0] = 100 << 6
    before = weights(core, memory)
    rewarded(core, memory, 0, 0, 100)
    np.testing.assert_array_equal(weights(core, memory), before)
    rewarded(core, memory, 0, 0, 101)
    assert weights(core, memory)[0, 0] > before[0, 0]


@pytest.mark.parametrize(("decay", "credited"), [(0.9, True), (0.0, False)])
def test_a_late_reward_reaches_the_decision_before_through_its_trace(
    decay: float, credited: bool
) -> None:
    core, memory = start(chip(), trace_decay=decay)
    see(core, 0, [0, 0, 2, 0])
    decided(core, memory, 0, 0, 2)
    rewarded(core, memory, 0, 2, 0)
    before = weights(core, memory)
    decided(core, memory, 1, 1, 0)
    rewarded(core, memory, 1, 0, 127)
    change = weights(core, memory) - before
    assert (change[0, 2] > 0) == credited
    assert not change[1:].any()


def test_credit_may_go_to_the_chosen_action_alone() -> None:
    gains = {}
    for credit in ("fired", "chosen"):
        core, memory = start(chip(), credit=credit)
        see(core, 0, [2, 2, 0, 0])
        decided(core, memory, 0, 0, 1)
        rewarded(core, memory, 0, 1, 127)
        gains[credit] = (weights(core, memory)[0] > 30 * 128 + 64).tolist()
    assert gains == {"fired": [True, True, False, False], "chosen": [False, True, False, False]}


def test_weights_of_a_state_keep_their_mean() -> None:
    """To the rounding: 1/64 LSB a decision for the mean, half of a last bit for each weight."""
    rng = np.random.default_rng(3)
    core, memory = start(chip(), learning_rate=2.0)
    for step in range(100):
        see(core, 0, (2 * rng.integers(0, 2, A)).tolist())
        decided(core, memory, step, 0, 0)
        rewarded(core, memory, 0, 0, int(rng.integers(128)))
    final = weights(core, memory)[0]
    assert 0 < final.min() < final.max() < MOST
    assert np.ptp(final) > 5 * 128
    assert abs(final.mean() - (30 * 128 + 64)) < 100


def bandit(rewards: list[float], n_steps: int) -> TabularTasks:
    """Two states that follow each other whatever is done; only the action decides the reward."""
    n_actions = len(rewards)
    transition = np.tile(np.eye(2)[::-1], (1, n_actions, 1, 1))
    reward = np.tile(np.array(rewards)[None, :, None, None], (1, 1, 2, 2))
    return TabularTasks(transition, reward, np.zeros(1, dtype=np.int64), n_steps)


def episodes_done(
    tasks: TabularTasks, seed: int, noise_lsb: float = 1.0, noise_V: float = 0.02, **theta: float
) -> tuple[float, Core]:
    """The return and the chip at the end of one episode on an ideal chip."""
    core = chip(tasks.n_states, tasks.n_actions, noise_lsb=noise_lsb, noise_V=noise_V)
    memory = RewardStdp().memory({**THETA, **theta}, tasks.n_states, tasks.n_actions)
    curve: FloatArray = np.zeros(1)
    fired = CODINGS.index("fired")
    task = environments(tasks)[0]
    run_episodes(
        core, memory, task, timing(Circuit()), fired, np.uint64(seed), tasks.n_steps, curve
    )
    return float(curve[0]), core


def test_a_episode_changes_the_weights_from_states_to_actions_alone() -> None:
    tasks = bandit([0.1, 0.9, 0.1], 200)
    _, core = episodes_done(tasks, 3)
    fresh = chip(2, 3)
    between = np.zeros((N_ROWS, N_NEURONS), dtype=np.bool_)
    between[:2, 2:5] = True
    final, initial = (c.weight_u6.reshape(N_ROWS, N_NEURONS) for c in (core, fresh))
    assert (final[between] != 30).all()
    np.testing.assert_array_equal(final[~between], initial[~between])
    assert initial[~between].any()
    np.testing.assert_array_equal(core.label_u6, fresh.label_u6)


def test_a_episode_repeats_itself_and_another_seed_is_another_episode() -> None:
    tasks = bandit([0.1, 0.9, 0.1], 100)
    one, same, other = (episodes_done(tasks, seed) for seed in (3, 3, 4))
    assert one[0] == same[0]
    np.testing.assert_array_equal(one[1].weight_u6, same[1].weight_u6)
    assert (one[1].weight_u6 != other[1].weight_u6).any()


def test_it_learns_a_three_armed_task_in_each_of_two_states() -> None:
    """20 seeds. Without learning 300 steps earn 110 on average, with a deviation of 6.5.

    All earn more than 160 then, and the better arm has the largest weight in both states of all but
    a few of them; the frozen control at 1e-4.
    """
    tasks = bandit([0.1, 0.9, 0.1], 300)
    episodes = [episodes_done(tasks, seed) for seed in range(20)]
    assert min(total for total, _ in episodes) > 160
    final = np.array(
        [core.weight_u6.reshape(N_ROWS, N_NEURONS)[:2, 2:5] for _, core in episodes], dtype=np.int64
    )
    assert (final.argmax(axis=2) == 1).mean() > 0.9
    frozen = [episodes_done(tasks, seed, learning_rate=0.0)[0] for seed in range(20)]
    assert_mean(frozen, 110.0, alpha=1e-4)
    with pytest.raises(AssertionError):
        assert_mean([total for total, _ in episodes], 110.0, alpha=1e-4)


def test_on_random_mdps_it_earns_more_than_frozen_and_chance_only_when_frozen() -> None:
    """30 MDPs on a chip with mismatch, for each credit.

    A learner that is no better passes each sign test at 1e-3: 24 wins of 30 are needed, which
    something that wins 9 pairs in 10 reaches with probability 0.97. The mean's false alarms: 1e-4.
    """
    family = RandomMdp()
    tasks = family.sample(30, np.random.default_rng(5))
    good = {"learning_rate": 6.0, "baseline_rate": 0.1, "initial_weight": 30.0, "inhibition": 48.0}
    seeds = np.random.default_rng(0).integers(0, 2**64, (1, 30), dtype=np.uint64)

    def gains(credit: Credit, **theta: float) -> FloatArray:
        learner = ChipAgent(correlation=STRONG, program=RewardStdp(credit=credit))
        space = learner.space(family.interface)
        held = {**THETA, **good, **theta}
        parameters = Parameters(space, np.array([[held[name] for name in space.columns]]))
        episodes = learner.run_episodes(parameters, tasks, seeds)
        gain: FloatArray = episodes.returns[0] - tasks.references().random
        return gain

    frozen = gains("fired", learning_rate=0.0)
    assert_mean(frozen, 0.0, alpha=1e-4)
    for credit in ("fired", "chosen"):
        learnt = gains(credit)
        assert_better(learnt, frozen, alpha=1e-3)
        with pytest.raises(AssertionError):
            assert_mean(learnt, 0.0, alpha=1e-4)
    with pytest.raises(AssertionError):
        assert_better(gains("chosen", learning_rate=0.0, initial_weight=45.0), frozen, alpha=1e-3)


@pytest.mark.parametrize(("n_states", "n_actions"), [(6, 8), (9, 4)])
def test_it_fits_into_the_processor_beside_the_published_families(
    n_states: int, n_actions: int
) -> None:
    memory = RewardStdp(readings=32).memory(THETA, n_states, n_actions)
    rows = n_states * N_NEURONS
    assert rows * 4 < data_bytes(memory) < rows * 4 + 450
    assert data_bytes(memory) + environment_bytes(n_states, n_actions) <= DATA_BYTES
    ChipAgent(program=RewardStdp()).space(Interface(n_states, n_actions, "discrete", 100))


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="take fewer states or actions"):
        ChipAgent(program=RewardStdp()).space(Interface(10, 5, "discrete", 100))


def test_the_hyperparameters_have_units_and_their_defaults_make_a_memory() -> None:
    interface = RandomMdp().interface
    program = RewardStdp()
    parameters = program.parameters(interface)
    assert [(p.name, p.unit) for p in parameters] == [
        ("learning_rate", "code/LSB"),
        ("trace_decay", "1"),
        ("baseline_rate", "1"),
        ("initial_weight", "code"),
    ]
    space = ChipAgent(program=program).space(interface)
    for row in space.decode(space.sample(50, np.random.default_rng(0))).values:
        memory = program.memory(dict(zip(space.columns, row, strict=True)), 6, 8)
        assert 0 < memory.eta_u16 < 2**16
        assert 0 < memory.baseline_rate_q7 <= 127
    assert program.uses_sensors
