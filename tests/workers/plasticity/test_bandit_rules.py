"""Rules for bandits and the plasticity network: every bit against whole numbers of any size."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.on_chip_reference import episode as reference

from spikeloop.tasks.base import Interface
from spikeloop.workers.chip.capmem import ideal_constants
from spikeloop.workers.chip.circuit import Circuit, neuron_codes
from spikeloop.workers.chip.core import Core, new_core
from spikeloop.workers.chip.limits import N_NEURONS
from spikeloop.workers.kernels import routine
from spikeloop.workers.plasticity import (
    PROGRAMS,
    Fictive,
    Formula,
    Incremental,
    PlasticityNetwork,
    PlasticityNetworkPublished,
    PosteriorMean,
    hooks,
)
from spikeloop.workers.plasticity.formula import TERMS, FormulaMemory
from spikeloop.workers.plasticity.plasticity_network import NetworkMemory
from spikeloop.workers.plasticity.plasticity_network_published import (
    PublishedNetworkMemory,
    sigmoid_i32,
)
from spikeloop.workers.plasticity.replay import replay
from spikeloop.workers.plasticity.small_network import sigmoid_q15
from spikeloop.workers.space import ParameterSpace

S, A = 2, 3
FACE = Interface(S, A, "discrete", 100)
RNG = np.random.default_rng(0)
FORMULA = Formula(
    chosen={term: RNG.normal(0, 0.2) for term in TERMS},
    other={term: RNG.uniform(-4, 4) for term in TERMS[:7]},
)
RULES = (
    *(Incremental(), Fictive(), PosteriorMean()),
    PlasticityNetwork(inputs="extended"),
    FORMULA,
)


@routine
def experience(
    core: Core, memory: Any, states: NDArray[Any], actions: NDArray[Any], signals: NDArray[Any]
) -> None:
    """Let a program meet many decisions and their feedback."""
    for i in range(states.size):
        hooks.decided(core, memory, i, states[i], actions[i])
        hooks.rewarded(core, memory, states[i], actions[i], signals[i])


@routine
def begin(core: Core, memory: Any) -> None:
    """Let a program begin an episode."""
    hooks.begin(core, memory)


def start(program: Any, seed: int, interface: Interface = FACE) -> tuple[Core, Any]:
    """A chip and the memory of a program with a random Θ."""
    space = ParameterSpace(program.parameters(interface))
    points = space.sample(1, np.random.default_rng(seed))
    points[:, ~space.bounded()] *= 3.0
    theta = dict(zip(space.columns, space.decode(points).values[0].tolist(), strict=True))
    core = new_core(ideal_constants(neuron_codes(Circuit(), interface.n_observations)))
    memory = program.memory(theta, interface)
    begin(core, memory)
    return core, memory


def synapses(core: Core) -> list[int]:
    return core.weight_u6.reshape(-1, N_NEURONS)[:S, S : S + A].ravel().tolist()


def incremental(memory: Any) -> Callable[[int, int, int], list[int]]:
    constants = {
        "rate_q15": int(memory.rate_q15[0]),
        "decay_q15": memory.decay_q15,
        "initial_u16": int(memory.values.value_u16[0]),
        "low_u6": memory.values.low_u6,
        "fictive_q15": memory.fictive_q15,
    }
    return learning(reference.Incremental(constants, S, A))


def learning(rule: reference.ActionValues) -> Callable[[int, int, int], list[int]]:
    """Let a rule of the reference learn; returns its values."""

    def learn(state: int, action: int, signal_q7: int) -> list[int]:
        rule.rewarded(state, action, signal_q7)
        return list(rule.values)

    return learn


def posterior_mean(memory: Any) -> Callable[[int, int, int], list[int]]:
    values = memory.values.value_u16.tolist()
    won, tried = memory.won_u32.tolist(), memory.tried_u32.tolist()

    def learn(state: int, action: int, signal_q7: int) -> list[int]:
        pair = state * A + action
        won[pair] += reference.rounded(reference.reward_u16(signal_q7), 8)
        tried[pair] += 256
        values[pair] = min(won[pair] * 65536 // tried[pair], 65535)
        return [int(value) for value in values]

    return learn


def network(memory: NetworkMemory) -> Callable[[int, int, int], list[int]]:
    """The network in Python's integers, which also asserts that no sum leaves 32 bits."""
    constants = {"initial_u16": int(memory.values.value_u16[0]), "low_u6": memory.values.low_u6}
    for name in ("hidden_q12", "bias_q12", "output_q12", "second_output_q12"):
        numbered = enumerate(getattr(memory.network, name).tolist())
        constants |= {f"{name}_{i}": weight for i, weight in numbered}
    table, n_inputs = memory.network.sigmoid_q15.tolist(), memory.network.n_inputs_u8
    return learning(
        reference.PlasticityNetwork(constants, S, A, n_inputs, table, memory.time.share_q24)
    )


def formula(memory: FormulaMemory) -> Callable[[int, int, int], list[int]]:
    """The formula in Python's integers, from the names of its terms; no sum leaves 32 bits."""
    values, time = memory.values.value_u16.tolist(), 0
    coefficients = memory.other_q13.tolist(), memory.chosen_q13.tolist()

    def learn(state: int, action: int, signal_q7: int) -> list[int]:
        nonlocal time
        first, changes = state * A, []
        for pair in range(first, first + A):
            others = (sum(values[first : first + A]) - values[pair]) * memory.others_q16 // 2**16
            number = {
                "r": reference.rounded(reference.reward_u16(signal_q7), 4),
                "w": reference.rounded(values[pair], 4),
                "o": reference.rounded(others, 4),
                "t": reference.rounded(time, 12),
            }
            total = 0
            for term, coefficient in zip(TERMS, coefficients[pair == first + action], strict=True):
                letters = [letter for letter in term.split("*") if letter != "1"]
                x = [number[letter] for letter in letters] or [4096]
                product = reference.rounded(x[0] * x[1], 12) if len(x) == 2 else x[0]
                total += coefficient * product
                assert -(2**31) <= total < 2**31 - 2**8
            changes.append(reference.rounded(total, 9))
        for pair, change in zip(range(first, first + A), changes, strict=True):
            values[pair] = min(max(values[pair] + change, 0), 65535)
        time = min(time + memory.time.share_q24, 2**24)
        return [int(value) for value in values]

    return learn


def published(memory: PublishedNetworkMemory) -> Callable[[int, int], list[int]]:
    """The published program in Python's integers; returns the weights of both arms."""
    weights, step = memory.weight_u32.tolist(), 0
    hidden = memory.hidden_i32.reshape(7, 5).tolist()
    one, largest = 2**26, 2**31 - 1

    def learn(arm: int, signal_q7: int) -> list[int]:
        nonlocal step
        for k in range(2):
            flags = one if signal_q7 > 0 else -one, one if k == arm else -one
            x = [step * 2**18, *flags, weights[k] // 64, weights[1 - k] // 64]
            output = 0
            for j in range(7):
                total = int(memory.bias_i32[j])
                total += sum(p * q // 2**26 for p, q in zip(x, hidden[j], strict=True))
                point = (min(max(total, -largest), largest) // 2 + 2**30) // 2**22
                output += int(memory.sigmoid_i32[point]) // 32 * int(memory.output_i32[j]) // one
            limited = min(max(output, -largest), largest)
            change = limited * memory.learning_rate_u32 // 2**32
            weights[k] = min(max(weights[k] + change, 0), 2**32 - 1)
        step += 1
        return list(weights)

    return learn


EXACT: dict[str, Callable[[Any], Callable[[int, int, int], list[int]]]] = {
    "incremental": incremental,
    "fictive": incremental,
    "posterior_mean": posterior_mean,
    "plasticity_network": network,
    "formula": formula,
}


def assert_exact(program: Any, seed: int, n_updates: int, n_parts: int) -> None:
    """All values after each part of an experience, and the codes that synapses have of them."""
    core, memory = start(program, seed)
    learn, rng = EXACT[program.kind](memory), np.random.default_rng(seed)
    expected = memory.values.value_u16.tolist()
    for _ in range(n_parts):
        length = n_updates // n_parts
        states, actions = rng.integers(S, size=length), rng.integers(A, size=length)
        signals = rng.choice(np.array([0, 127, 0, 127, 50, -3, 255]), size=length)
        experience(core, memory, states, actions, signals)
        for experienced in np.column_stack([states, actions, signals]).tolist():
            expected = learn(*experienced)
        assert memory.values.value_u16.tolist() == expected
        low = memory.values.low_u6
        assert synapses(core) == [low + reference.rounded(v * (63 - low), 16) for v in expected]


@pytest.mark.parametrize("program", RULES, ids=lambda program: program.kind)
@pytest.mark.parametrize("seed", range(4))
def test_rules_follow_whole_numbers_bit_for_bit(program: Any, seed: int) -> None:
    assert_exact(program, seed, 500, 50)


@pytest.mark.exhaustive
@pytest.mark.parametrize("program", RULES, ids=lambda program: program.kind)
def test_rules_follow_whole_numbers_in_a_million_updates(program: Any) -> None:
    """From 100 hyperparameters: most rules settle within one experience."""
    for seed in range(100):
        assert_exact(program, seed, 10_000, 10)


def assert_published(seed: int, n_updates: int) -> None:
    """Both weights and both synapses after every update."""
    core, memory = start(PlasticityNetworkPublished(), seed, Interface(1, 2, "discrete", 100))
    learn, rng, codes = published(memory), np.random.default_rng(seed), [48, 48]
    zero = np.zeros(1, dtype=np.int64)
    for _ in range(n_updates):
        arm, signal = int(rng.integers(2)), int(rng.choice([0, 127]))
        experience(core, memory, zero, zero + arm, zero + signal)
        expected = learn(arm, signal)
        codes[arm] = expected[arm] // 2**27 + 32
        assert memory.weight_u32.tolist() == expected
        assert core.weight_u6[1:3].tolist() == codes


@pytest.mark.parametrize("seed", range(4))
def test_the_published_network_follows_its_program_bit_for_bit(seed: int) -> None:
    assert_published(seed, 100)


@pytest.mark.exhaustive
def test_the_published_network_follows_its_program_in_a_million_updates() -> None:
    for seed in range(10_000):
        assert_published(seed, 100)


def test_the_published_table_of_the_sigmoid() -> None:
    """Entries of mab.c, the first, the middle and the last ones among them."""
    table = sigmoid_i32()
    assert table[:4].tolist() == [241, 257, 273, 291]
    assert table[255:257].tolist() == [1056933148, 1090550498]
    assert table[-2:].tolist() == [2147483389, 2147483405]


def test_incremental_by_hand() -> None:
    """v = .75 → .75 + .5 (1 − .75) = .875, then with η = .25: .875 (1 − .25)."""
    theta = {"learning_rate": 0.5, "rate_decay": 0.5, "initial_value": 0.75, "code_low": 31.0}
    core = new_core(ideal_constants(neuron_codes(Circuit(), S)))
    memory = Incremental().memory(theta, FACE)
    begin(core, memory)
    zero = np.zeros(1, dtype=np.int64)
    experience(core, memory, zero, zero, zero + 127)
    assert memory.values.value_u16[0] == pytest.approx(0.875 * 65536, abs=1)
    experience(core, memory, zero, zero, zero)
    assert memory.values.value_u16[0] == pytest.approx(0.875 * 0.75 * 65536, abs=1)
    assert memory.values.value_u16[1] == 0.75 * 65536
    assert synapses(core)[:2] == [31 + round(0.65625 * 32), 31 + 24]


def test_a_formula_that_says_rule_a_is_rule_a_within_its_rounding() -> None:
    """Numbers of 12 bits make an update err by less than 2e-4 of a value of 1."""
    theta = {"learning_rate": 0.3, "rate_decay": 1.0, "initial_value": 0.5, "code_low": 31.0}
    rng = np.random.default_rng(0)
    actions = rng.integers(3, size=(1, 200))
    feedback = rng.integers(2, size=(1, 200)).astype(np.float64)
    face = Interface(1, 3, "discrete", 200)
    rule = replay(Incremental(), theta, face, actions, feedback)
    written = Formula(chosen={"r": 0.3, "w": -0.3})
    assert np.abs(replay(written, theta, face, actions, feedback).value - rule.value).max() < 6e-4
    wrong = Formula(chosen={"r": 0.3, "w": -0.31})
    assert np.abs(replay(wrong, theta, face, actions, feedback).value - rule.value).max() > 6e-4


def test_a_network_of_zeros_changes_nothing() -> None:
    program = PlasticityNetwork()
    space = ParameterSpace(program.parameters(FACE))
    values = space.decode(space.default_point()[None]).values[0]
    theta = dict(zip(space.columns, values, strict=True))
    core = new_core(ideal_constants(neuron_codes(Circuit(), S)))
    memory = program.memory(theta, FACE)
    begin(core, memory)
    before, rng = synapses(core), np.random.default_rng(0)
    experience(
        core, memory, rng.integers(S, size=50), rng.integers(A, size=50), rng.integers(128, size=50)
    )
    assert synapses(core) == before
    assert space.n_dim == 49 + 2  # the published number of weights


def test_the_network_is_near_its_floating_point_twin() -> None:
    """Each change within 3e-4 of a value of 1: inputs of 12 bits, a table of 257 points."""
    rng = np.random.default_rng(0)
    worst = 0.0
    for seed in range(20):
        core, memory = start(PlasticityNetwork(), seed, Interface(1, 2, "discrete", 100))
        hidden, bias, output = (
            weights / 4096.0
            for net in [memory.network]
            for weights in (net.hidden_q12.reshape(7, 5), net.bias_q12, net.output_q12)
        )
        for step in range(20):
            before = memory.values.value_u16 / 65536.0
            action, reward = int(rng.integers(2)), int(rng.integers(2))
            zero = np.zeros(1, dtype=np.int64)
            experience(core, memory, zero, zero + action, zero + 127 * reward)
            for k in range(2):
                x = [step / 100, 2 * reward - 1, 1 if k == action else -1, before[k], before[1 - k]]
                h = 1 / (1 + np.exp(-np.clip(hidden @ x + bias, -8, 8)))
                exact = np.clip(before[k] + output @ h / 64, 0, 1)
                worst = max(worst, abs(exact - memory.values.value_u16[k] / 65536))
    assert worst < 3e-4


@pytest.mark.parametrize("points", [33, 65, 129, 257])
def test_tables_of_the_sigmoid_are_interpolated_within_their_bounds(points: int) -> None:
    """|f''| ≤ 0.0962 for the logistic function, so a straight line errs by at most f'' d² / 8."""
    program = PlasticityNetwork(table_points=points)  # type: ignore[arg-type]
    table = sigmoid_q15(points)
    at = np.linspace(-8, 8, 10_001)
    between = np.interp(at, np.linspace(-8, 8, points), table / 32767)
    error = np.abs(between - 1 / (1 + np.exp(-at))).max()
    assert error < 0.0963 * (16 / (points - 1)) ** 2 / 8 + 2e-5
    assert program.table_points == points


def test_ablations_take_inputs_away() -> None:
    """A network that sees only one input answers to it and, when that is silenced, to nothing."""
    for i, name in enumerate(("time", "reward", "chosen", "own", "others")):
        found = []
        for silenced in ([], [name]):
            _, memory = start(
                PlasticityNetwork(n_hidden=1, silenced=silenced),  # type: ignore[arg-type]
                0,
                Interface(1, 2, "discrete", 4),
            )
            memory.network.hidden_q12[:] = 0
            memory.network.bias_q12[:] = 0
            memory.network.hidden_q12[i] = memory.network.output_q12[0] = 4096
            core = new_core(ideal_constants(neuron_codes(Circuit(), 1)))
            zero = np.zeros(4, dtype=np.int64)
            experience(core, memory, zero, zero, zero + 127)
            found.append(memory.values.value_u16.tolist())
        assert found[0] != found[1], name


def test_only_the_chosen_value_changes_where_that_is_set() -> None:
    """The chosen action's value is that of the whole network after one reward, the others stay."""
    zero, rewarded = np.zeros(1, dtype=np.int64), []
    for changes in ("all", "chosen"):
        core, memory = start(PlasticityNetwork(changes=changes), 0)
        initial = memory.values.value_u16.tolist()
        experience(core, memory, zero, zero + 1, zero + 127)
        rewarded.append(memory.values.value_u16.tolist())
    everything, chosen = rewarded
    assert everything[0] != initial[0] and everything[1] != initial[1]
    assert chosen == [initial[0], everything[1], *initial[2:]]


@pytest.mark.parametrize("kind", PROGRAMS)
def test_updates_take_longer_the_more_they_compute(kind: str) -> None:
    program = PROGRAMS[kind]()
    assert 0 <= program.cycles(2) <= program.cycles(8) < 20_000
    assert (program.cycles(2) > 0) == (not program.kind.startswith(("td_", "reward_")))
