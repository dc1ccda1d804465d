"""The section ``rule``: which formula an evolved rule is, and what it earns in the rule's place.

A rule is replayed on the states that it visits in new tasks, and its changes of values are fitted
by formulas of ever more terms. Each formula is compiled back into a program of the chip, which then
plays further new tasks. Controls are changes in another order, which no formula explains, and the
formulas of random Θ, which gain nothing.
"""

from dataclasses import dataclass

import numpy as np

from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.export.weights import Learned
from spikeloop.coordinator.interpretation.packages import one_thread
from spikeloop.coordinator.interpretation.results import Results
from spikeloop.coordinator.interpretation.rule import tables
from spikeloop.coordinator.interpretation.rule.chip_rules import (
    ChipRule,
    formula_of,
    rule_of,
    why_no_rule,
)
from spikeloop.coordinator.interpretation.rule.distillation import (
    distil,
    shuffled,
    uniform_states,
)
from spikeloop.coordinator.interpretation.rule.distilled import Distilled, RandomRules
from spikeloop.coordinator.interpretation.rule.figures import (
    coefficient_figure,
    path_figure,
    surface_figure,
)
from spikeloop.coordinator.interpretation.rule.gain import Regrets
from spikeloop.coordinator.interpretation.rule.sparse_regression import (
    chosen,
    explained_share,
    products_of,
)
from spikeloop.coordinator.interpretation.section import Note, Section
from spikeloop.coordinator.interpretation.subject import Subject
from spikeloop.coordinator.report.page import Drawing
from spikeloop.coordinator.search.evaluation import grid_of
from spikeloop.coordinator.stats.bootstrap import N_RESAMPLES, draw_counts
from spikeloop.tasks.base import FloatArray, SeedArray, TaskBatch
from spikeloop.workers.seeding import Purpose, TaskSet, stream

N_EPISODES = 4000
"""A quarter of them is fitted; the others are played by the formulas."""
MOST_TERMS = 12
"""Longer formulas than this are fitted but not played, unless they are the short one."""
LEAST = 8
"""Episodes at least: two to fit to, and six to play."""
N_RANDOM = 5
"""Random Θ of the negative control."""


@dataclass(frozen=True)
class NewTasks:
    """New tasks of a run, cut in two.

    Attributes:
        fitted, fitted_seeds: a quarter of the tasks, and the seeds of their episodes.
        played, played_seeds: the others.
    """

    fitted: TaskBatch
    fitted_seeds: SeedArray
    played: TaskBatch
    played_seeds: SeedArray

    def few(self) -> "NewTasks":
        """Give a quarter of each part, at least two."""
        n, m = (max(2, len(seeds) // 4) for seeds in (self.fitted_seeds, self.played_seeds))
        return NewTasks(
            self.fitted[:n], self.fitted_seeds[:n], self.played[:m], self.played_seeds[:m]
        )


def why_not(subject: Subject) -> str | None:
    """Apply to bandits on the chip with a rule that keeps values of actions."""
    return why_no_rule(subject.learned.config)


def interpret(subject: Subject, note: Note) -> Results:
    """Distil the rule, run what was found, and compare.

    Raises:
        ConfigError: the run beside it has no such rule or another family; or fewer than ``LEAST``
            episodes.
        Unavailable: scikit-learn is not installed.
    """
    with one_thread("rule"):
        return results(distilled(subject, note))


def distilled(subject: Subject, note: Note) -> Distilled:
    """Distil the rule, and play the formulas and the controls."""
    learned = subject.learned
    beside = None if subject.beside is None else _beside(subject.beside, learned)
    rule, tasks = rule_of(learned.config, learned.point), _new_tasks(subject)
    seed = learned.config.run.seed
    rng = stream(seed, Purpose.BOOTSTRAP, TaskSet.TRANSFER, subject.seed, 0, 1)

    note("the states that the rule visits")
    fitted = rule.episodes(tasks.fitted, tasks.fitted_seeds)
    n_test = len(tasks.fitted_seeds)
    others = rule.episodes(tasks.played[:n_test], tasks.played_seeds[:n_test])
    found = distil(fitted, others, uniform_states(rule, rng), rng)
    mixed = products_of(fitted.design(), shuffled(fitted, rng).change).summed()
    by_chance = explained_share(chosen(mixed, found.n_episodes), mixed)

    regrets = Regrets(
        _regret(rule, tasks),
        tasks.played.references().optimal - tasks.played.references().random,
        None if beside is None else _regret(beside, tasks),
    )
    played: dict[int, FloatArray] = {}
    for place, fit in enumerate(found.fits):
        if len(fit.support) <= MOST_TERMS or place == found.short:
            note(f"a formula of {len(fit.support)} terms")
            played[place] = _regret(rule.compiled(formula_of(fit)), tasks)
    note("formulas of random Θ")
    random = _random_formulas(learned, tasks.few(), rng)
    counts = draw_counts(len(tasks.played_seeds), N_RESAMPLES, rng)
    return Distilled(
        rule,
        None if beside is None else beside.learner.program.kind,
        found,
        played,
        regrets,
        counts,
        random,
        by_chance,
        fitted.correlation(),
        fitted,
    )


def results(about: Distilled) -> Results:
    """Write the tables and sentences of what was found, and draw its figures."""
    surfaces = {}
    if about.formulas.off_policy:  # its changes follow from values
        surfaces["surfaces"] = Drawing(
            surface_figure(about),
            "Changes of a value by one pull, of the rule and of its short formula, over the own "
            "value and the others', in the middle of an episode. Dots are states that the rule "
            "visits; elsewhere the formula is an extrapolation.",
            "Two rows of four maps of colours: the rule above, the formula below.",
        )
    return Results(
        tables.numbers(about),
        [tables.formula_table(about), tables.path_table(about)],
        tables.lines(about),
        {
            **surfaces,
            "terms": Drawing(
                coefficient_figure(about),
                f"Coefficients of the short formula, fitted to {about.formulas.n_episodes} "
                "episodes; 95 % intervals, bootstrap over episodes. Grey: how often resamples "
                "choose the term.",
                "Points with intervals, a row for each term, for chosen and other actions.",
            ),
            "path": Drawing(
                path_figure(about),
                "R² of formulas on states of other episodes, and on uniform states, by their "
                f"number of terms; and the share of the gain that they recover on "
                f"{about.n_tasks} other bandits; 95 % intervals, bootstrap over bandits.",
                "Two curves over the number of terms.",
            ),
        },
    )


def _beside(beside: Learned, learned: Learned) -> ChipRule:
    if (reason := why_no_rule(beside.config)) is not None:
        raise ConfigError(f"{beside.source}: --beside needs a rule to compare with: {reason}")
    if beside.config.family != learned.config.family:
        raise ConfigError(
            f"{beside.source}: --beside must have the family of {learned.source}, to play the same "
            "tasks"
        )
    return rule_of(beside.config, beside.point)


def _new_tasks(subject: Subject) -> NewTasks:
    n = subject.episodes(N_EPISODES, LEAST)
    grid = grid_of(subject.learned.config, subject.learned.point, n, TaskSet.TRANSFER, subject.seed)
    tasks, seeds = grid.tasks(), np.ascontiguousarray(grid.seeds()[0])
    cut = n // 4
    return NewTasks(tasks[:cut], seeds[:cut], tasks[cut:], seeds[cut:])


def _regret(rule: ChipRule, tasks: NewTasks) -> FloatArray:
    optimal = tasks.played.references().optimal
    regret: FloatArray = optimal - rule.returns(tasks.played, tasks.played_seeds)
    return regret


def _random_formulas(learned: Learned, tasks: NewTasks, rng: np.random.Generator) -> RandomRules:
    """Distil random Θ of the initial law in the same way, and play them and their formulas."""
    points = learned.config.space.sample(N_RANDOM, rng)
    rules, formulas = [], []
    for point in points:
        rule = rule_of(learned.config, point)
        states = rule.episodes(tasks.fitted, tasks.fitted_seeds)
        whole = products_of(states.design(), states.change).summed()
        formula = formula_of(chosen(whole, states.n_episodes))
        rules.append(_regret(rule, tasks))
        formulas.append(_regret(rule.compiled(formula), tasks))
    references = tasks.played.references()
    return RandomRules(
        np.mean(rules, axis=0),
        np.mean(formulas, axis=0),
        references.optimal - references.random,
        N_RANDOM,
        draw_counts(len(tasks.played_seeds), N_RESAMPLES, rng),
    )


RULE = Section(
    "which formula the learning rule is, and what the formula earns in its place",
    why_not,
    interpret,
)
