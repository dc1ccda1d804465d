"""Plots go where the caller wants them, and nothing changes how the caller plots."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import optuna
import pytest
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from support.made_up_comparison import made_up
from support.small_run import interrupt_run, small_config, start_run

import spikeloop as sl
from spikeloop.coordinator.report.run_figures import write_run_figures
from spikeloop.coordinator.report.write_report import write_report
from spikeloop.coordinator.store.run_folder import read_run
from spikeloop.coordinator.store.run_store import RunStore


@pytest.fixture(autouse=True)
def agg() -> Iterator[None]:
    """Draw on no screen, and leave no figure behind."""
    before = matplotlib.get_backend()
    pyplot.switch_backend("agg")
    yield
    pyplot.close("all")
    pyplot.switch_backend(before)


@pytest.fixture
def run(finished_run: Path) -> Any:
    return sl.open(finished_run)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_up(tmp_path_factory.mktemp("plots") / "made")


@pytest.fixture
def comparison(made: Path) -> Any:
    return sl.open(made)


def labels(axes: Axes) -> list[str]:
    return axes.get_legend_handles_labels()[1]


def test_the_search_is_drawn_on_a_figure_of_pyplot(run: sl.Run) -> None:
    before = pyplot.get_fignums()
    axes = run.plot.search()
    new = [number for number in pyplot.get_fignums() if number not in before]
    assert new == [axes.figure.number]  # type: ignore[union-attr]
    assert pyplot.gca() is axes
    best = next(line for line in axes.lines if line.get_label() == "population: best")
    np.testing.assert_array_equal(best.get_ydata(), run.generations["best"])
    assert "recommended Θ, 4 held-out tasks (95 %)" in labels(axes)


def test_learning_curves_of_three_theta(run: sl.Run) -> None:
    axes = run.plot.learning()
    assert labels(axes) == ["default Θ", "random Θ (mean of 3)", "learned Θ"]


def test_a_panel_for_each_hyperparameter(run: sl.Run) -> None:
    panels = run.plot.theta()
    assert [axes.get_title(loc="left") for axes in panels] == list(run.theta)
    assert pyplot.get_fignums() == [1]


def test_a_panel_for_each_number_that_the_strategy_reports(run: sl.Run) -> None:
    columns = map(str, run.generations)
    names = [name.removeprefix("strategy_") for name in columns if name.startswith("strategy_")]
    assert [axes.get_title(loc="left") for axes in run.plot.strategy()] == names


@pytest.mark.parametrize("name", ["search", "learning"])
def test_given_axes_are_drawn_on_and_no_figure_is_made(run: sl.Run, name: str) -> None:
    axes = Figure().subplots()
    assert getattr(run.plot, name)(ax=axes) is axes
    assert axes.lines
    assert pyplot.get_fignums() == []


def test_plots_of_a_comparison(comparison: sl.Comparison) -> None:
    plot = comparison.plot
    for draw in (plot.anytime, plot.scores, plot.differences, plot.profile):
        axes = draw()
        assert axes.lines
        assert pyplot.gcf() is axes.figure
        own = Figure().subplots()
        assert draw(ax=own) is own


def test_what_is_not_there_yet_cannot_be_plotted(tmp_path: Path) -> None:
    interrupt_run(tmp_path / "small", "generation", small_config())
    run: Any = sl.open(tmp_path / "small")
    for ask in (run.plot.search, run.plot.learning, run.plot.theta, run.plot.strategy):
        with pytest.raises(sl.ConfigError, match="small"):
            ask()
    assert pyplot.get_fignums() == []


# --- the caller's matplotlib ------------------------------------------------------------------


def write_all_of_a_run(folder: Path) -> None:
    write_run_figures(read_run(RunStore.open(start_run(folder / "small"))))
    write_report(folder / "small")


def write_all_of_a_comparison(folder: Path) -> None:
    write_report(made_up(folder / "made"))


@pytest.mark.parametrize("work", [write_all_of_a_run, write_all_of_a_comparison])
def test_reports_leave_backend_settings_figures_and_messages_of_the_caller(
    tmp_path: Path, work: Callable[[Path], None]
) -> None:
    pyplot.switch_backend("svg")  # one that nothing here would choose
    own = pyplot.figure()
    settings = dict(matplotlib.rcParams)
    optuna.logging.set_verbosity(optuna.logging.INFO)
    work(tmp_path)
    assert optuna.logging.get_verbosity() == optuna.logging.INFO
    assert matplotlib.get_backend() == "svg"
    assert dict(matplotlib.rcParams) == settings
    assert pyplot.get_fignums() == [own.number]


def test_a_report_and_a_notebooks_view_of_a_run_do_without_pyplot(
    finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(matplotlib, "pyplot")
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # an import of it fails
    run: Any = sl.open(finished_run)
    with pytest.raises(ImportError):
        run.plot.search()
    assert run.report(tmp_path / "report.html").exists()
    assert "data:image/png" in run._repr_html_()


@pytest.mark.exhaustive
def test_a_notebook_shows_plots_after_a_report(finished_run: Path, tmp_path: Path) -> None:
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    nbformat = pytest.importorskip("nbformat")
    cells = [
        f"import spikeloop as sl\nrun = sl.open({str(finished_run)!r})",
        f"run.report({str(tmp_path / 'report.html')!r})\nrun.plot.search();",
        "run.plot.learning()",
        "run",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    kinds = [[set(out.get("data", {})) for out in cell["outputs"]] for cell in notebook.cells]
    assert any("image/png" in data for data in kinds[1])
    assert any("image/png" in data for data in kinds[2])
    assert kinds[3] == [{"text/plain", "text/html"}]
