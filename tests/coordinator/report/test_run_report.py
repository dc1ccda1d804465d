"""The report of a run: whole, self-contained, escaped, and of the very numbers of the folder."""

import shutil
import tomllib
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from support.command_line import printed
from support.html_page import HtmlPage, column, table_of
from support.small_run import change_part, small_config, start_run

from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.report.page import configuration
from spikeloop.coordinator.report.write_report import write_report
from spikeloop.coordinator.search.deployment import deployed
from spikeloop.coordinator.store.manifest import describe
from spikeloop.coordinator.store.run_folder import RunFolder
from spikeloop.coordinator.store.run_store import RunStore


def read(folder: Path) -> HtmlPage:
    path = write_report(folder)
    assert path == folder / "report.html"
    assert path.stat().st_size < 3_000_000
    return HtmlPage(path.read_text(encoding="utf-8"))


def test_a_report_is_one_sound_file_with_every_figure(copied_run: Path) -> None:
    page = read(copied_run)
    assert page.faults == []
    assert len(page.drawings) == 4
    for words in ("Learning curves", "Fitness", "Over generations: sigma", "Population median"):
        assert any(words in drawing for drawing in page.drawings), words
    for words in ("spikeloop", "pd.read_parquet(", "No episode failed.", "evolution", "random_mdp"):
        assert words in page.text
    # Text of figures is text, and stands in the page.
    for words in ("step of an episode", "gamma", "step_norm", "recommended"):
        assert words in page.text


def test_a_report_has_the_same_bytes_again(copied_run: Path) -> None:
    first = write_report(copied_run).read_bytes()
    assert write_report(copied_run).read_bytes() == first


def test_table_of_transfer_holds_the_numbers_of_the_files(copied_run: Path) -> None:
    episodes = pd.read_parquet(copied_run / "transfer")
    table = table_of(read(copied_run), "Score on 6 held-out tasks")
    for theta, score, mean, below in zip(
        ("default", "random", "learned"),
        column(table, "score")[:3],
        column(table, "mean return")[:3],
        column(table, "regret")[:3],
        strict=True,
    ):
        own = episodes[episodes["theta"] == theta]
        gain, span = ((own[name] - own["random"]).sum() for name in ("return", "optimal"))
        assert score == f"{gain / span:.3f}"
        assert float(mean) == pytest.approx(own["return"].mean(), rel=5e-4)
        missed = (own["optimal"] - own["return"]).mean()
        assert float(below.split(" ± ")[0]) == pytest.approx(missed, rel=5e-3)
    assert column(table, "episodes") == ["6", "18", "6", "", "", ""]


def test_tables_of_generations_and_parameters_hold_the_numbers_of_the_files(
    copied_run: Path,
) -> None:
    page = read(copied_run)
    generations = pd.read_parquet(copied_run / "generations").sort_values("generation")
    table = table_of(page, "Fitness of each generation")
    assert column(table, "mean") == [f"{value:.3f}" for value in generations["mean"]]
    assert column(table, "episodes") == [str(value) for value in generations["n_episodes"]]
    config = small_config()
    point = deployed(RunFolder(config, RunStore(copied_run)))
    learned = config.space.decode(point[None, :]).values[0]
    table = table_of(page, "The learned Θ")
    assert column(table, "hyperparameter") == list(config.space.columns)
    assert column(table, "learned") == [f"{value:.4g}" for value in learned]


def test_failures_are_counted_by_reason_and_their_errors_escaped(copied_run: Path) -> None:
    store = RunStore(copied_run)
    error = "<script>alert('&')</script> \"quoted\""
    searched, scored = store.part_path("episodes", 1), store.part_path("transfer", 0)
    change_part(store, searched, lambda rows: rows.assign(status="raised", error=error))
    change_part(store, scored, lambda rows: rows.assign(status="timed out", error=None))
    page = read(copied_run)
    assert page.faults == []
    table = table_of(page, "Episodes that failed")
    assert table[1] == ["search", "raised", "24", "72", error]
    assert table[2] == ["transfer", "timed out", "30", "30", ""]
    assert "not measured, too many episodes failed" in page.text


def test_the_report_of_an_unfinished_run_says_so(copied_run: Path) -> None:
    shutil.rmtree(copied_run / "transfer")
    (copied_run / "state" / "000003.npz").unlink()
    page = read(copied_run)
    assert page.faults == []
    assert "unfinished, 2 of 3 generations" in page.text
    assert "the run is not finished" in page.text
    assert len(table_of(page, "Fitness of each generation")) == 1 + 2
    assert len(page.drawings) == 3


def test_a_run_without_generations_has_a_report(tmp_path: Path) -> None:
    page = read(RunStore.create(tmp_path / "small", describe(small_config())).folder)
    assert page.faults == []
    assert page.drawings == []
    assert "No generation is committed yet." in page.text
    assert "unfinished, 0 of 3 generations" in page.text


def test_a_damaged_state_costs_only_what_follows_from_it(copied_run: Path) -> None:
    (copied_run / "state" / "000001.npz").write_bytes(b"nothing")
    page = read(copied_run)
    assert page.faults == []
    assert "What the strategy recommended cannot be read" in page.text
    assert "000001.npz" in page.text
    assert len(page.drawings) == 4
    assert not any(caption.startswith("The learned Θ") for caption in page.tables)


def test_a_search_that_ended_early_is_finished(tmp_path: Path) -> None:
    page = read(start_run(tmp_path / "small", stop={"episodes": 48}))
    assert page.faults == []
    assert ", 2 generations." in page.text
    assert "Ended after generation 2: one more would exceed stop.episodes = 48." in page.text


def test_the_configuration_is_toml_of_the_run(copied_run: Path) -> None:
    tables = small_config().tables()
    shown: Any = configuration(tables)
    assert shown.blocks[0].text in read(copied_run).text
    assert tomllib.loads(shown.blocks[0].text) == tables


def test_keys_without_a_value_are_named_below_the_configuration() -> None:
    shown: Any = configuration({"a": {"b": None, "c": [{"d": None, "e": 1}]}})
    assert [block.text for block in shown.blocks] == [
        "[a]\nc = [\n    { e = 1 },\n]",
        "Not set: a.b, a.c.d.",
    ]


def test_out_names_the_file_of_the_report(copied_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "own.html"
    assert printed("report", copied_run, "--out", out) == f"report:  {out}\n"
    assert HtmlPage(out.read_text(encoding="utf-8")).faults == []


def test_wrong_folders_and_files_are_named(copied_run: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="neither a run"):
        write_report(tmp_path)
    with pytest.raises(ConfigError, match="cannot be written"):
        write_report(copied_run, tmp_path / "no" / "folder.html")
