"""The integer reference agrees with programs: constants of every coordinate, and SARSA(λ)."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.on_chip_reference import constants as reference
from support.on_chip_reference.episode import TdLambda as Reference
from support.program_hooks import begin, experience

from spikeloop.tasks.base import Interface
from spikeloop.workers.chip.capmem import ideal_constants
from spikeloop.workers.chip.circuit import Circuit, neuron_codes
from spikeloop.workers.chip.core import new_core
from spikeloop.workers.learners.chip.agent import ChipAgent
from spikeloop.workers.plasticity import Fictive, Incremental, PlasticityNetwork, TdLambda

SEARCHED = TdLambda(search_trace_decay=True, search_reward_scale=True)


def made_by_host(program: Any, interface: Interface, x: list[int]) -> dict[str, float]:
    """Θ of the point (x + 1/2) / 65536, and of weights (x − 32768) / 8192 rounded to Q12."""
    space = ChipAgent(program=program).space(interface)
    unit = (np.array(x) + 0.5) / 65536
    weights = np.array([reference.network_q12(v) for v in x]) / 4096
    point = np.where(space.bounded(), unit, weights)
    return dict(zip(space.columns, space.decode(point[None]).values[0].tolist(), strict=True))


def td_lambda(x: list[int], n_steps: int) -> None:
    theta = made_by_host(SEARCHED, Interface(6, 8, "discrete", n_steps), x)
    memory = SEARCHED.memory(theta, Interface(6, 8, "discrete", n_steps))
    expected = reference.td_lambda(x, n_steps, trace_decay=None, search_reward_scale=True)
    assert expected == {
        "gamma_q7": memory.td.gamma_q7,
        "eta_q7": memory.td.eta_q7,
        "lower_u6": memory.weight_lower >> 7,
        "upper_u6": memory.weight_upper >> 7,
        "initial_u6": int(memory.table[0]) >> 7,
        "rescale_period": memory.td.rescale_period,
        "lambda_q7": memory.td.lambda_q7,
        "scale_q7": memory.scale_q7,
        "inhibition_u6": round(theta["inhibition"]),
    }


def fictive(x: list[int], n_steps: int) -> None:
    program, interface = Fictive(), Interface(1, 2, "discrete", n_steps)
    theta = made_by_host(program, interface, x)
    memory = program.memory(theta, interface)
    assert reference.incremental(x, fictive=True) == {
        "rate_q15": memory.rate_q15[0],
        "decay_q15": memory.decay_q15,
        "initial_u16": memory.values.value_u16[0],
        "low_u6": memory.values.low_u6,
        "fictive_q15": memory.fictive_q15,
        "inhibition_u6": round(theta["inhibition"]),
    }
    less = reference.incremental([*x[:4], x[5]])
    assert less == {**reference.incremental(x, fictive=True), "fictive_q15": 0}


def network(x: list[int], n_steps: int) -> None:
    program, interface = PlasticityNetwork(), Interface(1, 2, "discrete", n_steps)
    theta = made_by_host(program, interface, x)
    memory = program.memory(theta, interface)
    found = reference.plasticity_network(x)
    for name in ("hidden_q12", "bias_q12", "output_q12"):
        weights = getattr(memory.network, name).tolist()
        assert [found[f"{name}_{i}"] for i in range(len(weights))] == weights
    assert found["initial_u16"] == memory.values.value_u16[0]
    assert found["low_u6"] == memory.values.low_u6


Check = Callable[[list[int], int], None]


@pytest.mark.parametrize(("check", "n_dim"), [(td_lambda, 9), (fictive, 6), (network, 52)])
def test_constants_are_those_of_the_host(check: Check, n_dim: int) -> None:
    rng = np.random.default_rng(n_dim)
    for x in ([0] * n_dim, [65535] * n_dim, [32768] * n_dim, [32767] * n_dim):
        check(x, 2000)
    for _ in range(100):
        check(rng.integers(0, 65536, n_dim).tolist(), int(rng.integers(1, 100_000)))


@pytest.mark.exhaustive
@pytest.mark.parametrize(("check", "n_dim"), [(td_lambda, 9), (fictive, 6)])
def test_constants_of_every_coordinate_are_those_of_the_host(check: Check, n_dim: int) -> None:
    for x in range(65536):
        check([(x + 40_503 * j) % 65536 for j in range(n_dim)], 2000)


def test_the_constants_of_a_rule_with_fewer_parameters() -> None:
    x = list(range(0, 63_000, 9000))
    assert reference.td_lambda(x, 2000)["inhibition_u6"] == reference.inhibition_u6(x[-1])
    assert reference.td_lambda(x, 2000)["lambda_q7"] == 64
    assert (
        Incremental()
        .memory(
            made_by_host(Incremental(), Interface(1, 2, "discrete", 9), x[:5]),
            Interface(1, 2, "discrete", 9),
        )
        .rate_q15[0]
        == reference.incremental(x[:5])["rate_q15"]
    )


@pytest.mark.parametrize("seed", range(5))
def test_sarsa_follows_the_reference_bit_for_bit(seed: int) -> None:
    """Table and traces after each of 400 steps; weights are written from the table."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 65536, 9).tolist()
    interface = Interface(6, 8, "discrete", 400)
    memory = SEARCHED.memory(made_by_host(SEARCHED, interface, x), interface)
    made = reference.td_lambda(x, 400, trace_decay=None, search_reward_scale=True)
    rule = Reference(made, 6, 8)
    core = new_core(ideal_constants(neuron_codes(Circuit(), 6)))
    begin(core, memory)
    for step in range(400):
        state, action = int(rng.integers(6)), int(rng.integers(8))
        signal_q7 = int(rng.integers(128))
        experience(core, memory, step, state, action, signal_q7)
        rule.decided(step, state, action)
        rule.rewarded(state, action, signal_q7)
        assert memory.table.tolist() == rule.table
        assert memory.trace_q7.tolist() == rule.trace
        assert core.weight_u6[32 * state + 6 : 32 * state + 14].tolist() == rule.codes(state)
