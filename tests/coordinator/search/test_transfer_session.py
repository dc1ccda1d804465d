"""Transfer evaluations beside the run's own are kept apart, in files and in printed lines."""

from pathlib import Path

import pandas as pd
import pytest
from support.command_line import cli, printed, refused
from support.html_page import HtmlPage
from support.small_run import assert_same_contents

from spikeloop.coordinator.report.write_report import write_report
from spikeloop.coordinator.stats.regret import amount
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.verification.verify_run import verify

pytestmark = pytest.mark.usefixtures("without_figures")

OTHERS = [["--tasks", "5", "--seed", "5"], ["--tasks", "4"], ["--seed", "5"]]
"""Other tasks, another number of the run's own tasks, and the first seed with that number."""


def means_of_printed_line(output: str) -> pd.DataFrame:
    """What the line printed for pandas gives when it is run."""
    (line,) = [line for line in output.splitlines() if line.startswith("pandas:")]
    found = eval(line.removeprefix("pandas:").strip(), {"pd": pd})
    assert isinstance(found, pd.DataFrame)
    return found


def means_of_table(output: str) -> dict[str, str]:
    """The column "mean return" of the printed table, by the first word of each row."""
    rows = [line.split("│") for line in output.splitlines() if line.startswith("│")]
    return {row[1].split()[0].rstrip(","): row[4].strip() for row in rows}


def assert_line_gives_table(output: str) -> None:
    means, table = means_of_printed_line(output), means_of_table(output)
    assert means.index.tolist() == ["default", "learned", "random"]
    for theta, value in means["return"].items():
        assert amount(value) == table[str(theta)]


def test_the_printed_line_gives_the_numbers_of_the_printed_table(copied_run: Path) -> None:
    own = printed("resume", copied_run)
    assert_line_gives_table(own)
    before = pd.read_parquet(copied_run / "transfer")
    seen = [means_of_printed_line(own)["return"].tolist()]
    for options in OTHERS:
        output = printed("transfer", copied_run, *options)
        assert_line_gives_table(output)
        seen.append(means_of_printed_line(output)["return"].tolist())
    assert len({tuple(means) for means in seen}) == 4  # the lines were four different ones
    pd.testing.assert_frame_equal(pd.read_parquet(copied_run / "transfer"), before)
    for command in ("resume", "transfer"):
        again = printed(command, copied_run)
        assert means_of_printed_line(again).equals(means_of_printed_line(own))


def test_files_are_named_by_all_that_they_depend_on(copied_run: Path) -> None:
    for options in OTHERS:
        assert cli("transfer", copied_run, *options, "--json") == 0
    store = RunStore(copied_run)
    assert [path.name for path, _ in store.other_transfers()] == [
        "seed-000000-tasks-000004-generation-000003.parquet",
        "seed-000005-tasks-000005-generation-000003.parquet",
        "seed-000005-tasks-000006-generation-000003.parquet",
    ]
    assert [path.name for path, _ in store.parts("transfer")] == ["part-000000.parquet"]
    report = verify(store)
    assert report.problems == []
    assert "other_transfers: 3 file(s), 75 rows" in report.checked


def test_an_evaluation_of_another_size_is_not_replaced(copied_run: Path) -> None:
    assert cli("transfer", copied_run, *OTHERS[0], "--json") == 0
    ((path, _),) = RunStore(copied_run).other_transfers()
    store = RunStore(copied_run)
    store.write_part(path, store.read_part(path).slice(1))
    assert "choose another --seed" in refused("transfer", copied_run, *OTHERS[0], "--json")


def test_the_same_evaluation_gives_the_same_rows_again(copied_run: Path) -> None:
    assert cli("transfer", copied_run, *OTHERS[0], "--json") == 0
    ((path, _),) = RunStore(copied_run).other_transfers()
    before = pd.read_parquet(path)
    assert cli("transfer", copied_run, *OTHERS[0], "--json") == 0
    pd.testing.assert_frame_equal(pd.read_parquet(path), before)


def test_an_evaluation_of_the_unfinished_run_stays_beside_that_of_the_end(
    copied_run: Path, finished_run: Path
) -> None:
    RunStore(copied_run).go_back(1)
    early = means_of_printed_line(printed("transfer", copied_run, *OTHERS[0]))
    assert cli("resume", copied_run) == 0
    late = means_of_printed_line(printed("transfer", copied_run, *OTHERS[0]))
    early_return, late_return = early["return"].to_dict(), late["return"].to_dict()
    assert early_return["default"] == late_return["default"]
    assert early_return["learned"] != late_return["learned"]
    (first, generation), (second, last) = RunStore(copied_run).other_transfers()
    assert (generation, last) == (1, 3)
    for path, means in ((first, early), (second, late)):
        found = pd.read_parquet(path).groupby("theta")["return"].mean()
        assert found.equals(means["return"])
    page = HtmlPage(write_report(copied_run).read_text(encoding="utf-8"))
    assert "held-out tasks, seed 5, Θ after generation 1 (" in page.text
    assert "held-out tasks, seed 5, Θ after generation 3 (" in page.text
    assert_same_contents(copied_run, finished_run)


def test_the_report_shows_each_evaluation_in_a_table_of_its_own(copied_run: Path) -> None:
    for options in OTHERS:
        assert cli("transfer", copied_run, *options, "--json") == 0
    page = HtmlPage(write_report(copied_run).read_text(encoding="utf-8"))
    for words in (
        "Score on 6 held-out tasks, seed 0 (",
        "Score on 4 held-out tasks, seed 0, Θ after generation 3 (",
        "Score on 5 held-out tasks, seed 5, Θ after generation 3 (",
        "Score on 6 held-out tasks, seed 5, Θ after generation 3 (",
    ):
        assert page.text.count(words) == 1
    code = page.text[page.text.index("import pandas as pd") :]
    lines = [line for line in code.splitlines() if line.startswith("seed_")]
    assert len(lines) == 3


def test_damage_is_found_and_going_back_removes_them(copied_run: Path) -> None:
    assert cli("transfer", copied_run, *OTHERS[0], "--json") == 0
    ((path, _),) = RunStore(copied_run).other_transfers()
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    assert [problem for problem in verify(RunStore(copied_run)).problems if path.name in problem]
    path.write_bytes(whole)
    path.rename(path.with_name(path.name.replace("seed-000005", "seed-000006")))
    problem = verify(RunStore(copied_run)).problems[0]
    assert "it was written as other_transfers/seed-000005" in problem
    RunStore(copied_run).go_back(2)
    assert RunStore(copied_run).other_transfers() == []
