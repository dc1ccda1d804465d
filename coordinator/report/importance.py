"""What tuning found out about a strategy: its trials, and which of its settings matter.

Importance is PED-ANOVA (Watanabe, Bansal, Hutter 2023, arXiv 2304.10255): how much the settings of
the best tenth of the trials differ in distribution from those of all trials, setting by setting.
"""

import json
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from spikeloop.coordinator.comparison.tunable_space import distributions
from spikeloop.coordinator.report import figures
from spikeloop.coordinator.report.parameter_traces import lowest, set_range, shorten
from spikeloop.workers.space import Choice, Integer, ParameterSpace, Real

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ENOUGH = 12
"""Complete trials below which an importance is mostly noise."""
COLUMNS = 3
STATES = {"complete": ("o", "#0072B2"), "pruned": ("x", "#999999"), "failed": ("|", "#D55E00")}


def complete(trials: pd.DataFrame) -> pd.DataFrame:
    """The trials of a strategy that came to a value, with a column for each of their settings."""
    kept = trials[(trials["state"] == "complete") & np.isfinite(trials["value"])]
    settings = pd.DataFrame([json.loads(text) for text in kept["settings"]], index=kept.index)
    joined: pd.DataFrame = kept[["trial", "value"]].join(settings).reset_index(drop=True)
    return joined


def best(trials: pd.DataFrame) -> dict[str, Any] | None:
    """The row of ``complete`` that was chosen: the highest value, the first of equals."""
    kept = complete(trials)
    if kept.empty:
        return None
    row = kept.to_dict("records")[int(np.argmax(kept["value"].to_numpy()))]
    return {str(name): value for name, value in row.items()}


def importances(trials: pd.DataFrame, space: ParameterSpace) -> Mapping[str, float] | None:
    """Share of importance of each setting; None if the trials cannot tell.

    Args:
        trials: of one strategy, with the columns of ``trials.parquet``.
        space: what was tuned.
    """
    import optuna

    kept = complete(trials)
    if len(kept) < ENOUGH:
        return None
    laws = distributions(space)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize")
    try:
        for row in kept.to_dict("records"):
            own = {name: row[name] for name in laws if name in row and row[name] == row[name]}
            known = {name: laws[name] for name in own}
            study.add_trial(
                optuna.create_trial(params=own, distributions=known, value=float(row["value"]))
            )
    except ValueError:  # the ranges have changed since
        return None
    with warnings.catch_warnings():
        # Optuna warns, and calls all settings equally important, where it cannot tell.
        warnings.simplefilter("error", UserWarning)
        try:
            return optuna.importance.get_param_importances(study)
        except UserWarning:
            return None


def draw_tuning(trials: pd.DataFrame, space: ParameterSpace) -> "Figure":
    """Value against trial number, importance of the settings, and value against each setting."""
    shares = importances(trials, space) if len(space.parameters) > 1 else None
    kept, chosen = complete(trials), best(trials)
    shown = [parameter for parameter in space.parameters if parameter.name in kept]
    n = 1 + (shares is not None) + len(shown)
    n_rows = -(-n // COLUMNS)
    figure = figures.new()
    figure.set_size_inches(7.2, 0.5 + 1.8 * n_rows)
    panels: list[Axes] = list(figure.subplots(n_rows, COLUMNS, squeeze=False).flat)
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize="x-small")
    for axes in panels[n:]:
        axes.remove()
    _draw_trials(panels[0], trials, kept)
    if shares is not None:
        _draw_importances(panels[1], shares)
    for axes, parameter in zip(panels[n - len(shown) : n], shown, strict=True):
        axes.set_title(shorten(parameter.name, 25), loc="left", fontsize="small")
        at = kept[parameter.name]
        if isinstance(parameter, Choice):
            options = list(dict.fromkeys((*parameter.options, *at)))
            at = at.map(options.index)
            names = [shorten(str(option), 9) for option in options]
            upright = len("".join(names)) > 24
            axes.set_xticks(range(len(options)), names, rotation=90 if upright else 0)
            axes.set_xlim(-0.5, len(options) - 0.5)
        elif isinstance(parameter, Real | Integer):
            log = isinstance(parameter, Real) and parameter.scale == "log"
            set_range(axes, "x", lowest(parameter, space), float(parameter.high), log)
        axes.plot(at, kept["value"], "o", ms=3, mew=0, alpha=0.6, color=STATES["complete"][1])
        if chosen is not None:
            place = int(np.argmax(kept["value"].to_numpy()))
            axes.plot(at.iloc[place], chosen["value"], "o", ms=7, mfc="none", mec="#000000")
    figure.legend(
        *panels[0].get_legend_handles_labels(),
        loc="outside upper right",
        ncols=4,
        frameon=False,
        fontsize="small",
    )
    figure.supylabel("held-out score of the trial", fontsize="small")
    return figure


def _draw_trials(axes: "Axes", trials: pd.DataFrame, kept: pd.DataFrame) -> None:
    """Each trial's value; those without one as marks along the bottom."""
    from matplotlib.ticker import MaxNLocator

    for state, (marker, colour) in STATES.items():
        rows = trials[trials["state"] == state]
        if rows.empty:
            continue
        if state == "complete":
            axes.plot(kept["trial"], kept["value"], marker, ms=3, mew=0, color=colour, label=state)
        else:
            axes.plot(
                rows["trial"],
                np.full(len(rows), 0.03),
                marker,
                ms=4,
                color=colour,
                label=state,
                transform=axes.get_xaxis_transform(),
            )
    if len(kept):
        axes.step(
            kept["trial"],
            kept["value"].cummax(),
            where="post",
            color="#000000",
            lw=0.8,
            label="best",
        )
        low, high = kept["value"].min(), kept["value"].max()
        margin = 0.08 * max(high - low, 1e-3)
        axes.set_ylim(low - 3 * margin, high + margin)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.set_title("by number of the trial", loc="left", fontsize="small")


def _draw_importances(axes: "Axes", shares: Mapping[str, float]) -> None:
    names = sorted(shares, key=lambda name: shares[name])
    values = [shares[name] for name in names]
    axes.barh(range(len(names)), values, color="#56B4E9", height=0.6)
    axes.set_yticks(range(len(names)), [shorten(name, 16) for name in names])
    axes.set_xlim(0, 1)
    axes.set_title("importance (share)", loc="left", fontsize="small")
