"""Functions learned from a teacher: errors by samples seen, and answers at stages of training."""

from dataclasses import dataclass

import numpy as np

from spikeloop.coordinator.interpretation.behaviour import prediction_errors
from spikeloop.coordinator.interpretation.behaviour.prediction_errors import LINE, NETWORK, Errors
from spikeloop.coordinator.interpretation.behaviour.prediction_figures import (
    errors_figure,
    stages_figure,
)
from spikeloop.coordinator.interpretation.held_out_episodes import HeldOutEpisodes
from spikeloop.coordinator.interpretation.results import Results, bounds, milestones
from spikeloop.coordinator.report.page import Drawing, Table
from spikeloop.coordinator.store.run_folder import RunFolder
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.tasks.base import FloatArray
from spikeloop.tasks.quadratic import QuadraticTasks
from spikeloop.workers.seeding import Purpose, TaskSet, stream

STAGE_STATES = 8
"""States of a run that are tried for the stage in the middle."""
STAGE_TASKS = 100
"""Functions that the error of a stage is a mean over, at most."""

EXAMPLES = 10
"""Functions among which the one in figures is chosen."""


@dataclass(frozen=True)
class TrainingStage:
    """A point that the search has passed.

    Attributes:
        error: mean squared error over the first ``STAGE_TASKS`` held-out functions.
        answers: (n_steps,) to the function that figures show.
    """

    name: str
    error: float
    answers: FloatArray


def interpret_functions(
    held: HeldOutEpisodes, tasks: QuadraticTasks, answers: FloatArray
) -> Results:
    """Summarise and draw errors, and answers at stages of training.

    ``answers`` are those of the network, (n_tasks, n_steps).
    """
    seed = held.learned.config.run.seed
    rng = stream(seed, Purpose.BOOTSTRAP, TaskSet.TRANSFER, held.seed, 0, 0)
    errors = prediction_errors.summarise(prediction_errors.squared_errors(tasks, answers), rng)
    stages = training_stages(held, tasks, answers)
    titles = [f"{stage.name}: mean squared error {stage.error:.3f}" for stage in stages]
    return Results(
        {
            "mean_squared_error": {
                name: [
                    {"samples": k, **band.at(k).as_json()}
                    for k in milestones(0, errors.n_samples - 1)
                ]
                for name, band in errors.bands.items()
            },
            "below_linear_regression_from": errors.below_line,
            "stages": [{"name": stage.name, "mean_squared_error": stage.error} for stage in stages],
        },
        [_table(errors, tasks.n_tasks)],
        [_sentence(errors.below_line)],
        {
            "error": Drawing(
                errors_figure(errors, tasks.n_tasks),
                f"Mean squared error on {tasks.n_tasks} new functions; 95 % intervals, bootstrap "
                "over functions.",
                "Curves of the error over the samples seen before.",
            ),
            "stages": Drawing(
                stages_figure(
                    tasks.targets()[example(tasks)],
                    [stage.answers for stage in stages],
                    titles,
                    min(STAGE_TASKS, tasks.n_tasks),
                ),
                "Answers to one new function at stages of training.",
                "Targets and answers by sample, a panel for each stage.",
            ),
        },
    )


def training_stages(
    held: HeldOutEpisodes, tasks: QuadraticTasks, answers: FloatArray
) -> list[TrainingStage]:
    """Measure the untrained network, one in the middle of training if there is a run, the learned.

    The middle is the committed state, of up to ``STAGE_STATES`` that are evenly spaced over the
    logarithm of the generation, whose error is nearest to the geometric mean of first and last: by
    generations it could fall at hardly begun or at almost done.
    """
    n = min(STAGE_TASKS, tasks.n_tasks)
    learned = held.learned

    def stage(name: str, given: FloatArray) -> TrainingStage:
        error = float((((given - tasks[:n].targets()) / tasks.scale) ** 2).mean())
        return TrainingStage(name, error, given[example(tasks)])

    first = stage("untrained", held.actions(held.default, n))
    last = stage(f"learned, after {learned.generation} generations", answers[:n])
    if not learned.source.is_dir():
        return [first, last]
    run = RunFolder(learned.config, RunStore.open(learned.source))
    between = [number for _, number in run.store.states() if 0 < number < learned.generation]
    strategy, middle = learned.config.strategy, np.sqrt(first.error * last.error)
    tried = []
    for number in log_spaced(between, STAGE_STATES):
        point = strategy.recommend(run.state_after(number))
        tried.append(stage(f"after {number} generations", held.actions(point, n)))
    tried.sort(key=lambda stage: abs(np.log(stage.error / middle)))
    return [first, *tried[:1], last]


def example(tasks: QuadraticTasks) -> int:
    """Choose the function that figures show: of the first ``EXAMPLES`` the one that varies most.

    Many functions are nearly flat, and of those there would be little to see.
    """
    return int(tasks[:EXAMPLES].values().std(axis=1).argmax())


def log_spaced(numbers: list[int], n: int) -> list[int]:
    """Choose up to n of ascending positive numbers, about evenly spaced over their logarithm."""
    if len(numbers) <= n:
        return numbers
    wanted = np.geomspace(numbers[0], numbers[-1], n)
    return sorted({min(numbers, key=lambda number: abs(np.log(number / w))) for w in wanted})


def _table(errors: Errors, n_tasks: int) -> Table:
    others = [name for name in errors.bands if name != NETWORK]
    rows = []
    for k in milestones(0, errors.n_samples - 1):
        network = errors.bands[NETWORK].at(k)
        means = [f"{errors.bands[name].mean[k]:.3f}" for name in others]
        rows.append([str(k), f"{network.value:.3f}", bounds(network), *means])
    return Table(
        f"Mean squared error on {n_tasks} new functions, by samples seen before",
        ("samples", NETWORK, "95 % interval", *others),
        rows,
        "r" * (len(others) + 3),
        "95 % intervals: bootstrap over functions",
    )


def _sentence(below_line: int | None) -> str:
    samples = "sample" if below_line == 1 else "samples"
    where = "nowhere" if below_line is None else f"from {below_line} {samples} on"
    return (
        f"The network errs less than {LINE}: {where} (95 % intervals of the paired difference "
        "below 0 from there to the end of episode)"
    )
