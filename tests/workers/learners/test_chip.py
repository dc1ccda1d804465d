"""The chip agent: its hyperparameters, and that it learns."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from statistical import assert_better, assert_mean

from spikeloop.tasks.base import Interface, SeedArray
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.workers.chip.analog import Circuit
from spikeloop.workers.learners.chip import ChipTd
from spikeloop.workers.space import Parameters, Real

FAMILY = RandomMdp()
COLUMNS = (
    "gamma",
    "eta",
    "weight_lower",
    "weight_upper",
    "initial_weight",
    "inhibition",
    "rescale_period",
)


def seeds(n_candidates: int, n_tasks: int) -> SeedArray:
    rng = np.random.default_rng(0)
    return rng.integers(0, 2**64, (n_candidates, n_tasks), dtype=np.uint64)


def test_the_hyperparameters_are_the_published_seven_with_their_bounds() -> None:
    space = ChipTd().space(FAMILY.interface)
    assert space.columns == COLUMNS
    bounds = [(p.low, p.high) for p in space.parameters if isinstance(p, Real)]
    assert bounds == [
        (0, 1),
        (0, 1),
        (0, 63),
        ("weight_lower", 63),
        (0, 63),
        (pytest.approx(6.3), 63),
        (pytest.approx(25.8), 2000),
    ]
    searched = ChipTd(search_trace_decay=True).space(FAMILY.interface)
    assert searched.columns == (*COLUMNS, "trace_decay")


def test_the_initial_law_keeps_the_upper_weight_above_the_lower_one() -> None:
    space = ChipTd().space(FAMILY.interface)
    law = space.decode(space.sample(500, np.random.default_rng(0)))
    assert (law["weight_upper"] >= law["weight_lower"]).all()
    assert law["weight_lower"].max() > 60


@pytest.mark.parametrize(
    ("interface", "message"),
    [
        (Interface(2, 2, "continuous", 10), "needs discrete actions, got continuous"),
        (Interface(1, 2, "discrete", 10), "needs at least 2 states, got 1"),
        (Interface(20, 13, "discrete", 10), "has 32, got 20 states and 13 actions"),
    ],
)
def test_families_without_enough_neurons_are_refused(interface: Interface, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ChipTd().space(interface)


def test_all_32_neurons_may_be_used() -> None:
    family = RandomMdp(n_states=20, n_actions=12, n_steps=5)
    learner = ChipTd()
    space = learner.space(family.interface)
    tasks = family.sample(1, np.random.default_rng(0))
    lives = learner.live(space.decode(space.default_point()[None]), tasks, seeds(1, 1))
    assert 0 < lives.returns[0, 0] < 5


def test_chip_number_calibration_and_circuit_change_the_life() -> None:
    tasks = RandomMdp(n_steps=60).sample(2, np.random.default_rng(0))
    returns = set()
    for learner in (
        ChipTd(),
        ChipTd(chip=21),
        ChipTd(calibrated=False),
        ChipTd(circuit=Circuit(noise_V=0.0)),
    ):
        space = learner.space(FAMILY.interface)
        parameters = space.decode(space.default_point()[None])
        returns.add(float(learner.live(parameters, tasks, seeds(1, 2)).returns.sum()))
    assert len(returns) == 4


def test_the_trace_decay_setting_is_the_hyperparameters_value() -> None:
    tasks = RandomMdp(n_steps=60).sample(2, np.random.default_rng(0))
    theta = [0.6, 0.5, 20.0, 60.0, 50.0, 40.0, 30.0]
    fixed, searched = ChipTd(trace_decay=0.8), ChipTd(search_trace_decay=True)
    one, other = (
        learner.live(
            Parameters(learner.space(FAMILY.interface), np.array([row])), tasks, seeds(1, 2)
        )
        for learner, row in ((fixed, theta), (searched, [*theta, 0.8]))
    )
    np.testing.assert_array_equal(one.returns, other.returns)


def test_a_good_theta_learns_and_one_that_cannot_learn_does_not() -> None:
    """60 MDPs. Rewards are symmetric about 0.5, so who does not learn earns what chance does.

    A learner that is no better passes each sign test at 1e-3: 43 wins of 60 are needed, which
    something that wins 5 pairs in 6 reaches with probability 0.98. The two means give false alarms
    at 1e-4 each, and see 0.11 of the score and 0.05 more reward per step at the end of a life.
    """
    n_tasks = 60
    learner = ChipTd()
    tasks = FAMILY.sample(n_tasks, np.random.default_rng(5))
    good = [0.03, 0.5, 20.0, 60.0, 55.0, 50.0, 2000.0]
    frozen = [0.03, 0.0, 55.0, 55.0, 55.0, 50.0, 2000.0]
    parameters = Parameters(learner.space(FAMILY.interface), np.array([good, frozen]))
    lives = learner.live(parameters, tasks, np.broadcast_to(seeds(1, n_tasks), (2, n_tasks)))

    assert_better(lives.returns[0], lives.returns[1], alpha=1e-3)
    gain = lives.returns - tasks.references().random
    assert_mean(gain[1], 0.0, alpha=1e-4)
    with pytest.raises(AssertionError):
        assert_mean(gain[0], 0.0, alpha=1e-4)

    first, last = lives.curve[..., 0], lives.curve[..., -1]
    assert_better(last[0], first[0], alpha=1e-3)
    with pytest.raises(AssertionError):
        assert_better(last[1], first[1], alpha=1e-3)
    assert_mean(last[1] - first[1], 0.0, alpha=1e-4)
    with pytest.raises(AssertionError):
        assert_mean(last[0] - first[0], 0.0, alpha=1e-4)


BITS = """
import numpy as np
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.workers.learners.chip import ChipTd
family, learner = RandomMdp(n_steps=100), ChipTd()
space, tasks = learner.space(family.interface), family.sample(4, np.random.default_rng(0))
parameters = space.decode(space.default_point()[None])
lives = learner.live(parameters, tasks, np.arange(4, dtype=np.uint64)[None])
print(lives.returns.tobytes().hex())
"""


def test_bits_do_not_depend_on_the_width_of_the_vector_unit(tmp_path: Path) -> None:
    """Compiled for this machine, and for the least one of its kind, which has narrow vectors."""
    least = {
        "NUMBA_CPU_NAME": "generic",
        "NUMBA_CPU_FEATURES": "",
        "NUMBA_CACHE_DIR": str(tmp_path),
    }
    here, there = (
        subprocess.run(
            [sys.executable, "-c", BITS],
            env={**os.environ, **extra},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for extra in ({}, least)
    )
    assert len(here) > 4 * 16
    assert here == there
