"""Plots of runs and comparisons on the caller's axes, or on a figure that a notebook shows.

Without ``ax`` each method makes a figure of pyplot, so that a notebook shows it below the cell and
a script by ``pyplot.show()``. The axes are returned to be changed or saved, by
``ax.figure.savefig("search.pdf")`` for example.
"""

from typing import TYPE_CHECKING

import pandas as pd

from spikeloop.coordinator.comparison.findings.findings import Findings
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.report import comparison_figures, figures, parameter_traces, run_figures
from spikeloop.coordinator.stats.scores import ends
from spikeloop.coordinator.store.run_folder import RunFolder

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NOT_MEASURED = "the transfer to held-out tasks has not been measured; the run is not finished"


class RunPlots:
    """Plots of a run, as ``run.plot``."""

    def __init__(self, run: RunFolder) -> None:
        self._run = run

    def search(self, ax: "Axes | None" = None) -> "Axes":
        """Plot fitness over generations, and the held-out score of the recommended Θ.

        Args:
            ax: to draw on; by default those of a new figure.

        Raises:
            ConfigError: no generation is committed yet.
        """
        config = self._run.config
        generations, curves = self._frame("generations"), self._frame("curves")
        axes = _axes(ax)
        scale = ends(config.family.interface)
        run_figures.draw_search(axes, generations, curves, config.run.seed, scale)
        return axes

    def learning(self, ax: "Axes | None" = None) -> "Axes":
        """Plot reward per step within held-out episodes of the default, random and learned Θ.

        Args:
            ax: to draw on; by default those of a new figure.

        Raises:
            ConfigError: the transfer to held-out tasks has not been measured yet.
        """
        config = self._run.config
        transfer, interface = run_figures.own_transfer(self._run), config.held_out_family.interface
        if transfer.empty:
            raise ConfigError(f"{self._run.folder}: {NOT_MEASURED}")
        axes = _axes(ax)
        run_figures.draw_learning(
            axes, transfer, interface.n_steps, config.run.seed, ends(interface)
        )
        return axes

    def theta(self) -> "list[Axes]":
        """Plot each hyperparameter over generations: population, recommended and default value.

        Raises:
            ConfigError: no generation is committed yet, or there are too many hyperparameters to be
                stored candidate by candidate.
        """
        recommended = parameter_traces.recommended_values(self._run)
        space = self._run.config.space
        drawn = parameter_traces.traces_figure(
            self._frame("candidates"), recommended, space, new_figure
        )
        if drawn is None:
            raise ConfigError(f"{space.n_dim} parameters are too many to be stored by candidate")
        return list(drawn.axes)

    def strategy(self) -> "list[Axes]":
        """Plot the numbers that the strategy reports of itself over generations.

        Raises:
            ConfigError: no generation is committed yet, or the strategy reports nothing.
        """
        generations = self._frame("generations")
        if not parameter_traces.reported_numbers(generations):
            raise ConfigError(f"{self._run.config.strategy.kind} reports no numbers of itself")
        return list(parameter_traces.summary_figure(generations, new_figure).axes)

    def _frame(self, name: str) -> pd.DataFrame:
        frame = run_figures.frame(self._run.store, name)
        if frame.empty and name != "curves":
            raise ConfigError(f"{self._run.folder}: has no {name} to plot yet")
        return frame


class ComparisonPlots:
    """Plots of a comparison, as ``comparison.plot``."""

    def __init__(self, found: Findings) -> None:
        self._found = found

    def anytime(self, ax: "Axes | None" = None) -> "Axes":
        """Plot the held-out score against the episodes that the search has spent."""
        return self._plot("anytime", ax)

    def scores(self, ax: "Axes | None" = None) -> "Axes":
        """Plot the final score of each search, and their interquartile mean with its interval."""
        return self._plot("scores", ax)

    def differences(self, ax: "Axes | None" = None) -> "Axes":
        """Plot the planned comparisons: differences seed by seed, and their mean."""
        return self._plot("differences", ax)

    def profile(self, ax: "Axes | None" = None) -> "Axes":
        """Plot the share of searches that score at least so much."""
        return self._plot("profile", ax)

    def _plot(self, name: str, ax: "Axes | None") -> "Axes":
        plot = comparison_figures.PLOTS[name]
        axes = _axes(ax, plot.height(self._found))
        plot.draw(axes, self._found)
        return axes


def new_figure(height: float) -> "Figure":
    """Make an empty figure of pyplot, ``height`` inches high."""
    from matplotlib import pyplot

    return pyplot.figure(figsize=(figures.PAGE_WIDTH, height), layout="constrained")


def _axes(ax: "Axes | None", height: float = 4.2) -> "Axes":
    return new_figure(height).subplots() if ax is None else ax
