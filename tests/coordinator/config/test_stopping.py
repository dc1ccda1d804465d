"""Rules that end or restart a search are functions of the rows that are written."""

import math
from typing import Any

import numpy as np
import pytest
from support.small_run import small_config

from spikeloop.coordinator.config.stopping import StopSettings, describe_stop, population_spread
from spikeloop.coordinator.errors import ConfigError


def rows(*scores: float | None, epoch: int = 0, first: int = 1) -> list[dict[str, Any]]:
    """Generations with these held-out scores; None where it was not measured."""
    return [
        {
            "generation": first + i,
            "epoch": epoch,
            "held_out_score": score,
            "held_out_low": score and score - 0.1,
            "held_out_tasks": None if score is None else 4,
        }
        for i, score in enumerate(scores)
    ]


def test_budget_is_never_exceeded_and_may_be_met() -> None:
    stop = StopSettings(episodes=100)
    assert not stop.exhausted(76, 24)
    assert stop.exhausted(77, 24)
    assert not StopSettings().exhausted(10**9, 24)


def test_target_is_reached_by_the_lower_end_of_the_interval() -> None:
    stop = StopSettings(target=0.5)
    assert [stop.reached(row) for row in rows(0.55, 0.61, None, math.nan)] == [
        False,
        True,
        False,
        False,
    ]
    assert not StopSettings().reached(rows(1.0)[0])


def test_collapse_needs_a_spread_below_the_limit() -> None:
    stop = StopSettings(spread=0.1)
    assert [stop.collapsed(s) for s in (0.2, 0.1, 0.09, math.nan)] == [False, False, True, False]
    assert not StopSettings().collapsed(0.0)


@pytest.mark.parametrize(
    ("scores", "stalled"),
    [
        ((0.5, None, None), False),  # not measured: nothing is decided
        ((0.5, None, 0.4), True),
        ((0.5, None, 0.5), True),  # as high is no higher
        ((0.5, None, 0.6), False),
        ((0.5, 0.6, 0.4), False),  # one generation is less than two
        ((math.nan, None, 0.1), False),  # any score is above none
        ((math.nan, None, math.nan), True),
        ((), False),
    ],
)
def test_stall_needs_patience_without_a_higher_score(
    scores: tuple[float | None, ...], stalled: bool
) -> None:
    assert StopSettings(patience=2).stalled(rows(*scores)) is stalled
    assert not StopSettings().stalled(rows(*scores))


def test_patience_counts_within_an_epoch() -> None:
    stop = StopSettings(patience=2)
    both = [*rows(0.9, 0.8), *rows(0.3, 0.2, epoch=1, first=3)]
    assert not stop.stalled(both)
    assert stop.stalled([*both, *rows(0.1, epoch=1, first=5)])
    assert stop.stalled([{**row, "epoch": 0} for row in both])  # the negative control


def test_rules_end_or_restart_as_then_says() -> None:
    end, restart = StopSettings(), StopSettings(then="restart")
    assert [end.ends(rule) for rule in ("episodes", "target", "spread", "patience")] == [True] * 4
    assert [restart.ends(rule) for rule in ("episodes", "target")] == [True, True]
    assert [restart.restarts(rule) for rule in ("spread", "patience")] == [True, True]
    assert not (end.ends(None) or restart.ends(None) or restart.restarts(None))
    text = describe_stop("spread", StopSettings(spread=0.1, then="restart"), {"generation": 8})
    assert text.startswith("restarted after generation 8: ")


def test_spread_is_the_root_mean_square_of_folded_deviations() -> None:
    points = np.array([[0.9, -1.0], [1.1, 1.0]])  # the first coordinate means 0.9 twice
    bounded = np.array([True, False])
    assert population_spread(points, bounded) == pytest.approx(
        math.sqrt((0.0 + 2.0) / 2), rel=1e-12
    )
    unfolded = math.sqrt((0.02 + 2.0) / 2)
    assert population_spread(points, np.array([False, False])) == pytest.approx(unfolded, rel=1e-12)
    assert math.isnan(population_spread(points[:1], bounded))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"stop": {"episodes": -1}}, "[stop] episodes must be >= 0"),
        ({"stop": {"target": 0.5}, "transfer": {"monitor_every": 0}}, "monitor_every"),
        ({"stop": {"patience": 5}, "transfer": {"monitor_every": 0}}, "monitor_every"),
        ({"stop": {"then": "restart"}, "deploy": {"finalists": 2}}, "needs spread or patience"),
        ({"stop": {"then": "restart", "spread": 0.1}}, "needs deploy.finalists >= 2"),
        ({"deploy": {"finalists": 5, "tasks": 2}}, "tasks must be at least 3"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    changes: dict[str, Any], expected: str
) -> None:
    with pytest.raises(ConfigError) as error:
        small_config(**changes)
    assert expected in str(error.value)
