"""In a notebook progress is one output, redrawn in place, that shows text as text."""

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from support.small_run import small_config, small_tables
from support.small_sweep import small_sweep

import spikeloop as sl
from spikeloop.coordinator.api import notebook
from spikeloop.coordinator.api.notebook import NotebookView, in_notebook
from spikeloop.coordinator.search.reporter import GenerationReport
from spikeloop.coordinator.stats.bootstrap import Interval


class Cell:
    """What stands below a cell: outputs that were displayed, and later states of them."""

    def __init__(self) -> None:
        self.states: list[tuple[str, str]] = []
        self.n_outputs = 0

    def display(self, shown: Any, display_id: bool) -> "Cell":
        assert display_id
        self.n_outputs += 1
        self.update(shown)
        return self

    def update(self, shown: Any) -> None:
        self.states.append((repr(shown), shown._repr_html_()))


@pytest.fixture
def cell(monkeypatch: pytest.MonkeyPatch) -> Cell:
    """A cell of a notebook that is running."""
    cell = Cell()
    ipython, display = ModuleType("IPython"), ModuleType("IPython.display")
    ipython.get_ipython = lambda: SimpleNamespace(kernel=object())  # type: ignore[attr-defined]
    ipython.version_info = (9, 0, 0)  # type: ignore[attr-defined]  # matplotlib asks for it
    display.display = cell.display  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    monkeypatch.setattr(notebook, "REDRAWN_S", -1.0)  # every change is drawn
    return cell


def test_a_notebook_is_known_by_its_kernel(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    assert in_notebook()
    monkeypatch.setattr(sys.modules["IPython"], "get_ipython", lambda: None)
    assert not in_notebook()
    monkeypatch.delitem(sys.modules, "IPython")
    assert not in_notebook()


def test_progress_is_one_output_that_ends_with_two_lines(cell: Cell) -> None:
    with NotebookView().run(small_config(), 40) as reporter:
        reporter.pool("in this process")
        for number in range(1, 21):
            reporter.started(f"generation {number}", 2)
            reporter.episodes_done(2)
            reporter.generation(GenerationReport(number, 0.5, 0.25, Interval(0.5, 0.4, 0.6, 9), {}))
    assert cell.n_outputs == 1
    half = '<progress value="20" max="40"></progress> generation 10'
    assert sum(half in html for _, html in cell.states) == 2  # the episodes, then the line
    assert all(text.count("\n") <= notebook.LINES for text, _ in cell.states)
    text, html = cell.states[-1]
    assert text.startswith("generation 20/3  best 0.500")
    assert text.endswith("40 episodes in 0:00")
    assert text.count("\n") == 1
    assert "<progress" not in html


def test_text_is_shown_as_text(cell: Cell) -> None:
    with NotebookView().run(small_config(), 40) as reporter:
        reporter.note("<script>alert(1)</script>")
        reporter.started("<b>", 1)
    for _, html in cell.states:
        assert "<script>" not in html
        assert "<b>" not in html
    assert "&lt;script&gt;" in cell.states[-1][1]


def test_a_run_shows_progress_and_prints_its_results(
    cell: Cell, tmp_path: Any, capsys: pytest.CaptureFixture[str], without_figures_here: None
) -> None:
    sl.run(small_tables(), out=tmp_path / "small")
    assert cell.n_outputs == 1
    assert "114 episodes in" in cell.states[-1][0]
    printed = capsys.readouterr().out
    assert "Score on 6 held-out tasks" in printed
    assert f"results: {tmp_path / 'small'}" in printed
    assert "\x1b" not in printed


def test_a_sweep_says_how_many_runs_are_under_way(cell: Cell) -> None:
    row = {"setting": "a=1", "seed": 3, "error": "", "score": 0.5, "score_low": 0.4}
    planned = next(small_sweep().runs())
    with NotebookView().sweep(40, 4) as reporter:
        reporter.run_started(planned)
        reporter.run_started(planned)
        reporter.started("generation 1/3", 20)
        reporter.episodes_done(20)
        assert "2 under way, 0 of 4 runs ended" in cell.states[-1][1]
        assert '<progress value="20" max="40">' in cell.states[-1][1]
        reporter.run_ended({**row, "score_high": 0.6, "episodes": 20})
    assert cell.n_outputs == 1
    assert "a=1, seed 3  held-out 0.500 [0.400, 0.600]" in cell.states[-1][0]
