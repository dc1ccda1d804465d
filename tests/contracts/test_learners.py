"""What every learner must do: an episode depends on its own parameters, task and seed only.

``support.learner_cases`` has a family for each learner, and settings with which it is quick.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.child_processes import printed
from support.learner_cases import (
    CASES,
    REWARDS,
    case,
    default_episodes,
    default_values,
    family_of,
    quick,
)

from spikeloop.coordinator.check.learners import LEARNER_PROMISES, LearnerCase
from spikeloop.coordinator.check.promises import CannotCheck
from spikeloop.tasks.base import Interface, References
from spikeloop.workers.base import N_CURVE_BINS
from spikeloop.workers.parameter_types import Choice

TAKES_ALL = {"brian_recurrent"}
"""Learners for which no family is unsuitable."""
DETERMINISTIC = {"brian_liquid", "lsnn"}
"""Learners whose episodes hold nothing random in the family that they are tested in."""
KINDS = [pytest.param(k, marks=pytest.mark.brian) if "brian" in k else k for k in CASES]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@cache
def case_of(kind: str) -> LearnerCase:
    """The case, whose episodes are run once for all tests."""
    return case(kind)


def bits(kind: str) -> str:
    """Run the episodes of ``case`` and return all their numbers, exactly."""
    episodes = case(kind).run_episodes()
    return episodes.returns.tobytes().hex() + episodes.curve.tobytes().hex()


@pytest.mark.parametrize("promise", LEARNER_PROMISES)
def test_every_learner_keeps_every_promise(kind: str, promise: str) -> None:
    try:
        assert list(LEARNER_PROMISES[promise](case_of(kind))) == []
    except CannotCheck as reason:
        pytest.skip(str(reason))


def test_curves_have_all_bins_and_rewards_in_range(kind: str) -> None:
    episodes = case_of(kind).episodes
    assert episodes.curve.shape[2] == N_CURVE_BINS
    smallest, largest = REWARDS[family_of(kind).kind]
    assert ((episodes.curve >= smallest) & (episodes.curve <= largest)).all()


@pytest.mark.parametrize("n_steps", [1, 47])
def test_episodes_of_any_length_have_a_full_curve(kind: str, n_steps: int) -> None:
    family, learner = family_of(kind, n_steps), quick(kind)
    episodes = default_episodes(learner, family, 2)
    n_bins = min(N_CURVE_BINS, n_steps)
    assert episodes.curve.shape == (1, 2, n_bins)
    lengths = np.bincount(np.arange(n_steps) * n_bins // n_steps)
    np.testing.assert_allclose(episodes.curve @ lengths, episodes.returns, rtol=1e-12)


@pytest.fixture(scope="module")
def elsewhere() -> dict[str, str]:
    """``bits`` of every learner in another process, one for all because imports take seconds."""
    script = (
        "import json; from test_learners import CASES, bits; "
        "print(json.dumps({kind: bits(kind) for kind in CASES}))"
    )
    there = printed(script, cwd=Path(__file__).parent, PYTHONHASHSEED="99")
    found: dict[str, str] = json.loads(there)
    return found


def test_same_seeds_give_the_same_bits_in_threads_and_in_another_process(
    kind: str, elsewhere: dict[str, str]
) -> None:
    """A worker with several cores runs its tiles side by side in one process."""
    one = bits(kind)
    assert elsewhere[kind] == one
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(bits, [kind] * 4)) == [one] * 4


def test_another_seed_gives_another_episode(kind: str) -> None:
    one = case(kind)
    other = LearnerCase(one.learner, one.parameters, one.tasks, one.seeds ^ np.uint64(1))
    differ = case_of(kind).episodes.returns != other.run_episodes().returns
    assert not differ.any() if kind in DETERMINISTIC else differ.mean() > 0.5


def test_inputs_may_be_read_only(kind: str) -> None:
    whole = case(kind)
    for array in whole.inputs.values():
        array.setflags(write=False)
    whole.run_episodes()


def test_settings_round_trip_and_the_default_point_decodes_to_the_defaults(kind: str) -> None:
    learner = quick(kind)
    assert learner.kind == kind
    assert CASES[kind](**learner.model_dump(mode="json")) == learner
    values = default_values(learner, family_of(kind).interface)
    for parameter in values.space.parameters:
        value = values[parameter.name][0]
        if isinstance(parameter, Choice):
            value = parameter.options[int(value)]
        assert value == pytest.approx(parameter.default, rel=1e-12), parameter.name


def test_unsuitable_family_is_refused(kind: str) -> None:
    unsuitable = Interface(3, 2, "continuous", 10)
    if kind in TAKES_ALL:
        assert quick(kind).space(unsuitable).n_dim > 0
        return
    with pytest.raises(ValueError, match=f"{kind} needs"):
        quick(kind).space(unsuitable)


class NoTables:
    """A batch of a kind that no learner of the table knows."""

    n_tasks = 1

    def __getitem__(self, tasks: slice) -> "NoTables":
        return self

    def references(self) -> References:
        return References(np.zeros(1), np.ones(1))


def test_unsuitable_batch_is_refused(kind: str) -> None:
    whole = case(kind)
    tasks: Any = NoTables()
    with pytest.raises(ValueError, match=f"{kind} needs .* NoTables"):
        whole.learner.run_episodes(whole.parameters, tasks, whole.seeds)
