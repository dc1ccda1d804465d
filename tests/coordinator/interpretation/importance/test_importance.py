"""Importance: a planted hyperparameter is found, shuffled fitness is chance, others are refused."""

import json
from pathlib import Path

import numpy as np
import pytest
from support.command_line import answer, printed, refused
from support.small_run import small_config, start_config

from spikeloop.coordinator.interpretation.importance import random_points, section
from spikeloop.coordinator.interpretation.importance.evaluators import (
    Evaluate,
    explained_by_forest,
    fanova,
    ped_anova,
)
from spikeloop.coordinator.interpretation.importance.marginals import N_BINS, marginals
from spikeloop.coordinator.interpretation.importance.resampling import importance
from spikeloop.tasks.base import FloatArray

N = 200


def planted(seed: int) -> tuple[FloatArray, FloatArray]:
    """Four uniform coordinates; fitness is that of the second one and a little noise."""
    rng = np.random.default_rng(seed)
    points = rng.random((N, 4))
    return points, np.sin(np.pi * points[:, 1]) + 0.05 * rng.standard_normal(N)


@pytest.mark.parametrize(
    "evaluate", [fanova, pytest.param(ped_anova, marks=pytest.mark.exhaustive)]
)
def test_the_planted_hyperparameter_alone_is_above_chance(evaluate: Evaluate) -> None:
    points, fitness = planted(0)
    found = importance(evaluate, points, fitness, np.random.default_rng(1), 10)
    others = [0, 2, 3]
    assert found.low[1] > 2 * found.chance
    assert found.value[1] > 10 * found.value[others].max()
    assert (found.low <= found.value + 0.05).all()
    assert explained_by_forest(points, fitness, 64, 0) > 0.9


@pytest.mark.parametrize(
    "evaluate", [pytest.param(fanova, marks=pytest.mark.exhaustive), ped_anova]
)
def test_shuffled_fitness_has_importance_at_chance(evaluate: Evaluate) -> None:
    """Of 12 importances, more than 4 above the 95 % quantile of chance have one below .001."""
    above = 0
    for seed in range(3):
        points, fitness = planted(seed)
        rng = np.random.default_rng(seed)
        found = importance(evaluate, points, rng.permutation(fitness), rng, 40)
        above += int((found.value > found.chance).sum())
    assert above <= 4


def test_marginal_curves_are_means_of_bins() -> None:
    points, fitness = planted(0)
    found = marginals(points, fitness, np.random.default_rng(0))
    assert found.mean.shape == (4, N_BINS)
    inside = (points[:, 1] >= 0.3) & (points[:, 1] < 0.4)
    assert found.mean[1, 3] == pytest.approx(fitness[inside].mean())
    assert ((found.low <= found.mean) & (found.mean <= found.high)).all()
    assert np.ptp(found.mean[1]) > 0.8
    assert np.ptp(found.mean[0]) < 0.5


@pytest.fixture
def few_points(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let 60 points be enough, and resample a little."""
    monkeypatch.setattr(random_points, "N_POINTS", 60)
    monkeypatch.setattr(section, "N_RESAMPLES", 3)


def random_run(folder: Path, n: int, generations: int = 1, kind: str = "random_search") -> Path:
    config = small_config(
        run={"generations": generations, "tile_candidates": 100, "tasks": 2},
        strategy={"kind": kind, "population_size": n},
        transfer={"monitor_every": 0},
    )
    return start_config(config, folder)


@pytest.mark.usefixtures("few_points")
def test_the_section_reads_the_points_of_a_run_without_the_default(tmp_path: Path) -> None:
    run = random_run(tmp_path / "run", 61)
    found = answer("interpret", run, "--only", "importance")["sections"]["importance"]
    assert (found["points"], found["tasks"], found["episodes"]) == (60, 2, 120)
    assert found["fanova"].keys() == found["ped_anova"].keys() == found["ranges"].keys()
    text = printed("interpret", run, "--only", "importance")
    for name in found["ranges"]:
        assert name in text
    assert (run / "interpretation" / "importance-bars.png").stat().st_size > 10_000
    assert json.loads(json.dumps(found)) == found


@pytest.mark.usefixtures("few_points")
@pytest.mark.parametrize(
    ("n", "generations", "kind", "words"),
    [
        (60, 1, "random_search", "population_size = 61"),
        (61, 2, "random_search", "run.generations = 1"),
        (60, 1, "evolution", "random_search"),
    ],
)
def test_other_runs_are_refused_in_one_line(
    tmp_path: Path, n: int, generations: int, kind: str, words: str
) -> None:
    run = random_run(tmp_path / "run", n, generations, kind)
    assert words in refused("interpret", run, "--only", "importance")


def test_two_thousand_points_are_needed(tmp_path: Path) -> None:
    assert "2001 or more" in refused(
        "interpret", random_run(tmp_path / "run", 60), "--only", "importance"
    )
