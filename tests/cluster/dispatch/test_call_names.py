"""Calls have names that people can read, and there are never more of them than Ray can bear."""

from failing_learner import Echo

from spikeloop.cluster.dispatch.call_names import MAX_FULL, MAX_NAMES, CallNames
from spikeloop.cluster.dispatch.work_units import Message, WorkUnit
from spikeloop.coordinator.strategies.population import Explicit
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.workers.job import Grid, Job, Tile
from spikeloop.workers.seeding import TaskSet

FAMILY = RandomMdp(n_states=2, n_actions=2, n_steps=5)
POINTS = Explicit(Echo().space(FAMILY.interface).default_point()[None])
GRID = Grid(FAMILY, Echo(), POINTS, 1, 1, TaskSet.SEARCH, 0)


def name_of(names: CallNames, work: str, *candidates: tuple[int, int]) -> str:
    tiles = [Tile(c0, c1, 0, 1) for c0, c1 in candidates]
    message: Message = tuple(WorkUnit(1, job, tile) for job, tile in enumerate(tiles))
    return names.name(message, {1: [Job(GRID, tile, work) for tile in tiles]})


def test_a_call_is_named_after_its_work_and_its_candidates() -> None:
    names = CallNames()
    assert name_of(names, "generation 12", (4, 16)) == "generation 12, candidates 4-15"
    assert name_of(names, "generation 12", (4, 6), (6, 8)) == "generation 12, candidates 4-7"
    assert name_of(names, "transfer", (7, 8)) == "transfer, candidate 7"


def test_names_first_lose_the_generation_and_then_run_out() -> None:
    names = CallNames()
    given = [
        name_of(names, f"generation {g}", (c, c + 2)) for g in range(300) for c in range(0, 8, 2)
    ]
    assert given[:MAX_FULL] == [
        f"generation {g}, candidates {c}-{c + 1}"
        for g in range(MAX_FULL // 4)
        for c in range(0, 8, 2)
    ]
    assert set(given[MAX_FULL:]) == {f"candidates {c}-{c + 1}" for c in range(0, 8, 2)}
    assert name_of(names, "generation 3", (2, 4)) == "generation 3, candidates 2-3"  # as before
    many = {name_of(names, "generation 300", (c, c + 1)) for c in range(10_000)}
    assert "" in many
    assert len({*given, *many} - {""}) == MAX_NAMES
