"""Functions learned from a teacher: errors by samples seen, and answers at stages of training."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.table import Table

from spikeloop.coordinator.interpretation import answers
from spikeloop.coordinator.interpretation.answers import LINE, NETWORK, Errors
from spikeloop.coordinator.interpretation.findings import Shown, bounds, plain
from spikeloop.coordinator.interpretation.held_out_episodes import HeldOut
from spikeloop.coordinator.stats.bands import milestones
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.store.states import state_after
from spikeloop.tasks.base import FloatArray
from spikeloop.tasks.quadratic import TARGET_RANGE, QuadraticTasks
from spikeloop.workers.seeding import Purpose, TaskSet, stream

STAGE_STATES = 8
"""States of a run that are tried for the stage in the middle."""
STAGE_TASKS = 100
"""Functions that the error of a stage is a mean over, at most."""

EXAMPLES = 10
"""Functions that the one in pictures is taken from."""


@dataclass(frozen=True)
class Stage:
    """A point that the search has come through.

    Attributes:
        name: which.
        error: mean squared error over the first ``STAGE_TASKS`` held-out functions.
        answers: (n_steps,) to the function that pictures show.
    """

    name: str
    error: float
    answers: FloatArray


def show(held: HeldOut, tasks: QuadraticTasks, given: FloatArray, folder: Path) -> Shown:
    """Everything about functions; draws ``error.png`` and ``stages.png``.

    Args:
        held: the network and its tasks.
        tasks: the functions.
        given: (n_tasks, n_steps) what it answered.
        folder: for the pictures.
    """
    seed = held.learned.config.run.seed
    rng = stream(seed, Purpose.BOOTSTRAP, TaskSet.TRANSFER, held.seed, 0, 0)
    errors = answers.summarise(answers.squared_errors(tasks, given), rng)
    passed = stages(held, tasks, given)
    return Shown(
        {
            "mean_squared_error": {
                name: [
                    {"samples": k, **plain(band.at(k))} for k in milestones(0, errors.n_samples - 1)
                ]
                for name, band in errors.bands.items()
            },
            "below_linear_regression_from": errors.below_line,
            "stages": [{"name": stage.name, "mean_squared_error": stage.error} for stage in passed],
        },
        [_table(errors, tasks.n_tasks)],
        [_sentence(errors)],
        [
            _draw_errors(errors, tasks.n_tasks, folder / "error.png"),
            _draw_stages(passed, tasks, folder / "stages.png"),
        ],
    )


def stages(held: HeldOut, tasks: QuadraticTasks, given: FloatArray) -> list[Stage]:
    """The untrained network, one in the middle of its training if there is a run, the learned one.

    The middle is the committed state, of up to ``STAGE_STATES`` that are evenly spread over the
    logarithm of the generation, whose error is nearest to the geometric mean of first and last: in
    generations it would fall anywhere between hardly begun and as good as done.
    """
    n = min(STAGE_TASKS, tasks.n_tasks)
    learned = held.learned

    def stage(name: str, point: FloatArray) -> Stage:
        return of(name, held.actions(point, n))

    def of(name: str, answers: FloatArray) -> Stage:
        return Stage(name, _error(tasks[:n], answers), answers[example(tasks)])

    first = stage("untrained", held.default)
    last = of(f"learned, after {learned.generation} generations", given[:n])
    if not learned.source.is_dir():
        return [first, last]
    store = RunStore.open(learned.source)
    between = [number for _, number in store.states() if 0 < number < learned.generation]
    strategy, middle = learned.config.strategy, np.sqrt(first.error * last.error)
    tried = [
        stage(
            f"after {number} generations",
            strategy.recommend(state_after(learned.config, store, number)),
        )
        for number in spread(between, STAGE_STATES)
    ]
    tried.sort(key=lambda stage: abs(np.log(stage.error / middle)))
    return [first, *tried[:1], last]


def example(tasks: QuadraticTasks) -> int:
    """The function that pictures show: of the first ``EXAMPLES`` the one that varies most.

    Many functions are nearly flat, and of those there would be little to see.
    """
    return int(tasks[:EXAMPLES].values().std(axis=1).argmax())


def spread(numbers: list[int], n: int) -> list[int]:
    """Up to n of ascending positive numbers, about evenly spread over their logarithm."""
    if len(numbers) <= n:
        return numbers
    wanted = np.geomspace(numbers[0], numbers[-1], n)
    return sorted({min(numbers, key=lambda number: abs(np.log(number / w))) for w in wanted})


def _error(tasks: QuadraticTasks, given: FloatArray) -> float:
    return float((((given - tasks.targets()) / tasks.scale) ** 2).mean())


def _table(errors: Errors, n_tasks: int) -> Table:
    table = Table(
        title=f"Mean squared error on {n_tasks} new functions, by samples seen before",
        title_justify="left",
        caption="95 % intervals: bootstrap over functions",
        caption_justify="left",
    )
    others = [name for name in errors.bands if name != NETWORK]
    for column in ("samples", NETWORK, "95 % interval", *others):
        table.add_column(column, justify="right")
    for k in milestones(0, errors.n_samples - 1):
        network = errors.bands[NETWORK].at(k)
        table.add_row(
            str(k),
            f"{network.value:.3f}",
            bounds(network),
            *(f"{errors.bands[name].mean[k]:.3f}" for name in others),
        )
    return table


def _sentence(errors: Errors) -> str:
    where = "nowhere"
    if errors.below_line is not None:
        where = f"from {errors.below_line} {_samples(errors.below_line)} on"
    return (
        f"The network errs less than {LINE}: {where} (95 % intervals of the paired difference "
        "below 0 from there to the end of episode)"
    )


def _samples(n: int) -> str:
    return "sample" if n == 1 else "samples"


def _draw_errors(errors: Errors, n_tasks: int, path: Path) -> Path:
    from spikeloop.coordinator.interpretation.answer_figures import draw_errors
    from spikeloop.coordinator.report.figures import new, save

    figure = new()
    axes = draw_errors(figure.subplots(), errors)
    axes.set_title(
        f"Learning {n_tasks} new functions (mean, 95 % bootstrap intervals)", loc="left", pad=30
    )
    return save(figure, path)


def _draw_stages(passed: list[Stage], tasks: QuadraticTasks, path: Path) -> Path:
    from matplotlib.figure import Figure

    from spikeloop.coordinator.interpretation.answer_figures import draw_stages
    from spikeloop.coordinator.report.figures import save

    figure = Figure(figsize=(7.2, 0.9 + 1.9 * len(passed)), layout="constrained")
    panels = figure.subplots(len(passed), 1, sharex=True)
    n = min(STAGE_TASKS, tasks.n_tasks)
    titles = [f"{stage.name}: mean squared error {stage.error:.3f}" for stage in passed]
    given = [stage.answers for stage in passed]
    draw_stages(panels, tasks.targets()[example(tasks)], given, titles, TARGET_RANGE)
    figure.suptitle(
        f"The same new function at stages of training (errors: means over {n} functions)",
        x=0.01,
        ha="left",
    )
    return save(figure, path)
