"""The learned Θ stands in a file of the run, and on the terminal, with its units."""

import shutil
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console
from support.command_line import cli, printed
from support.small_run import resume_run, start_run

from spikeloop.coordinator.report import theta_table
from spikeloop.coordinator.search.deployment import deployed
from spikeloop.coordinator.search.learned_theta import follows, named_values
from spikeloop.coordinator.search.learned_theta import theta_table as table_of
from spikeloop.coordinator.store.run_folder import read_run
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.workers.parameter_types import Choice, Integer, Real, Weights
from spikeloop.workers.space import ParameterSpace

pytestmark = pytest.mark.usefixtures("without_figures")

SPACE = ParameterSpace.of(
    {
        "tau": Real(1.0, 100.0, 10.0, "ms", "log", "of the membrane"),
        "gain": Real(0.0, 1.0, 0.25),
        "code": Integer(0, 63, 31, "LSB"),
        "rule": Choice(("stdp", "rstdp"), "stdp"),
        "w": Weights((2, 3), 0.5, "nA"),
    }
)
POINT = np.array([0.75, 0.5, 0.999, 0.9, *np.arange(6.0)])
NAME = "theta/part-000003.parquet"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return start_run(tmp_path_factory.mktemp("finished") / "small")


def test_values_are_physical_and_of_their_own_types() -> None:
    values = named_values(SPACE, POINT)
    assert values["tau"] == pytest.approx(10**1.5)
    assert (values["gain"], values["code"], values["rule"]) == (0.5, 63, "rstdp")
    assert [type(values[name]) for name in ("gain", "code", "rule")] == [float, int, str]
    np.testing.assert_array_equal(values["w"], 0.5 * np.arange(6.0).reshape(2, 3))


def test_the_table_has_a_column_a_hyperparameter_and_its_unit_in_the_metadata() -> None:
    table = table_of(SPACE, POINT)
    assert table.num_rows == 1
    assert table["w"].to_pylist() == [[0.0, 0.5, 1.0, 1.5, 2.0, 2.5]]
    units = {field.name: field.metadata[b"unit"] for field in table.schema}
    assert units == {"tau": b"ms", "gain": b"1", "code": b"LSB", "rule": b"1", "w": b"nA"}
    about = table.schema.field("tau").metadata
    bounds = [float(about[key]) for key in (b"low", b"high", b"default")]
    assert (bounds, about[b"scale"], about[b"description"]) == (
        [1.0, 100.0, 10.0],
        b"log",
        b"of the membrane",
    )
    assert table.schema.field("w").metadata[b"shape"] == b"[2, 3]"


def test_a_run_has_a_file_of_its_learned_theta_that_other_readers_open(finished: Path) -> None:
    run = read_run(RunStore.open(finished))
    expected = named_values(run.config.space, deployed(run))
    assert pd.read_parquet(finished / "theta").iloc[0].to_dict() == expected
    with duckdb.connect() as connection:
        rows = connection.execute(f"select * from '{finished}/theta/*.parquet'").fetchall()
    assert rows == [tuple(expected.values())]
    schema = pq.read_schema(finished / NAME)
    assert schema.metadata[b"file"] == NAME.encode()
    candidates = pq.read_schema(finished / "candidates" / "part-000001.parquet")
    for parameter in run.config.space.parameters:
        assert schema.field(parameter.name).metadata[b"unit"].decode() == parameter.unit
        column = candidates.field(f"theta_{parameter.name}")
        assert column.metadata[b"unit"].decode() == parameter.unit


def test_a_finished_run_without_the_file_gets_it_when_it_is_resumed(
    finished: Path, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(finished, tmp_path / "small"))
    shutil.rmtree(run / "theta")  # as versions before left it
    resume_run(run)
    assert (run / NAME).read_bytes() == (finished / NAME).read_bytes()


def test_verify_finds_another_theta_than_the_states_give(finished: Path, tmp_path: Path) -> None:
    assert "theta: 3 hyperparameters" in printed("verify", finished)
    run = Path(shutil.copytree(finished, tmp_path / "small"))
    opened = read_run(RunStore.open(run))
    start = opened.config.space.default_point()
    opened.store.write_part(run / NAME, table_of(opened.config.space, start))
    assert cli("verify", run) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.slice(0, 0),
        lambda table: table.drop_columns(table.column_names[:1]),
        lambda table: table.set_column(0, table.column_names[0], pa.array([None], pa.float64())),
        lambda table: table.set_column(0, table.column_names[0], pa.array(["no number"])),
    ],
)
def test_a_table_of_other_columns_or_values_does_not_follow(finished: Path, change: object) -> None:
    run = read_run(RunStore.open(finished))
    table = run.store.read_part(finished / NAME)
    assert follows(run, table)
    assert callable(change)
    assert not follows(run, change(table))


def test_the_terminal_shows_values_defaults_units_and_ranges() -> None:
    console = Console(width=130)
    with console.capture() as captured:
        console.print(theta_table.terminal_table(theta_table.theta_rows(SPACE, POINT), "on file"))
    cells = [
        [cell.strip() for cell in line.split("│")[1:-1]]
        for line in captured.get().splitlines()
        if line.startswith("│")
    ]
    assert cells == [
        ["tau", "31.62", "10", "ms", "1 to 100, log"],
        ["gain", "0.5", "0.25", "", "0 to 1"],
        ["code", "63", "31", "LSB", "0 to 63"],
        ["rule", "rstdp", "stdp", "", "stdp, rstdp"],
        [
            "w",
            "2 × 3 weights, mean 1.25, SD 0.854",
            "2 × 3 weights, mean 0, SD 0",
            "nA",
            "any, begun with SD 0.5",
        ],
    ]


def test_a_terminal_shows_the_first_of_very_many() -> None:
    space = ParameterSpace.of({f"p{i}": Real(0.0, 1.0) for i in range(60)})
    console = Console(width=110)
    with console.capture() as captured:
        rows = theta_table.theta_rows(space, space.default_point())
        console.print(theta_table.terminal_table(rows, "on file"))
    assert "p39" in captured.get()
    assert "p40" not in captured.get()
    assert "the first 40 of 60; on file" in captured.get()


def test_run_and_resume_print_it(tmp_path: Path, finished: Path) -> None:
    assert "The learned Θ" in printed("resume", Path(shutil.copytree(finished, tmp_path / "small")))
