"""Reward-modulated STDP: its arithmetic to the bit, its limits, and that it learns."""

from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from support.program_hooks import begin

from spikeloop.tasks.base import Interface
from spikeloop.tasks.maze import Maze
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.workers.chip.cadc import AdcSettings, new_adc
from spikeloop.workers.chip.capmem import ideal_constants
from spikeloop.workers.chip.circuit import Circuit, neuron_codes
from spikeloop.workers.chip.core import Core, clone, new_core
from spikeloop.workers.chip.correlation import Correlation, new_sensors
from spikeloop.workers.chip.limits import N_NEURONS, N_ROWS, N_SYNAPSES
from spikeloop.workers.chip.memory import data_bytes
from spikeloop.workers.chip.network import connect
from spikeloop.workers.chip.noise import seed_words
from spikeloop.workers.chip.sensor_readout import read_row
from spikeloop.workers.chip.task_message import environments
from spikeloop.workers.kernels import routine
from spikeloop.workers.learners.chip.agent import ChipAgent
from spikeloop.workers.learners.chip.coding import CODINGS
from spikeloop.workers.learners.chip.episode import decision_protocol, episode_kernel
from spikeloop.workers.plasticity import hooks
from spikeloop.workers.plasticity.reward_stdp import RewardStdp, StdpMemory

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
def decided(core: Core, memory: Any, step: int, state: int, action: int) -> None:
    hooks.decided(core, memory, step, state, action)


@routine
def rewarded(core: Core, memory: Any, state: int, action: int, signal_q7: int) -> None:
    hooks.rewarded(core, memory, state, action, signal_q7)


def chip(noise_lsb: float = 0.0, offset_lsb: NDArray[np.int64] | None = None) -> Core:
    """An ideal chip with its network, or one whose ADC has offsets of its own."""
    converter = new_adc(AdcSettings(noise_lsb=noise_lsb), 0, "off")
    if offset_lsb is not None:
        converter = converter._replace(offset_lsb=offset_lsb.astype(np.float32))
    bits_u4 = np.zeros(N_SYNAPSES, dtype=np.uint8)
    core = new_core(
        ideal_constants(neuron_codes(Circuit(), S)),
        noise_V=0.02,
        sensors=new_sensors(STRONG, Circuit().step_s, bits_u4, 0, "off"),
        adc=converter,
    )
    connect(core, S, A, 45)
    seed_words(np.uint64(7), core.lanes)
    return core


def start(
    core: Core, *, credit: Credit = "fired", readings: Any = 8, **theta: float
) -> tuple[Core, StdpMemory]:
    program = RewardStdp(credit=credit, readings=readings)
    memory = program.memory({**THETA, **theta}, Interface(S, A, "discrete", 2000))
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
    core.sensors.charge[0].reshape(N_ROWS, N_NEURONS)[state, ACTIONS] = charge_lsb


def summed(core: Core, state: int, n_readings: int) -> list[int]:
    """What the next readings will add up to; they move the ADC's noise generator on."""
    codes = np.zeros((2, N_NEURONS), dtype=np.uint8)
    total = np.zeros(N_NEURONS, dtype=np.int64)
    for _ in range(n_readings):
        read_row(core, state, codes)
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


@pytest.mark.parametrize(
    ("credit", "readings"),
    [
        ("fired", 8),
        ("chosen", 1),
        *(
            pytest.param(credit, readings, marks=pytest.mark.exhaustive)
            for credit, readings in (("fired", 1), ("fired", 32), ("chosen", 8), ("chosen", 32))
        ),
    ],
)
def test_a_long_experience_follows_the_rule_in_unbounded_integers(
    credit: Credit, readings: int
) -> None:
    """Noisy readings, strong and weak correlation, rewards of both signs, weights at both ends."""
    rng = np.random.default_rng(readings)
    offset_lsb = rng.integers(30, 60, (2, N_NEURONS))
    ends: set[int] = set()
    for rate in (0.05, 1.0, 20.0):
        core = chip(noise_lsb=1.0, offset_lsb=offset_lsb)
        offset = [summed(before, state, readings) for before in [clone(core)] for state in range(S)]
        core, memory = start(
            core,
            credit=credit,
            readings=readings,
            learning_rate=rate,
            trace_decay=rng.random(),
            baseline_rate=rng.random(),
        )
        model = Model(memory, offset, credit)
        for step in range(150):
            state, action = int(rng.integers(S)), int(rng.integers(A))
            see(core, state, (rng.random(A) ** 4 * 20).tolist())
            model.decide(state, action, summed(clone(core), state, readings))
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


def test_a_decision_resets_the_sensors_of_its_row_only() -> None:
    core, memory = start(chip())
    core.sensors.charge[:] = 1.0
    decided(core, memory, 0, 1, 0)
    rows = np.arange(N_SYNAPSES) // N_NEURONS
    np.testing.assert_array_equal(core.sensors.charge == 0, [rows == 1, rows == 1])


def test_an_episode_changes_the_weights_from_states_to_actions_alone() -> None:
    tasks = RandomMdp(n_states=S, n_actions=A, n_steps=200).sample(1, np.random.default_rng(0))
    core, fresh = chip(noise_lsb=1.0), chip()
    memory = RewardStdp().memory(THETA, Interface(S, A, "discrete", 2000))
    episode_kernel(StdpMemory)(
        core,
        memory,
        environments(tasks)[0],
        decision_protocol(Circuit()),
        CODINGS.index("fired"),
        np.uint64(3),
        200,
        np.zeros(1),
    )
    between = np.zeros((N_ROWS, N_NEURONS), dtype=np.bool_)
    between[:S, ACTIONS] = True
    final, initial = (c.weight_u6.reshape(N_ROWS, N_NEURONS) for c in (core, fresh))
    assert (final[between] != 30).all()
    np.testing.assert_array_equal(final[~between], initial[~between])
    assert initial[~between].any()
    np.testing.assert_array_equal(core.label_u6, fresh.label_u6)


@pytest.mark.parametrize("family", [RandomMdp(), Maze()])
def test_its_memory_fits_beside_the_published_families(family: RandomMdp | Maze) -> None:
    """Four bytes for each synapse of the states' rows; a state more is too much for the MDPs."""
    interface = family.interface
    n_states, n_actions = interface.n_observations, interface.n_actions
    data = data_bytes(
        RewardStdp(readings=32).memory(THETA, Interface(n_states, n_actions, "discrete", 2000))
    )
    assert n_states * N_NEURONS * 4 < data < n_states * N_NEURONS * 4 + 450
    ChipAgent(program=RewardStdp()).space(interface)
    with pytest.raises(ValueError, match=r"memory is \d+ bytes too small"):
        ChipAgent(program=RewardStdp()).space(RandomMdp(n_states=7).interface)


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
        memory = program.memory(
            dict(zip(space.columns, row, strict=True)), Interface(6, 8, "discrete", 2000)
        )
        assert 0 < memory.eta_u16 < 2**16
        assert 0 < memory.baseline_rate_q7 <= 127
    assert program.uses_sensors
