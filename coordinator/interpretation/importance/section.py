"""The section ``importance``: which hyperparameters decide how good a random point is."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.interpretation.importance.evaluators import (
    BEST,
    SEED_BELOW,
    explained_by_forest,
    fanova,
    ped_anova,
)
from spikeloop.coordinator.interpretation.importance.figures import (
    importance_figure,
    marginal_figure,
)
from spikeloop.coordinator.interpretation.importance.marginals import Marginals, marginals
from spikeloop.coordinator.interpretation.importance.random_points import (
    RandomPoints,
    random_points,
    why_no_points,
)
from spikeloop.coordinator.interpretation.importance.resampling import (
    N_TREES,
    Importance,
    importance,
)
from spikeloop.coordinator.interpretation.packages import one_thread
from spikeloop.coordinator.interpretation.results import Results
from spikeloop.coordinator.interpretation.section import Note, Section
from spikeloop.coordinator.interpretation.subject import Subject
from spikeloop.coordinator.report.page import Drawing, Table
from spikeloop.workers.parameter_types import Choice, Parameter, Weights
from spikeloop.workers.seeding import Purpose, TaskSet, stream

N_RESAMPLES = 60
MEASURES = {"fanova": fanova, "ped_anova": ped_anova}


@dataclass(frozen=True)
class Found:
    """Results of the section.

    Attributes:
        points: of the random search.
        measures: importance by the name of its measure.
        marginals: mean fitness over each coordinate.
        explained: R² of the forest on points that its trees have not seen.
    """

    points: RandomPoints
    measures: dict[str, Importance]
    marginals: Marginals
    explained: float

    @property
    def order(self) -> list[int]:
        """Columns, the most important one by fANOVA first."""
        return [int(column) for column in np.argsort(-self.measures["fanova"].value)]


def why_not(subject: Subject) -> str | None:
    """Apply to random searches with points enough on the same tasks."""
    return why_no_points(subject.learned)


def interpret(subject: Subject, note: Note) -> Results:
    """Compute the importance of each hyperparameter; no episode is run.

    Raises:
        ConfigError: too few points have a fitness, or all have the same.
        Unavailable: scikit-learn is not installed.
    """
    points = random_points(subject.learned)
    if np.ptp(points.fitness) == 0:
        raise ConfigError(f"{subject.learned.source}: all random points have the same fitness")
    rng = stream(subject.learned.config.run.seed, Purpose.BOOTSTRAP, TaskSet.SEARCH, 1, 0, 2)
    measures = {}
    with one_thread("importance"):
        for name, evaluate in MEASURES.items():
            note(f"{name}: {N_RESAMPLES} resamples")
            measures[name] = importance(evaluate, points.points, points.fitness, rng, N_RESAMPLES)
        explained = explained_by_forest(
            points.points, points.fitness, N_TREES, int(rng.integers(SEED_BELOW))
        )
    return results(
        Found(points, measures, marginals(points.points, points.fitness, rng), explained)
    )


def results(found: Found) -> Results:
    """Write and draw what was found."""
    points, n = found.points, len(found.points.fitness)
    about = (
        f"{n} random points that met the same {points.n_tasks} tasks; 95 % intervals, bootstrap "
        "over points"
    )
    return Results(
        numbers(found),
        [table(found)],
        lines(found),
        {
            "bars": Drawing(
                importance_figure(points.names, found.measures, found.order),
                f"Importance of each hyperparameter in {about}. Grey line: chance, the 95 % "
                "quantile of the importance of random coordinates beside the true ones.",
                "Bars with intervals, a row for each hyperparameter, by two measures.",
            ),
            "marginals": Drawing(
                marginal_figure(points, found.marginals, found.order),
                f"Mean score over each hyperparameter within its range, all others random, of "
                f"{about}. Dots are single points.",
                "Small panels, one for each hyperparameter, with a curve and its band.",
            ),
        },
    )


def numbers(found: Found) -> dict[str, Any]:
    """Give everything as JSON takes it."""
    names = found.points.names
    return {
        "episodes": len(found.points.fitness) * found.points.n_tasks,
        "points": len(found.points.fitness),
        "tasks": found.points.n_tasks,
        "resamples": N_RESAMPLES,
        "forest_r2": found.explained,
        "ranges": {p.name: _range(p) for p in found.points.space.parameters},
        **{
            measure: {
                name: {
                    "value": float(of.value[column]),
                    "low": float(of.low[column]),
                    "high": float(of.high[column]),
                }
                for column, name in enumerate(names)
            }
            for measure, of in found.measures.items()
        },
        "chance": {measure: of.chance for measure, of in found.measures.items()},
        "marginals": {
            name: {
                "coordinate": found.marginals.middle[column].tolist(),
                "mean": _finite(found.marginals.mean[column]),
                "low": _finite(found.marginals.low[column]),
                "high": _finite(found.marginals.high[column]),
            }
            for column, name in enumerate(names)
        },
    }


def _finite(values: np.ndarray) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]


def _range(parameter: Parameter) -> str:
    """Describe the range that points were drawn from, such as "0.1 to 100 ms, log"."""
    if isinstance(parameter, Choice):
        return ", ".join(parameter.options)
    if isinstance(parameter, Weights):  # none that why_no_points lets pass
        return "any number"
    low, high = (x if isinstance(x, str) else f"{x:g}" for x in (parameter.low, parameter.high))
    unit = f" {parameter.unit}" if parameter.unit not in ("", "1") else ""
    scale = ", log" if getattr(parameter, "scale", "") == "log" else ""
    return f"{low} to {high}{unit}{scale}"


def table(found: Found) -> Table:
    """Show both measures with intervals, chance and ranges."""
    rows, parameters = [], found.points.space.parameters
    for column in found.order:
        row = [parameters[column].name]
        for of in found.measures.values():
            numbers = of.value[column], of.low[column], of.high[column]
            row.append("{:.4f} [{:.4f}, {:.4f}]".format(*numbers))
        rows.append([*row, _range(parameters[column])])
    rows.append(["chance", *(f"{of.chance:.4f}" for of in found.measures.values()), ""])
    return Table(
        f"Importance of hyperparameters in {len(found.points.fitness)} random points",
        ("hyperparameter", "fANOVA", "PED-ANOVA", "range"),
        rows,
        note="fANOVA: share of the variance of the score that the hyperparameter explains alone; "
        f"PED-ANOVA: divergence of its law among the best {100 * BEST:.0f} % of the points. 95 % "
        "intervals, bootstrap over points; chance is the 95 % quantile of the importance of random "
        "coordinates beside the true ones. All of it holds for these ranges, from which points "
        "were drawn uniformly (on the scale named).",
    )


def lines(found: Found) -> list[str]:
    """Say which hyperparameters are above chance by both measures, and what the forest explains."""
    of_fanova = found.measures["fanova"]
    above = [
        found.points.names[column]
        for column in found.order
        if all(of.low[column] > of.chance for of in found.measures.values())
    ]
    said = ", ".join(above) if above else "none"
    alone = float(of_fanova.value.sum())
    return [
        f"Above chance by both measures, with the whole interval: {said}.",
        f"The forest explains {100 * found.explained:.1f} % of the variance of the score of points "
        f"that its trees have not seen; in it {100 * alone:.1f} % are explained by single "
        f"hyperparameters and {100 * (1 - alone):.1f} % by interactions.",
    ]


IMPORTANCE = Section("which hyperparameters decide how good a random point is", why_not, interpret)
