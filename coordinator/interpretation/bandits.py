"""Bandits: what is pulled when, the program that episodes follow, and the regret."""

from pathlib import Path

from rich.table import Table

from spikeloop.coordinator.interpretation import pulls
from spikeloop.coordinator.interpretation.findings import Shown, bounds, percent, plain
from spikeloop.coordinator.interpretation.held_out_episodes import HeldOut
from spikeloop.coordinator.interpretation.pulls import Bandits, Pulls
from spikeloop.coordinator.stats.bands import milestones
from spikeloop.tasks.base import IntArray
from spikeloop.workers.seeding import Purpose, TaskSet, stream

MOST_ROWS = 200
"""Episodes in the picture of pulls: more would not have a line of pixels each."""


def show(held: HeldOut, tasks: Bandits, actions: IntArray, folder: Path) -> Shown:
    """Everything about bandits; draws ``choices.png`` and ``regret.png``.

    Args:
        held: the network and its tasks.
        tasks: the bandits.
        actions: (n_tasks, n_steps) what it pulled.
        folder: for the pictures.
    """
    seed = held.learned.config.run.seed
    known = pulls.summarise(
        tasks,
        actions,
        tasks.baselines(stream(seed, Purpose.BASELINES, TaskSet.TRANSFER, held.seed)),
        stream(seed, Purpose.BOOTSTRAP, TaskSet.TRANSFER, held.seed, 0, 0),
    )
    return Shown(
        _numbers(known),
        [_pull_table(known, tasks.n_tasks), _regret_table(known, tasks.n_tasks)],
        [f"{words}: {percent(share)}" for words, share in known.program.items()],
        [
            _draw_choices(tasks, actions, folder / "choices.png"),
            _draw_regret(known, tasks.n_tasks, folder / "regret.png"),
        ],
    )


def _numbers(known: Pulls) -> dict[str, object]:
    n_steps = len(known.regret.mean)
    return {
        "pulls": [
            {
                "pull": pull,
                "roles": {role: plain(shares[pull]) for role, shares in known.roles.items()},
                "regret": plain(known.regret.at(pull - 1)),
            }
            for pull in milestones(1, n_steps)
        ],
        "program": {words: plain(share) for words, share in known.program.items()},
        "regret_at_the_end": {
            name: {
                **plain(regret.total),
                "network_minus_this": None if regret.ahead is None else plain(regret.ahead),
            }
            for name, regret in known.totals.items()
        },
    }


def _pull_table(known: Pulls, n_tasks: int) -> Table:
    table = Table(
        title=f"Which arms are pulled in {n_tasks} new bandits: share of episodes, 95 % intervals",
        title_justify="left",
        caption="shares: Wilson; regret, expected and cumulative: bootstrap over bandits",
        caption_justify="left",
    )
    for column in ("pull", *known.roles, "regret up to it"):
        table.add_column(column, justify="right")
    for pull in milestones(1, len(known.regret.mean)):
        regret = known.regret.at(pull - 1)
        table.add_row(
            str(pull),
            *(percent(shares[pull]) for shares in known.roles.values()),
            f"{regret.value:.2f} {bounds(regret, 2)}",
        )
    return table


def _regret_table(known: Pulls, n_tasks: int) -> Table:
    table = Table(
        title=f"Expected regret after {len(known.regret.mean)} pulls, mean over {n_tasks} bandits",
        title_justify="left",
        caption="95 % intervals: bootstrap over bandits; the difference is paired by bandit",
        caption_justify="left",
    )
    for column in ("policy", "regret", "95 % interval", "network minus it", "95 % interval"):
        table.add_column(column, justify="left" if column == "policy" else "right")
    for name, regret in known.totals.items():
        ahead = regret.ahead
        table.add_row(
            name,
            f"{regret.total.value:.3f}",
            bounds(regret.total),
            "" if ahead is None else f"{ahead.value:+.3f}",
            "" if ahead is None else f"[{ahead.low:+.3f}, {ahead.high:+.3f}]",
        )
    return table


def _draw_choices(tasks: Bandits, actions: IntArray, path: Path) -> Path:
    from spikeloop.coordinator.interpretation.pull_figures import draw_arms, draw_roles
    from spikeloop.coordinator.report.figures import new, save

    n = min(MOST_ROWS, tasks.n_tasks)
    figure = new()
    arms, roles = figure.subplots(1, 2, width_ratios=(1.2, 1))
    draw_arms(arms, tasks[:n], actions[:n])
    draw_roles(roles, tasks[:n], actions[:n])
    figure.suptitle(f"Arms pulled in {n} new bandits, a row each", x=0.01, ha="left")
    return save(figure, path)


def _draw_regret(known: Pulls, n_tasks: int, path: Path) -> Path:
    from spikeloop.coordinator.interpretation.pull_figures import draw_regret
    from spikeloop.coordinator.report.figures import new, save

    figure = new()
    axes = draw_regret(figure.subplots(), known)
    axes.set_title(f"Regret in {n_tasks} new bandits (mean, 95 % bootstrap intervals)", loc="left")
    return save(figure, path)
