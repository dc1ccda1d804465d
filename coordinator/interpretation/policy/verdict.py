"""What may be said of fitted policies: distance to the ceiling, and what is not excluded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from spikeloop.coordinator.interpretation.policy.comparison import Compared
from spikeloop.coordinator.interpretation.policy.recovery import Recovery
from spikeloop.coordinator.interpretation.policy.simple_models import Random
from spikeloop.coordinator.stats.bootstrap import Interval

RECOVERED = 0.8
"""Least share of its own data sets on which a model must be recognised before it is claimed."""
CONFUSED = 0.2
"""Share of data sets of one of two models on which the other is best, from which on neither
excludes the other."""


@dataclass(frozen=True)
class Verdict:
    """What follows from a comparison of models.

    Attributes:
        best: the model that predicts held-out episodes best.
        claimed: whether it is recognised often enough for a claim, and is the best by BIC too.
        recognised: on how many of how many data sets of its own it is the best.
        by_bic: the best by BIC.
        ahead: nats per choice by which it is better than each other model, paired by episode.
        not_excluded: other models that it is not better than, or that it is mistaken for.
        strongest: the best of the others.
        units: gated units of the ceiling.
        below_ceiling: nats per choice by which the ceiling is better.
        explained: the best's share of what the ceiling predicts beyond "random"; None if the
            ceiling predicts no more than "random" does.
    """

    best: str
    claimed: bool
    recognised: tuple[int, int]
    by_bic: str
    ahead: Mapping[str, Interval]
    not_excluded: Sequence[str]
    strongest: str
    units: int
    below_ceiling: Interval
    explained: float | None


def judge(
    compared: Sequence[Compared],
    recovery: Recovery,
    ahead: Mapping[str, Interval],
    units: int,
    below_ceiling: Interval,
) -> Verdict:
    """Draw the conclusions.

    Args:
        compared: the models, the one that predicts held-out episodes best first.
        recovery: of all of them.
        ahead: as of ``Verdict``.
        units: as of ``Verdict``.
        below_ceiling: as of ``Verdict``.
    """
    best, strongest = (one.model.name for one in compared[:2])
    chance = next(one for one in compared if one.model.name == Random().name)
    by_bic = min(compared, key=lambda one: one.bic).model.name
    not_excluded = [
        one.model.name
        for one in compared[1:]
        if ahead[one.model.name].low <= 0 or recovery.confused(best, one.model.name) >= CONFUSED
    ]
    gained = float(compared[0].held_out.mean() - chance.held_out.mean())
    of_ceiling = gained + below_ceiling.value
    return Verdict(
        best=best,
        claimed=recovery.rate(best) >= RECOVERED and by_bic == best,
        recognised=recovery.recognised(best),
        by_bic=by_bic,
        ahead=ahead,
        not_excluded=not_excluded,
        strongest=strongest,
        units=units,
        below_ceiling=below_ceiling,
        explained=gained / of_ceiling if of_ceiling > 0 else None,
    )


def sentences(verdict: Verdict, n_episodes: int, n_models: int) -> list[str]:
    """Say it; "consistent with" is the most that a fit of behaviour supports."""
    return [_best(verdict, n_episodes, n_models), _ceiling(verdict), _others(verdict)]


def _best(verdict: Verdict, n_episodes: int, n_models: int) -> str:
    right, n = verdict.recognised
    of_own = f"recognised on {right} of {n} data sets that it simulated itself"
    if verdict.claimed:
        return (
            f"The choices of {n_episodes} held-out episodes are consistent with {verdict.best}, "
            f"the best of {n_models} models tried, {of_own}."
        )
    reason = (
        f"{verdict.by_bic} has the least BIC"
        if verdict.by_bic != verdict.best
        else f"is {of_own}, where {RECOVERED:.0%} are asked for"
    )
    return (
        f"None of {n_models} models is claimed: {verdict.best} predicts {n_episodes} held-out "
        f"episodes best, but {reason}."
    )


def _ceiling(verdict: Verdict) -> str:
    below = verdict.below_ceiling
    units = f"{verdict.units} gated unit" + ("s" if verdict.units > 1 else "")
    ceiling = f"the ceiling, a network of {units} fitted to the same choices"
    if verdict.explained is None:
        return f"No ceiling: a network of {units} predicts no more than chance."
    if below.low <= 0:
        return f"It is {_nats(below)} from {ceiling}, which is not shown to predict more."
    return (
        f"It is {_nats(below)} from {ceiling}, and reaches {verdict.explained:.0%} of what that "
        "predicts beyond chance; what is left is predictable too, so it is not all."
    )


def _others(verdict: Verdict) -> str:
    nearest = _nats(verdict.ahead[verdict.strongest])
    behind = f"The strongest alternative, {verdict.strongest}, is {nearest} behind"
    if verdict.not_excluded:
        return f"{behind}. Not excluded: {', '.join(verdict.not_excluded)}."
    return f"{behind}. All other models tried are excluded."


def _nats(interval: Interval) -> str:
    return f"{interval.value:.4f} nats per choice [{interval.low:.4f}, {interval.high:.4f}]"
