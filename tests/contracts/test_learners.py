"""What every learner must do: an episode depends on its own parameters, task and seed only.

``learner_cases`` says what each learner runs in, and with which settings it is quick.
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
from learner_cases import (
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
from spikeloop.workers.base import N_CURVE_BINS, Episodes
from spikeloop.workers.learners import LEARNERS

TAKES_ALL = {"brian_recurrent"}
"""Learners for which no family is unsuitable."""
TAKES_NO_LUCK = {"brian_liquid", "lsnn"}
"""Learners whose episodes hold nothing random in the family that they are tested in."""

KINDS = [pytest.param(k, marks=pytest.mark.brian) if "brian" in k else k for k in LEARNERS]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@cache
def episodes_done(kind: str) -> Episodes:
    """The episodes of ``case``, once for all tests that only look at them."""
    return case(kind).run_episodes()


def bits(kind: str) -> str:
    """All numbers of the episodes of ``case``, exactly."""
    episodes = case(kind).run_episodes()
    return episodes.returns.tobytes().hex() + episodes.curve.tobytes().hex()


def test_episodes_have_the_stated_shapes_and_are_finite(kind: str) -> None:
    episodes = episodes_done(kind)
    assert episodes.returns.shape == (N_CANDIDATES, N_TASKS)
    assert episodes.curve.shape == (N_CANDIDATES, N_TASKS, N_CURVE_BINS)
    assert episodes.returns.dtype == episodes.curve.dtype == np.float64
    assert episodes.n_simulated_steps == N_CANDIDATES * N_TASKS * N_STEPS
    assert np.isfinite(episodes.returns).all()


def test_action_values_are_one_finite_number_per_state_and_action(kind: str) -> None:
    values = episodes_done(kind).action_values
    if values is not None:
        interface = family_of(kind).interface
        shape = (N_CANDIDATES, N_TASKS, interface.n_observations, interface.n_actions)
        assert values.shape == shape
        assert values.dtype == np.float64
        assert np.isfinite(values).all()


def test_the_curve_is_the_return_spread_over_the_episode(kind: str) -> None:
    episodes = episodes_done(kind)
    np.testing.assert_allclose(episodes.curve.mean(axis=2), episodes.returns / N_STEPS, rtol=1e-12)
    smallest, largest = REWARDS[family_of(kind).kind]
    assert (episodes.curve >= smallest).all()
    assert (episodes.curve <= largest).all()


@pytest.mark.parametrize("n_steps", [1, 7, 40, 47])
def test_episodes_of_any_length_have_a_full_curve(kind: str, n_steps: int) -> None:
    family, learner = family_of(kind, n_steps), quick(kind)
    space = learner.space(family.interface)
    tasks = family.sample(2, np.random.default_rng(0))
    seeds = np.arange(2, dtype=np.uint64)[None]
    episodes = learner.run_episodes(space.decode(space.default_point()[None]), tasks, seeds)
    n_bins = min(N_CURVE_BINS, n_steps)
    assert episodes.curve.shape == (1, 2, n_bins)
    lengths = np.bincount(np.arange(n_steps) * n_bins // n_steps)
    np.testing.assert_allclose(episodes.curve @ lengths, episodes.returns, rtol=1e-12)


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


def test_another_seed_gives_another_episode(kind: str) -> None:
    one = case(kind)
    other = Case(one.learner, one.parameters, one.tasks, one.seeds ^ np.uint64(1))
    differ = episodes_done(kind).returns != other.run_episodes().returns
    assert not differ.any() if kind in TAKES_NO_LUCK else differ.mean() > 0.5


def test_a_episode_does_not_depend_on_its_neighbours(kind: str) -> None:
    whole, episodes = case(kind), episodes_done(kind)
    for candidate in range(N_CANDIDATES):
        for task in range(N_TASKS):
            alone = whole.one(candidate, task).run_episodes()
            assert alone.returns[0, 0] == episodes.returns[candidate, task]
            np.testing.assert_array_equal(alone.curve[0, 0], episodes.curve[candidate, task])


def test_episodes_in_threads_are_the_episodes_of_one(kind: str) -> None:
    """A worker with several cores episodes its tiles side by side in one process."""
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
    whole.run_episodes()
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
        whole.learner.run_episodes(whole.parameters, tasks, whole.seeds)
