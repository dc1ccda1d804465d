"""Q-learning with advantages: its integers, and what each of its parts does."""

from typing import Any

import numpy as np
import pytest
from support.program_hooks import begin, experience

from spikeloop.tasks.base import Interface
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.workers.chip.capmem import ideal_constants
from spikeloop.workers.chip.circuit import Circuit, neuron_codes
from spikeloop.workers.chip.core import Core, new_core
from spikeloop.workers.chip.limits import N_NEURONS
from spikeloop.workers.chip.memory import data_bytes
from spikeloop.workers.plasticity.td_advantage import TdAdvantage, TdAdvantageMemory, rates_q15
from spikeloop.workers.space import ParameterSpace

S, A = 3, 4
THETA = {
    "gamma": 0.5,
    "eta": 0.5,
    "kappa": 0.25,
    "initial_value": 1.0,
    "gain": 256.0,
    "best_weight": 60.0,
}
ONE = 8128


def start(program: TdAdvantage | None = None, **theta: float) -> tuple[Core, TdAdvantageMemory]:
    core = new_core(ideal_constants(neuron_codes(Circuit(), S)))
    memory = (program or TdAdvantage()).memory(
        {**THETA, **theta}, Interface(S, A, "discrete", 2000)
    )
    begin(core, memory)
    return core, memory


def synapses(core: Core) -> list[int]:
    return core.weight_u6.reshape(-1, N_NEURONS)[:S, S : S + A].ravel().tolist()


def values_of(*numbers: int) -> list[int]:
    """Values of all pairs at the start of a test, the first ones given, the others 0."""
    return [*numbers, *[0] * (S * A - len(numbers))]


def clamp(x: int, least: int, most: int) -> int:
    return min(max(x, least), most)


class Exact:
    """The rule in Python's unbounded integers, with each saturation and rounding written out."""

    def __init__(self, memory: TdAdvantageMemory, program: TdAdvantage) -> None:
        self.memory, self.program = memory, program
        self.rates = memory.rate_q15.tolist()
        self.values, self.visits = [memory.initial_i16] * (S * A), [0] * (S * A)
        self.weights = [memory.best_u6] * (S * A)

    def learn(self, pair: int, reward_q7: int, successor: int) -> None:
        ahead = (max(self.values[successor * A : successor * A + A]) * self.memory.gamma_q7) + 64
        target = clamp(64 * reward_q7 + (ahead >> 7), -32768, 32767)
        error = clamp(target - self.values[pair], -32768, 32767)
        step = (error * self.rates[min(self.visits[pair], 127)] + 2**14) // 2**15
        unit = 2**self.program.dropped_bits
        moved = clamp(self.values[pair] + step, -32768, 32767)
        self.values[pair] = clamp((moved + unit // 2) // unit * unit, -32768, 32767)
        self.visits[pair] += 1
        first = pair // A * A
        best = max(self.values[first : first + A])
        if self.program.weights == "values":
            best = self.memory.initial_i16
        for i in range(first, first + A):
            drop = ((best - self.values[i]) * self.memory.gain_u16 + 2**12) // 2**13
            self.weights[i] = clamp(self.memory.best_u6 - drop, 0, 63)


@pytest.mark.parametrize("weights", ["advantages", "values"])
@pytest.mark.parametrize("seed", range(10))
def test_a_long_experience_follows_the_rule_in_whole_numbers(seed: int, weights: Any) -> None:
    """Every bit of values and weights, at rewards beyond 1 too, which saturate."""
    rng = np.random.default_rng(seed)
    program = TdAdvantage(dropped_bits=int(rng.choice([0, 0, 7, 10])), weights=weights)
    space = ParameterSpace(program.parameters(RandomMdp().interface))
    values = space.decode(rng.random((1, space.n_dim))).values[0]
    theta = dict(zip(space.columns, values.tolist(), strict=True))
    core, memory = start(program, **theta)
    exact = Exact(memory, program)
    assert synapses(core) == exact.weights
    pair, reward_q7 = -1, 0
    for step in range(600):
        state, action = int(rng.integers(S)), int(rng.integers(A))
        if pair >= 0:
            exact.learn(pair, reward_q7, state)
        pair, reward_q7 = state * A + action, int(rng.integers(-256, 256))
        experience(core, memory, step, state, action, reward_q7)
        assert memory.value_i16.tolist() == exact.values
        assert synapses(core) == exact.weights
    assert max(exact.visits) < 127 or memory.visits_u8.max() == 127


def test_one_update_by_hand() -> None:
    """δ = 64·127 + 0.5·4000 − 2128 = 8000; rates are 1/2, then 1/2 / 1.25 = 0.4."""
    core, memory = start()
    memory.value_i16[:] = values_of(2128, 1000, 0, 0, 4000, 3000)
    experience(core, memory, 0, 0, 0, 127)
    experience(core, memory, 1, 1, 1, 0)
    assert memory.value_i16[:4].tolist() == [2128 + 4000, 1000, 0, 0]
    # (6128 − 1000) · 256 / 8192 = 160.25 codes below the best: nothing is left of 60.
    assert synapses(core)[:4] == [60, 0, 0, 0]
    experience(core, memory, 2, 0, 0, 127)  # Q(1, 1) ← 3000 + 0.5 (0.5 · 6128 − 3000) = 3032
    assert memory.value_i16[4:6].tolist() == [4000, 3032]
    assert synapses(core)[4:6] == [60, 60 - 30]
    experience(core, memory, 3, 1, 0, 0)  # δ = 8128 + 2000 − 6128 = 4000
    assert memory.value_i16[0] == 6128 + 1600
    assert memory.visits_u8.tolist() == values_of(2, 0, 0, 0, 0, 1)


def test_the_best_action_of_every_state_keeps_the_full_weight() -> None:
    """However low its value; weights that are values fall with it."""
    of_best = {}
    for weights in ("advantages", "values"):
        program = TdAdvantage.model_validate({"weights": weights})
        core, memory = start(program, initial_value=1.0, eta=1.0, kappa=0.0, gamma=0.0, gain=40.0)
        for step in range(S * A + 1):
            experience(core, memory, step, step // A % S, step % A, 10)
        of_best[weights] = max(synapses(core)[:A])
    assert of_best == {"advantages": 60, "values": 60 - round(117 / 127 * ONE * 40 / 8192)}


def test_rates_are_the_law_and_the_last_one_stays() -> None:
    rates = rates_q15(0.5, 0.25)
    assert rates.tolist() == [round(2**15 * 0.5 / (1 + 0.25 * n)) for n in range(128)]
    assert rates_q15(1.0, 0.0).tolist() == [32767] * 128
    core, memory = start(eta=1.0, kappa=1.0)
    memory.visits_u8[0] = 127
    memory.value_i16[0] = 0
    experience(core, memory, 0, 0, 0, 127)
    experience(core, memory, 1, 1, 0, 0)
    assert memory.visits_u8[0] == 127
    assert memory.value_i16[0] == round((ONE + ONE / 2) / 128)


def test_sample_averages_come_out_within_rounding() -> None:
    """η = κ = 1 and γ = 0 make a value the mean of its pair's rewards, of up to 128 visits.

    A visit rounds by half a unit and its rate by 2⁻¹⁶; an error is later scaled by (n − 1) / n.
    """
    rng = np.random.default_rng(3)
    core, memory = start(gamma=0.0, eta=1.0, kappa=1.0)
    rewards = rng.integers(0, 128, 128).tolist()
    for step, reward in enumerate([*rewards, 0]):
        experience(core, memory, step, 0, 0, reward)
    assert abs(memory.value_i16[0] - 64 * np.mean(rewards)) <= 0.5 * 128 / 2 + 1


def test_values_hold_every_discount_that_is_searched() -> None:
    """1 / (1 − γ) = 4 at the largest γ; its fixed point is reached and not the halfword's end."""
    core, memory = start(gamma=0.75, eta=1.0, kappa=0.0, initial_value=4.0)
    assert memory.value_i16.tolist() == [4 * ONE] * (S * A)
    for step in range(60):
        experience(core, memory, step, 0, 0, 127)
    assert abs(int(memory.value_i16[0]) - 4 * ONE) <= 4


def test_settings_take_hyperparameters_away() -> None:
    def names(**settings: Any) -> list[str]:
        program = TdAdvantage.model_validate(settings)
        return [p.name for p in program.parameters(RandomMdp().interface)]

    assert names() == ["gamma", "eta", "kappa", "initial_value", "gain", "best_weight"]
    without = names(discount=False, falling_rate=False)
    assert without == ["eta", "initial_value", "gain", "best_weight"]
    few = {name: THETA[name] for name in without}
    memory = TdAdvantage(discount=False, falling_rate=False).memory(
        few, Interface(S, A, "discrete", 2000)
    )
    assert memory.gamma_q7 == 0
    assert set(memory.rate_q15.tolist()) == {2**14}


def test_its_data_take_three_bytes_a_pair_beside_the_rates() -> None:
    """For 6 states and 8 actions: 144 of values and visits, 256 of rates, 14 of constants."""
    assert (
        data_bytes(TdAdvantage().memory(THETA, Interface(6, 8, "discrete", 2000)))
        == 48 * 3 + 128 * 2 + 14
    )
