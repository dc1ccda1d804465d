"""All that the section has found, from which its numbers, tables and figures are made."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikeloop.coordinator.interpretation.rule.chip_rules import ChipRule
from spikeloop.coordinator.interpretation.rule.distillation import Formulas
from spikeloop.coordinator.interpretation.rule.gain import Regrets, mean, recovered
from spikeloop.coordinator.interpretation.rule.sparse_regression import Fit
from spikeloop.coordinator.interpretation.rule.states import COLUMNS, States
from spikeloop.coordinator.stats.bootstrap import Interval
from spikeloop.tasks.base import FloatArray

UNIFORM = "uniform pulls"


@dataclass(frozen=True)
class RandomRules:
    """The negative control: rules with random Θ and their formulas.

    Attributes:
        rules, formulas: (n_tasks,) regrets, means over the random Θ.
        uniform: (n_tasks,) regrets of uniform pulls in the same tasks.
        n: random Θ.
        counts: (n_resamples, n_tasks) resamples of the tasks.
    """

    rules: FloatArray
    formulas: FloatArray
    uniform: FloatArray
    n: int
    counts: NDArray[np.uint8]


@dataclass(frozen=True)
class Distilled:
    """Results of the section.

    Attributes:
        rule: that was distilled.
        beside: the kind of rule that it is compared with; None without one.
        formulas: of ever more terms.
        played: (n_tasks,) regrets of those formulas that were played, by their place.
        regrets: of the rule and of what it is compared with.
        counts: (n_resamples, n_tasks) resamples of the tasks.
        random: the negative control of the gain.
        shuffled: R² of the formula that BIC chooses for changes in another order.
        correlation: of a value and the others' mean in visited states.
        visited: those states.
    """

    rule: ChipRule
    beside: str | None
    formulas: Formulas
    played: Mapping[int, FloatArray]
    regrets: Regrets
    counts: NDArray[np.uint8]
    random: RandomRules
    shuffled: float
    correlation: float
    visited: States

    @property
    def n_tasks(self) -> int:
        """Number of tasks that were played."""
        return len(self.regrets.rule)

    @property
    def short(self) -> Fit:
        """The short formula."""
        return self.formulas.fits[self.formulas.short]

    def regret(self, place: int) -> Interval:
        """Give the regret of a formula."""
        return mean(self.played[place], self.counts)

    def over_uniform(self, place: int) -> Interval:
        """Give the share of the rule's gain over uniform pulls that a formula recovers."""
        regrets = self.regrets
        return recovered(self.played[place], regrets.rule, regrets.uniform, self.counts)

    def over_beside(self, place: int) -> Interval | None:
        """Give the share of the gain over the rule beside it; None without one, or without gain.

        There is no gain unless the interval of the difference of both rules excludes 0.
        """
        regrets, gain = self.regrets, self.gain()
        if regrets.beside is None or gain is None or gain.low <= 0:
            return None
        return recovered(self.played[place], regrets.rule, regrets.beside, self.counts)

    def gain(self) -> Interval | None:
        """Give the regret of the rule beside it minus the rule's own, paired; None without one."""
        beside = self.regrets.beside
        return None if beside is None else mean(beside - self.regrets.rule, self.counts)


def written(fit: Fit, who: str, decimals: int = 3) -> str:
    """Write the part of a formula for "chosen" or "other" actions, such as "−0.131 + 0.223 r"."""
    parts = []
    for column in fit.support:
        of, term = COLUMNS[column]
        if of != who:
            continue
        coefficient = fit.coefficients[column]
        sign = "−" if coefficient < 0 else "+"
        letters = "" if term == "1" else " " + " ".join(term.split("*"))
        parts.append(f"{sign} {abs(coefficient):.{decimals}f}{letters}")
    text = " ".join(parts) or "0"
    return f"−{text[2:]}" if text.startswith("−") else text.removeprefix("+ ")
