"""Numbers, tables and sentences of the section ``rule``."""

from collections.abc import Mapping
from typing import Any

from spikeloop.coordinator.interpretation.results import percent
from spikeloop.coordinator.interpretation.rule.chip_rules import formula_of
from spikeloop.coordinator.interpretation.rule.distillation import ENOUGH
from spikeloop.coordinator.interpretation.rule.distilled import UNIFORM, Distilled, written
from spikeloop.coordinator.interpretation.rule.gain import mean
from spikeloop.coordinator.interpretation.rule.states import COLUMNS
from spikeloop.coordinator.report.page import Table
from spikeloop.coordinator.stats.bootstrap import Interval
from spikeloop.workers.plasticity.formula import Term

PER_ACTION = {"chosen": "chosen action", "other": "other actions"}


def numbers(about: Distilled) -> dict[str, Any]:
    """Give everything as JSON takes it."""
    formulas, regrets = about.formulas, about.regrets
    gain = about.gain()
    return {
        "episodes": formulas.n_episodes + about.n_tasks,
        "fitted_episodes": formulas.n_episodes,
        "played_episodes": about.n_tasks,
        "program": about.rule.learner.program.kind,
        "beside": about.beside,
        "short": formulas.short,
        "by_bic": formulas.by_bic,
        "formulas": [_formula(about, place) for place in range(len(formulas.fits))],
        "coefficients": [
            {
                "action": COLUMNS[column][0],
                "term": COLUMNS[column][1],
                "value": float(about.short.coefficients[column]),
                "low": float(formulas.low[column]),
                "high": float(formulas.high[column]),
                "selected": float(formulas.selected[column]),
            }
            for column in about.short.support
        ],
        "regret": {
            "rule": mean(regrets.rule, about.counts).as_json(),
            UNIFORM: mean(regrets.uniform, about.counts).as_json(),
            "beside": None
            if regrets.beside is None
            else mean(regrets.beside, about.counts).as_json(),
        },
        "gain_over_beside": None if gain is None else gain.as_json(),
        "random": _random(about),
        "shuffled_r2": about.shuffled,
        "correlation_of_values": about.correlation,
    }


def _formula(about: Distilled, place: int) -> dict[str, Any]:
    formulas = about.formulas
    fit, settings = formulas.fits[place], formula_of(formulas.fits[place])
    beside = about.over_beside(place) if place in about.played else None
    return {
        "terms": len(fit.support),
        "chosen": dict(settings.chosen),
        "other": dict(settings.other),
        "r2": formulas.on_policy[place],
        "r2_off_policy": formulas.off_policy[place] if formulas.off_policy else None,
        "regret": about.regret(place).as_json() if place in about.played else None,
        "recovered": about.over_uniform(place).as_json() if place in about.played else None,
        "recovered_over_beside": None if beside is None else beside.as_json(),
    }


def _random(about: Distilled) -> dict[str, Any]:
    random = about.random
    return {
        "points": random.n,
        "rules": mean(random.rules, random.counts).as_json(),
        "formulas": mean(random.formulas, random.counts).as_json(),
        UNIFORM: mean(random.uniform, random.counts).as_json(),
        "tasks": len(random.rules),
    }


def formula_table(about: Distilled) -> Table:
    """Show the terms of the short formula with their intervals."""
    formulas = about.formulas
    return Table(
        "The short formula: change of a value (1 is the whole range) by one pull",
        ("action", "term", "coefficient", "95 % interval", "chosen by resamples"),
        [
            (
                PER_ACTION[COLUMNS[column][0]],
                COLUMNS[column][1].replace("*", " "),
                f"{about.short.coefficients[column]:+.3f}",
                f"[{formulas.low[column]:+.3f}, {formulas.high[column]:+.3f}]",
                f"{100 * formulas.selected[column]:.0f} %",
            )
            for column in about.short.support
        ],
        align="llrrr",
        note="r reward, w own value, o mean of the other actions' values, t share of the episode "
        f"that is over. Bootstrap over {formulas.n_episodes} episodes, terms as chosen; the last "
        "column repeats the choice of terms, which is BIC's.",
    )


def path_table(about: Distilled) -> Table:
    """Show what formulas of ever more terms explain and recover."""
    formulas, rows = about.formulas, []
    for place, fit in enumerate(formulas.fits):
        if place not in about.played and place != formulas.by_bic:
            continue
        marks = [(formulas.short, "short"), (formulas.by_bic, "BIC")]
        names = ", ".join(name for which, name in marks if which == place)
        off = f"{formulas.off_policy[place]:.3f}" if formulas.off_policy else "-"
        row = [f"{len(fit.support)}{f' ({names})' if names else ''}"]
        row += [f"{formulas.on_policy[place]:.4f}", off]
        if place in about.played:
            beside = about.over_beside(place)
            row += [_regret(about.regret(place)), percent(about.over_uniform(place))]
            row += [percent(beside)] if beside is not None else []
        else:
            row += ["-"] * (3 if about.over_beside(formulas.short) is not None else 2)
        rows.append(row)
    head = ["terms", "R² on policy", "R² off policy", "regret", f"gain over {UNIFORM}"]
    if about.over_beside(formulas.short) is not None:
        head.append(f"gain over {about.beside}")
    return Table(
        "Formulas of ever more terms in the rule's place",
        head,
        rows,
        note=f"R² on {formulas.n_episodes} other episodes of the rule, and on uniform states. "
        f"Expected regret and recovered share of the rule's gain on {about.n_tasks} bandits that "
        "no formula was fitted to; 95 % intervals, bootstrap over bandits.",
    )


def lines(about: Distilled) -> list[str]:
    """Say what was found, with its controls."""
    formulas, short, regrets = about.formulas, about.short, about.regrets
    kind, random = about.rule.learner.program.kind, about.random
    n_terms = len(short.support)
    enough = formulas.on_policy[formulas.short] >= ENOUGH
    found = [
        f"{kind}: on the states that it visits "
        + (
            f"its changes are consistent with {n_terms} terms "
            if enough
            else f"no formula explains its changes with an R² of {ENOUGH}; the longest one "
            f"has {n_terms} terms "
        )
        + f"(R² {formulas.on_policy[formulas.short]:.3f} in other episodes"
        + (
            f", {formulas.off_policy[formulas.short]:.3f} on uniform states): "
            if formulas.off_policy
            else "): "
        )
        + f"chosen Δw = {written(short, 'chosen')}; others Δw = {written(short, 'other')}.",
        f"Expected regret on {about.n_tasks} new bandits: {kind} "
        f"{_regret(mean(regrets.rule, about.counts))}, the formula in its place "
        f"{_regret(about.regret(formulas.short))}, {UNIFORM} "
        f"{_regret(mean(regrets.uniform, about.counts))}"
        + (
            f", {about.beside} {_regret(mean(regrets.beside, about.counts))}."
            if regrets.beside is not None
            else "."
        ),
        f"{n_terms} terms recover {percent(about.over_uniform(formulas.short))} of the gain over "
        f"{UNIFORM}.",
    ]
    gain, beside = about.gain(), about.over_beside(formulas.short)
    if gain is not None and beside is not None:
        found.append(
            f"{n_terms} terms recover {percent(beside)} of the gain over {about.beside}, which is "
            f"{_regret(gain)}."
        )
    elif gain is not None:
        found.append(
            f"There is no gain over {about.beside} to recover: its regret minus that of {kind} is "
            f"{_regret(gain)}."
        )
    if abs(about.correlation) > 0.9:
        found.append(
            f"Terms of w and o can hardly be distinguished: they correlate by "
            f"{about.correlation:.2f} on the states that the rule visits."
        )
    settings = formula_of(short)
    found.append(
        f'To run the formula: [learner.program] kind = "formula", chosen = '
        f"{_inline_table(settings.chosen)}, other = {_inline_table(settings.other)}"
    )
    found.append(
        f"Controls: changes in another order within episodes are explained with R² "
        f"{about.shuffled:.3f}; of {random.n} random Θ, rules have a mean regret of "
        f"{_regret(mean(random.rules, random.counts))} and their formulas one of "
        f"{_regret(mean(random.formulas, random.counts))}, where {UNIFORM} have "
        f"{_regret(mean(random.uniform, random.counts))} ({len(random.rules)} bandits)."
    )
    return found


def _inline_table(terms: Mapping[Term, float]) -> str:
    """Write coefficients as an inline table of TOML."""
    pairs = ", ".join(f'"{term}" = {coefficient}' for term, coefficient in terms.items())
    return f"{{ {pairs} }}" if pairs else "{}"


def _regret(interval: Interval) -> str:
    return f"{interval.value:.2f} [{interval.low:.2f}, {interval.high:.2f}]"
