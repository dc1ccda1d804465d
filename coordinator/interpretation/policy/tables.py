"""The results of a study of a policy as tables, sentences, numbers and figures."""

from typing import Any

from spikeloop.coordinator.interpretation.policy.curves import Curves
from spikeloop.coordinator.interpretation.policy.figures import (
    choices_figure,
    likelihood_figure,
    recovery_figure,
)
from spikeloop.coordinator.interpretation.policy.model import n_parameters
from spikeloop.coordinator.interpretation.policy.study import Study
from spikeloop.coordinator.interpretation.policy.verdict import sentences
from spikeloop.coordinator.interpretation.results import Results, bounds
from spikeloop.coordinator.report.page import Drawing, Table
from spikeloop.coordinator.stats.bootstrap import Band

INTERVALS = "95 % intervals: bootstrap over episodes, paired for differences"


def shown(study: Study) -> Results:
    """Show a study."""
    n, verdict = study.n_episodes, study.verdict
    left = ", ".join(verdict.not_excluded) or "none of those tried"
    return Results(
        numbers(study),
        [_models(study), _parameters(study)],
        sentences(verdict, n, len(study.compared)),
        {
            "likelihood": Drawing(
                likelihood_figure(study.held_out, study.ceiling, verdict.best),
                f"Log likelihood of held-out choices, {n} episodes of one learned point, "
                f"cross-validated by episode in two halves; {INTERVALS}. Lines: gated units fitted "
                f"to the same choices (the ceiling). Not excluded: {left}.",
                "A dot with its interval for each model, vertical lines for the ceiling.",
            ),
            "recovery": Drawing(
                recovery_figure(study.recovery),
                f"Model recovery: each fitted model simulates data sets of "
                f"{study.recovery.n_episodes} episodes, and all models are fitted to them. The row "
                "random is the negative control.",
                "A matrix of simulated by recognised models.",
            ),
            "choices": Drawing(
                choices_figure(study.curves, study.success),
                f"Choices by pull of the learner in {n} held-out episodes, and of the two best "
                f"models in the same tasks; {INTERVALS}.",
                "Three panels of shares over pulls, a line for each.",
            ),
        },
    )


def numbers(study: Study) -> dict[str, Any]:
    """Give all numbers."""
    verdict, recovery = study.verdict, study.recovery
    return {
        "episodes": study.n_episodes,
        "best": verdict.best,
        "claimed": verdict.claimed,
        "not_excluded": list(verdict.not_excluded),
        "share_of_ceiling": verdict.explained,
        "models": {
            one.model.name: {
                "formula": one.model.formula,
                "link": one.model.link,
                "n_parameters": n_parameters(one.model),
                "parameters": one.fit.parameters(one.model),
                "bic": one.bic,
                "held_out_nats": study.held_out[one.model.name].as_json(),
                "best_minus_this": verdict.ahead[one.model.name].as_json()
                if one.model.name in verdict.ahead
                else None,
            }
            for one in study.compared
        },
        "parameters_of_the_best": {name: x.as_json() for name, x in study.parameters.items()},
        "ceiling": {str(units): x.as_json() for units, x in study.ceiling.items()},
        "ceiling_minus_best": verdict.below_ceiling.as_json(),
        "recovery": {
            "models": list(recovery.names),
            "recognised_as": recovery.best.tolist(),
            "episodes": recovery.n_episodes,
        },
        "curves": {name: _curves(one) for name, one in study.curves.items()},
    }


def _curves(one: Curves) -> dict[str, dict[str, list[float | None]]]:
    bands = {"success": one.success, "after_reward": one.after_reward, "after_none": one.after_none}
    return {name: _band(band) for name, band in bands.items()}


def _band(band: Band) -> dict[str, list[float | None]]:
    ends = {"mean": band.mean, "low": band.low, "high": band.high}
    return {name: [None if x != x else float(x) for x in array] for name, array in ends.items()}


def _models(study: Study) -> Table:
    rows = []
    for one in study.compared:
        name = one.model.name
        held, ahead = study.held_out[name], study.verdict.ahead.get(name)
        right, n = study.recovery.recognised(name)
        rows.append(
            [
                name,
                str(n_parameters(one.model)),
                f"{held.value:.4f} {bounds(held, 4)}",
                "" if ahead is None else f"{ahead.value:.4f} {bounds(ahead, 4)}",
                f"{one.bic:.0f}",
                f"{right}/{n}",
            ]
        )
    for units, held in study.ceiling.items():
        below = study.verdict.below_ceiling
        behind = f"{-below.value:.4f} [{-below.high:.4f}, {-below.low:.4f}]"
        rows.append(
            [
                f"ceiling: {units} gated unit{'s' if units > 1 else ''}",
                "",
                f"{held.value:.4f} {bounds(held, 4)}",
                behind if units == study.verdict.units else "",
                "",
                "",
            ]
        )
    return Table(
        f"Models of the choices in {study.n_episodes} held-out episodes",
        ("model", "k", "nats of a held-out choice", "best minus it", "BIC", "recovered"),
        rows,
        note=f"{INTERVALS}; k: parameters; recovered: on how many of the data sets that it "
        "simulated itself a model has the least BIC",
    )


def _parameters(study: Study) -> Table:
    best = study.compared[0].model
    return Table(
        f"{best.name}: {best.formula}",
        ("parameter", "value", "95 % interval"),
        [[name, f"{x.value:.3f}", bounds(x)] for name, x in study.parameters.items()],
        note=f"link {best.link}; intervals: fits to resampled episodes",
    )
