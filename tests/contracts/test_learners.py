"""What every learner must do: a life depends on its own parameters, task and seed only.

``learner_cases`` says what each learner lives in, and with which settings it is quick.
"""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.learner_cases import (
    N_CANDIDATES,
    N_STEPS,
    N_TASKS,
    REWARDS,
    Case,
    case,
    family_of,
    quick,
)

from spikeloop.tasks.base import Interface, References
from spikeloop.workers.base import N_CURVE_BINS, Lives
from spikeloop.workers.learners import LEARNERS

TAKES_ALL = {"brian_recurrent"}
"""Learners for which no family is unsuitable."""
TAKES_NO_LUCK = {"brian_liquid", "lsnn"}
"""Learners whose lives hold nothing random in the family that they are tested in."""

KINDS = [pytest.param(k, marks=pytest.mark.brian) if "brian" in k else k for k in LEARNERS]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@cache
def lived(kind: str) -> Lives:
    """The lives of ``case``, once for all tests that only look at them."""
    return case(kind).live()


def bits(kind: str) -> str:
    """All numbers of the lives of ``case``, exactly."""
    lives = case(kind).live()
    return lives.returns.tobytes().hex() + lives.curve.tobytes().hex()


def test_lives_have_the_stated_shapes_and_are_finite(kind: str) -> None:
    lives = lived(kind)
    assert lives.returns.shape == (N_CANDIDATES, N_TASKS)
    assert lives.curve.shape == (N_CANDIDATES, N_TASKS, N_CURVE_BINS)
    assert lives.returns.dtype == lives.curve.dtype == np.float64
    assert lives.n_simulated_steps == N_CANDIDATES * N_TASKS * N_STEPS
    assert np.isfinite(lives.returns).all()


def test_action_values_are_one_finite_number_per_state_and_action(kind: str) -> None:
    values = lived(kind).action_values
    if values is not None:
        interface = family_of(kind).interface
        shape = (N_CANDIDATES, N_TASKS, interface.n_observations, interface.n_actions)
        assert values.shape == shape
        assert values.dtype == np.float64
        assert np.isfinite(values).all()


def test_the_curve_is_the_return_spread_over_the_life(kind: str) -> None:
    lives = lived(kind)
    np.testing.assert_allclose(lives.curve.mean(axis=2), lives.returns / N_STEPS, rtol=1e-12)
    smallest, largest = REWARDS[family_of(kind).kind]
    assert (lives.curve >= smallest).all()
    assert (lives.curve <= largest).all()


@pytest.mark.parametrize("n_steps", [1, 7, 40, 47])
def test_lives_of_any_length_have_a_full_curve(kind: str, n_steps: int) -> None:
    family, learner = family_of(kind, n_steps), quick(kind)
    space = learner.space(family.interface)
    tasks = family.sample(2, np.random.default_rng(0))
    seeds = np.arange(2, dtype=np.uint64)[None]
    lives = learner.live(space.decode(space.default_point()[None]), tasks, seeds)
    n_bins = min(N_CURVE_BINS, n_steps)
    assert lives.curve.shape == (1, 2, n_bins)
    lengths = np.bincount(np.arange(n_steps) * n_bins // n_steps)
    np.testing.assert_allclose(lives.curve @ lengths, lives.returns, rtol=1e-12)


@pytest.fixture(scope="module")
def elsewhere() -> dict[str, str]:
    """``bits`` of every learner in another process, one for all because imports take seconds."""
    script = (
        "import json; from test_learners import LEARNERS, bits; "
        "print(json.dumps({kind: bits(kind) for kind in LEARNERS}))"
    )
    here_and_above = os.pathsep.join(map(str, Path(__file__).parents[:2]))
    environment = {**os.environ, "PYTHONHASHSEED": "99", "PYTHONPATH": here_and_above}
    there = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, str] = json.loads(there.stdout)
    return found


def test_the_same_seeds_give_the_same_bits_in_another_process(
    kind: str, elsewhere: dict[str, str]
) -> None:
    here = bits(kind)
    assert here == bits(kind)
    assert elsewhere[kind] == here


def test_another_seed_gives_another_life(kind: str) -> None:
    one = case(kind)
    other = Case(one.learner, one.parameters, one.tasks, one.seeds ^ np.uint64(1))
    differ = lived(kind).returns != other.live().returns
    assert not differ.any() if kind in TAKES_NO_LUCK else differ.mean() > 0.5


def test_a_life_does_not_depend_on_its_neighbours(kind: str) -> None:
    whole, lives = case(kind), lived(kind)
    for candidate in range(N_CANDIDATES):
        for task in range(N_TASKS):
            alone = whole.one(candidate, task).live()
            assert alone.returns[0, 0] == lives.returns[candidate, task]
            np.testing.assert_array_equal(alone.curve[0, 0], lives.curve[candidate, task])


def test_lives_in_threads_are_the_lives_of_one(kind: str) -> None:
    """A worker with several cores lives its tiles side by side in one process."""
    one = bits(kind)
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(bits, [kind] * 12)) == [one] * 12


def test_inputs_are_not_written_to(kind: str) -> None:
    whole = case(kind)
    arrays = [whole.parameters.values, whole.seeds]
    arrays += [a for a in vars(whole.tasks).values() if isinstance(a, np.ndarray)]
    before = [array.copy() for array in arrays]
    for array in arrays:
        array.setflags(write=False)
    whole.live()
    for array, copy in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_the_default_point_decodes_to_the_defaults(kind: str) -> None:
    space = quick(kind).space(family_of(kind).interface)
    values = space.decode(space.default_point()[None])
    for parameter in space.parameters:
        value = values[parameter.name][0]
        assert value == pytest.approx(parameter.default, rel=1e-12), parameter.name


def test_kind_is_the_name_in_the_table_and_settings_round_trip(kind: str) -> None:
    learner = quick(kind)
    assert learner.kind == kind
    dumped = dict(learner.model_dump(mode="json"))
    assert LEARNERS[kind](**dumped) == learner


def test_an_unsuitable_family_is_refused(kind: str) -> None:
    if kind in TAKES_ALL:
        assert quick(kind).space(Interface(3, 2, "continuous", 10)).n_dim > 0
        return
    with pytest.raises(ValueError, match=f"{kind} needs"):
        quick(kind).space(Interface(3, 2, "continuous", 10))


class NoTables:
    """A batch of a kind that no learner of the table knows."""

    n_tasks = 1

    def __getitem__(self, tasks: slice) -> "NoTables":
        return self

    def references(self) -> References:
        return References(np.zeros(1), np.ones(1))


def test_an_unsuitable_batch_is_refused(kind: str) -> None:
    whole = case(kind)
    tasks: Any = NoTables()
    with pytest.raises(ValueError, match=f"{kind} needs .* NoTables"):
        whole.learner.live(whole.parameters, tasks, whole.seeds)
