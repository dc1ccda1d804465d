"""A rule for bandits as a picture: what one pull changes, over the own value of each arm."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from spikeloop.coordinator.report import figures
from spikeloop.coordinator.report.page import Block, Drawing, Table, Text
from spikeloop.tasks.base import FloatArray, Interface
from spikeloop.workers.chip.limits import MAX_WEIGHT_U6
from spikeloop.workers.learners.chip.agent import ChipAgent
from spikeloop.workers.plasticity import Fictive, Incremental
from spikeloop.workers.plasticity.program import PlasticityProgram
from spikeloop.workers.plasticity.replay import changes_from, keeps_values
from spikeloop.workers.space import ParameterSpace

if TYPE_CHECKING:
    from matplotlib.figure import Figure

VALUES = np.linspace(0, 1, 41)
TIMES = np.array([0.0, 0.5, 1.0])
MIDDLE = VALUES.size // 2
OTHER = 0.5
"""The value of all arms but the one whose value varies."""
CHOSEN, UNCHOSEN = "chosen arm", "other arm"
COLOURS = {CHOSEN: figures.COLOURS["learned"], UNCHOSEN: "#D55E00"}
REWARDS = {"after a reward": 1.0, "after none": 0.0}


@dataclass(frozen=True)
class PicturedRule:
    """What one pull changes by a rule.

    Attributes:
        name: of the rule.
        code: the value that a code of the synapse is worth.
        change: (2, 2, 3, 41) changes of values, where a value is in [0, 1], of ``COLOURS`` after
            ``REWARDS`` at ``TIMES``, shares of an episode, over the own value ``VALUES``.
    """

    name: str
    code: float
    change: FloatArray


def pictured(
    name: str, program: PlasticityProgram, theta: Mapping[str, float], interface: Interface
) -> PicturedRule:
    """Let the program itself compute what it changes, in integers as in an episode.

    A rule that keeps rates or counts begins with them at every point.

    Raises:
        TypeError: it keeps no values of actions.
    """
    shape = (2, len(REWARDS), TIMES.size, VALUES.size)
    arm, paid, time, own = (axis.ravel() for axis in np.indices(shape))
    value = np.full((arm.size, interface.n_actions), OTHER)
    value[np.arange(arm.size), arm] = VALUES[own]  # the arm 0 is pulled, and 1 is the other one
    feedback = np.array(list(REWARDS.values()))[paid]
    pulled = np.zeros_like(arm)
    found = changes_from(program, theta, interface, value, TIMES[time], pulled, feedback)
    codes = MAX_WEIGHT_U6 - round(theta["code_low"])
    return PicturedRule(name, 1.0 / codes, found[np.arange(arm.size), arm].reshape(shape))


def rules_figure(rules: Sequence[PicturedRule]) -> "Figure":
    """Draw a row of two panels for each rule: after a reward, and after none."""
    figure = figures.new(2.0 * len(rules) + 0.7)
    grid = figure.subplots(len(rules), len(REWARDS), sharex=True, sharey=True, squeeze=False)
    for panels, rule in zip(grid, rules, strict=True):
        for reward, (axes, words) in enumerate(zip(panels, REWARDS, strict=True)):
            for arm, (label, colour) in enumerate(COLOURS.items()):
                change = rule.change[arm, reward]
                low, high = change.min(axis=0), change.max(axis=0)
                axes.fill_between(VALUES, low, high, color=colour, alpha=0.2, lw=0)
                axes.plot(VALUES, change[TIMES.size // 2], color=colour, label=label)
            axes.axhspan(-rule.code / 2, rule.code / 2, color="0.92", lw=0, zorder=0)
            axes.axhline(0, color=figures.COLOURS["reference"], lw=0.8, ls=":", zorder=1)
            axes.set_title(f"{rule.name}, {words}", loc="left", fontsize="small")
            figures.open_frame(axes)
    figures.legend_above(grid[0, 0], 2, bbox_to_anchor=(0, 1.12))
    figure.supxlabel("own value of the arm before the pull", fontsize="medium")
    figure.supylabel("change of that value", fontsize="medium")
    return figure


def rule_blocks(
    learner: object, theta: Mapping[str, float], interface: Interface
) -> Iterator[Block]:
    """Show the rule that a learned Θ is, beside rules of a person; nothing for other learners."""
    if not isinstance(learner, ChipAgent) or interface.n_observations > 1:
        return
    if not keeps_values(learner.program, theta, interface):
        return
    own = learner.program
    rules = [pictured(f"{own.kind}, learned", own, theta, interface)]
    for program in (Incremental(), Fictive()):
        if program.kind != own.kind:
            space = ParameterSpace(program.parameters(interface))
            values = space.decode(space.default_point()[None]).values[0].tolist()
            default = dict(zip(space.columns, values, strict=True))
            rules.append(pictured(f"{program.kind}, default Θ", program, default, interface))
    yield Text(
        "The learned rule and rules that a person would write, with their default Θ, each computed "
        "by its own program: how one pull changes the value of the pulled arm and of another one."
    )
    yield Drawing(
        rules_figure(rules),
        f"Values are in [0, 1]; all arms but the one on the horizontal axis have {OTHER}. Lines "
        "are in the middle of an episode, shades from its beginning to its end for rules that know "
        "the time. Rules with rates or counts are at the start of an episode. Changes in the grey "
        "band are less than half a code of the synapse.",
        "Curves of the change after a reward and after none, over the arm's own value.",
    )
    yield rules_table(rules)


def rules_table(rules: Sequence[PicturedRule]) -> Table:
    """Tabulate the changes of values of 0.5 in the middle of an episode."""
    head = [f"{arm}, {feedback}" for arm in ("chosen", "other") for feedback in ("reward", "none")]
    middle = TIMES.size // 2
    return Table(
        "Change of the chosen and of the other arm's value after a reward and after none, where "
        f"all values are {OTHER}, and what a code of the synapse is worth",
        ("rule", *head, "one code"),
        [
            (
                rule.name,
                *(f"{change:+.3f}" for change in rule.change[:, :, middle, MIDDLE].ravel()),
                f"{rule.code:.3f}",
            )
            for rule in rules
        ],
    )
