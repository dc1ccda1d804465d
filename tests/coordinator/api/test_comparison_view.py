"""A comparison opened in Python."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
from support.html_page import HtmlPage
from support.made_up_comparison import N_SEEDS, made_up
from support.small_run import start_run

import spikeloop as sl
from spikeloop.coordinator.comparison import session

pytestmark = pytest.mark.usefixtures("without_figures")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> sl.Comparison:
    return opened(made_up(tmp_path_factory.mktemp("view") / "made"))


def opened(folder: Path) -> sl.Comparison:
    found = sl.open(folder)
    assert isinstance(found, sl.Comparison)
    return found


@pytest.mark.parametrize("name", ["results", "anytime", "trials"])
def test_tables_are_those_on_disk(made: sl.Comparison, name: str) -> None:
    on_disk = pd.read_parquet(made.folder / f"{name}.parquet")
    pd.testing.assert_frame_equal(getattr(made, name), on_disk, check_exact=True)


def test_findings_are_those_of_the_report(made: sl.Comparison) -> None:
    found = session.find(session.read_config(made.folder), made.folder)
    assert made.findings.as_json() == found.as_json()
    assert repr(made) == f"Comparison({str(made.folder)!r}, 24 of at most 24 searches, finished)"


def test_a_notebook_shows_findings_scores_and_figures(made: sl.Comparison) -> None:
    shown = made._repr_html_()
    page = HtmlPage(shown)
    for sentence in made.findings.sentences:
        assert sentence in page.text
    (table,) = page.tables.values()
    assert [row[2] for row in table[1:]] == [str(N_SEEDS)] * 3
    assert shown.count("data:image/png;base64,") == 2


def test_a_comparison_that_is_going_on_has_the_rows_of_searches_that_ended(
    made: sl.Comparison, tmp_path: Path
) -> None:
    folder = made_up(tmp_path / "made")
    for name in ("results", "anytime", "trials"):
        (folder / f"{name}.parquet").unlink()
    going_on = opened(folder)
    assert list(going_on.results.columns) == list(made.results.columns)
    assert going_on.results.empty
    assert going_on.trials.empty
    assert "not finished" in HtmlPage(going_on._repr_html_()).text
    with pytest.raises(sl.ConfigError, match="not finished"):
        _ = going_on.findings


def test_a_damaged_comparison_can_be_shown_and_says_so(made: sl.Comparison, tmp_path: Path) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(made.folder, folder)
    (folder / "results.parquet").write_bytes(b"not Parquet")
    found = opened(folder)
    assert repr(found).endswith("results damaged)")
    assert "damaged" in found._repr_html_()


def test_its_searches_are_runs(made: sl.Comparison, tmp_path: Path) -> None:
    folder = made_up(tmp_path / "made")
    (folder / "runs" / "evolution").mkdir(parents=True)
    start_run(folder / "runs" / "evolution" / "000003")
    assert len(opened(folder).run("evolution", seed=3).generations) == 3
    with pytest.raises(sl.ConfigError, match="not a run folder"):
        made.run("evolution", seed=4)


def test_the_report_is_written_beside_the_tables(tmp_path: Path) -> None:
    folder = made_up(tmp_path / "made")
    assert opened(folder).report() == folder / "report.html"
    assert "Planned comparisons" in (folder / "report.html").read_text()
