"""Bandits: which arms are pulled when, whether the informative arm is used, and the regret."""

from spikeloop.coordinator.interpretation.behaviour import pulls
from spikeloop.coordinator.interpretation.behaviour.pull_figures import (
    choices_figure,
    regret_figure,
)
from spikeloop.coordinator.interpretation.behaviour.pulls import Bandits, Pulls
from spikeloop.coordinator.interpretation.held_out_episodes import HeldOutEpisodes
from spikeloop.coordinator.interpretation.results import Results, bounds, milestones, percent
from spikeloop.coordinator.report.page import Drawing, Table
from spikeloop.tasks.base import IntArray
from spikeloop.workers.seeding import Purpose, TaskSet, stream


def interpret_bandits(held: HeldOutEpisodes, tasks: Bandits, actions: IntArray) -> Results:
    """Summarise and draw pulls and regret.

    ``actions`` are the arms that the network pulled, (n_tasks, n_steps).
    """
    seed = held.learned.config.run.seed
    known = pulls.summarise(
        tasks,
        actions,
        tasks.baselines(stream(seed, Purpose.BASELINES, TaskSet.TRANSFER, held.seed)),
        stream(seed, Purpose.BOOTSTRAP, TaskSet.TRANSFER, held.seed, 0, 0),
    )
    return Results(
        _numbers(known),
        [_pull_table(known, tasks.n_tasks), _regret_table(known, tasks.n_tasks)],
        [f"{name}: {percent(share)}" for name, share in known.program.items()],
        {
            "choices": Drawing(
                choices_figure(tasks, actions),
                f"Pulls in {tasks.n_tasks} new bandits, a row each.",
                "A map of episodes by pulls, in the colours of the arms.",
            ),
            "regret": Drawing(
                regret_figure(known, tasks.n_tasks),
                f"Cumulative expected regret in {tasks.n_tasks} new bandits beside that of known "
                "policies; 95 % intervals, bootstrap over bandits.",
                "A curve of regret over pulls, with the final regret of each policy.",
            ),
        },
    )


def _numbers(known: Pulls) -> dict[str, object]:
    n_steps = len(known.regret.mean)
    return {
        "pulls": [
            {
                "pull": pull,
                "roles": {role: shares[pull].as_json() for role, shares in known.roles.items()},
                "regret": known.regret.at(pull - 1).as_json(),
            }
            for pull in milestones(1, n_steps)
        ],
        "program": {name: share.as_json() for name, share in known.program.items()},
        "regret_at_the_end": {
            name: {
                **regret.total.as_json(),
                "network_minus_this": None if regret.ahead is None else regret.ahead.as_json(),
            }
            for name, regret in known.totals.items()
        },
    }


def _pull_table(known: Pulls, n_tasks: int) -> Table:
    rows = []
    for pull in milestones(1, len(known.regret.mean)):
        regret = known.regret.at(pull - 1)
        shares = [percent(shares[pull]) for shares in known.roles.values()]
        rows.append([str(pull), *shares, f"{regret.value:.2f} {bounds(regret, 2)}"])
    return Table(
        f"Which arms are pulled in {n_tasks} new bandits: share of episodes, 95 % intervals",
        ("pull", *known.roles, "regret up to it"),
        rows,
        "r" * (len(known.roles) + 2),
        "shares: Wilson; regret, expected and cumulative: bootstrap over bandits",
    )


def _regret_table(known: Pulls, n_tasks: int) -> Table:
    rows = []
    for name, regret in known.totals.items():
        ahead = regret.ahead
        rows.append(
            [
                name,
                f"{regret.total.value:.3f}",
                bounds(regret.total),
                "" if ahead is None else f"{ahead.value:+.3f}",
                "" if ahead is None else f"[{ahead.low:+.3f}, {ahead.high:+.3f}]",
            ]
        )
    return Table(
        f"Expected regret after {len(known.regret.mean)} pulls, mean over {n_tasks} bandits",
        ("policy", "regret", "95 % interval", "network minus it", "95 % interval"),
        rows,
        note="95 % intervals: bootstrap over bandits; the difference is paired by bandit",
    )
