"""Two measures of importance, by Optuna: fANOVA and PED-ANOVA.

fANOVA (Hutter, Hoos, Leyton-Brown 2014, ICML) fits a random forest and gives the share of its
variance over the whole space that each hyperparameter explains alone; what is missing to 1 is
interaction. PED-ANOVA (Watanabe, Bansal, Hutter 2023, IJCAI) gives the Pearson divergence of the
law of each hyperparameter among the best tenth of the points from that among all: what it takes to
be very good, rather than what makes a difference anywhere.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from spikeloop.coordinator.interpretation.packages import required
from spikeloop.tasks.base import FloatArray

Evaluate = Callable[[FloatArray, FloatArray, int, int], FloatArray]
"""Takes points (n, n_dim) in [0, 1], their fitness, a number of trees and a seed; (n_dim,)."""

DEPTH = 8
"""Of the trees: twice as deep they explain one hundredth more and take thirty times as long."""
BEST = 0.1
"""Share of the points that count as very good."""
SEED_BELOW = 2**32


def fanova(points: FloatArray, fitness: FloatArray, n_trees: int, seed: int) -> FloatArray:
    """Compute the share of variance that each coordinate explains alone, (n_dim,)."""
    from optuna.importance import FanovaImportanceEvaluator

    required("sklearn.ensemble", "importance")
    evaluator = FanovaImportanceEvaluator(n_trees=n_trees, max_depth=DEPTH, seed=seed)
    return _evaluated(evaluator, points, fitness)


def ped_anova(points: FloatArray, fitness: FloatArray, n_trees: int, seed: int) -> FloatArray:
    """Compute the divergence of each coordinate among the best points, (n_dim,).

    It has neither trees nor random numbers.
    """
    from optuna.importance import PedAnovaImportanceEvaluator

    return _evaluated(PedAnovaImportanceEvaluator(target_quantile=BEST), points, fitness)


def explained_by_forest(points: FloatArray, fitness: FloatArray, n_trees: int, seed: int) -> float:
    """Compute R² of the forest on the points that each of its trees has not seen."""
    ensemble = required("sklearn.ensemble", "importance")
    forest = ensemble.RandomForestRegressor(
        n_trees, max_depth=DEPTH, oob_score=True, random_state=seed
    )
    return float(forest.fit(points, fitness).oob_score_)


def _evaluated(evaluator: Any, points: FloatArray, fitness: FloatArray) -> FloatArray:
    import optuna
    from optuna.distributions import FloatDistribution
    from optuna.trial import create_trial

    names = [f"{column}" for column in range(points.shape[1])]
    laws = {name: FloatDistribution(0, 1) for name in names}
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # it would name every study
    try:
        study = optuna.create_study(direction="maximize")
    finally:
        optuna.logging.set_verbosity(level)
    rows: Sequence[Sequence[float]] = points.tolist()
    study.add_trials(
        create_trial(params=dict(zip(names, row, strict=True)), distributions=laws, value=value)
        for row, value in zip(rows, fitness.tolist(), strict=True)
    )
    found = evaluator.evaluate(study)
    return np.array([float(found[name]) for name in names])
