"""Damaged files of a comparison are named, the studies' database included; how each is mended."""

import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.command_line import cli, printed, refused, run_command
from support.folders import flip, flipped
from support.small_comparison import assert_same_comparison

from spikeloop.cluster.pool import PoolError
from spikeloop.coordinator.comparison import session, studies
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.store import run_folder
from spikeloop.coordinator.verification import verify_comparison

pytestmark = pytest.mark.usefixtures("without_figures")


@pytest.fixture
def comparison(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished comparison, to be damaged."""
    return Path(shutil.copytree(finished, tmp_path / "small"))


def problems(folder: Path) -> list[str]:
    """What ``verify`` finds wrong with a comparison."""
    said = run_command("verify", folder)
    assert said.code == 1
    return [line for line in said.output.splitlines() if "PROBLEM" in line]


def swap(path: Path) -> None:
    other = path.with_name("000000" + path.suffix)
    one, two = path.read_bytes(), other.read_bytes()
    path.write_bytes(two)
    other.write_bytes(one)


def test_verify_says_what_of_a_sound_comparison_was_checked(comparison: Path) -> None:
    lines = printed("verify", comparison).splitlines()
    for line, checked in zip(
        lines, ("study of evolution: 6", "searches: 12", "final phase: 6", "tables"), strict=True
    ):
        assert line.startswith(checked)


def test_verify_reads_each_configuration_once(
    finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of the comparison and that of each search, whose own classes would be built anew."""
    read: list[Path] = []
    for module in (session, run_folder):
        parse = module.parse

        def counted(*arguments: Any, parse: Any = parse) -> Any:
            read.append(Path(arguments[1]))
            return parse(*arguments)

        monkeypatch.setattr(module, "parse", counted)
    assert verify_comparison.verify(finished).problems == []
    manifests = [*finished.glob("*/*/*/run.json"), *finished.glob("*/*/*/*/run.json")]
    assert len(manifests) == 12
    assert sorted(read) == sorted([finished / "comparison.json", *manifests])


@pytest.mark.parametrize("n", [15, pytest.param(300, marks=pytest.mark.exhaustive)])
def test_flipped_bits_of_the_database_end_in_one_line_or_in_none(comparison: Path, n: int) -> None:
    config, path, drawn = session.read_config(comparison), comparison / "study.db", random.Random(1)
    intact = path.read_bytes()
    places = [place for place, byte in enumerate(intact) if byte]
    named = 0
    for place in drawn.sample(places, n):
        path.write_bytes(flipped(intact, 8 * place + drawn.randrange(8)))
        try:
            with session.database_errors(config):
                studies.trials_of(config, comparison, "evolution")
        except (ConfigError, PoolError) as error:
            assert "study.db" in str(error)
            assert "\n" not in str(error)
            named += 1
    assert named > n // 3


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("update trial_values set value = value + 1e-15 where trial_id = 1", "trials.parquet"),
        pytest.param(
            "update trial_params set param_value = param_value * 1.5 where param_name = 'sigma'",
            "trial 0 has other settings",
            marks=pytest.mark.exhaustive,
        ),
        (
            "update trial_user_attributes set value_json = '95' where key = 'episodes'",
            "trial 0 differs from its run folders",
        ),
        ("update trials set number = 7 where number = 1", "study.db: damaged"),
        pytest.param(
            "update trials set state = 'RUNNING' where number = 1",
            "study.db: damaged",
            marks=pytest.mark.exhaustive,
        ),
        pytest.param(
            "create view v as select 1", "study.db: damaged", marks=pytest.mark.exhaustive
        ),
    ],
)
def test_verify_names_a_changed_cell_of_the_database(
    comparison: Path, statement: str, problem: str
) -> None:
    with sqlite3.connect(comparison / "study.db") as connection:
        assert connection.execute(statement).rowcount != 0
    connection.close()
    assert any(problem in line for line in problems(comparison))


@pytest.mark.exhaustive
def test_a_lost_database_is_made_again_to_the_same_numbers(
    comparison: Path, finished: Path
) -> None:
    (comparison / "study.db").unlink()
    assert "study of evolution: it has 0 trials" in problems(comparison)[0]
    assert cli("resume", str(comparison)) == 0
    assert_same_comparison(comparison, finished)
    assert cli("verify", str(comparison)) == 0


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("tuning/evolution/000001/000000/episodes/part-000002.parquet", flip),
        ("runs/random_search/000001/state/000002.npz", Path.unlink),
        pytest.param("final/evolution/000001.parquet", flip, marks=pytest.mark.exhaustive),
        pytest.param("results.parquet", flip, marks=pytest.mark.exhaustive),
        ("trials.parquet", Path.unlink),
    ],
)
def test_verify_names_the_damaged_file_alone(
    comparison: Path, name: str, damage: Callable[[Path], None]
) -> None:
    damage(comparison / name)
    (problem,) = problems(comparison)
    assert str(comparison / name) in problem


@pytest.mark.parametrize("name", ["findings.json", "comparison.json"])
def test_damaged_json_is_named(comparison: Path, name: str) -> None:
    flip(comparison / name)
    said = run_command("verify", comparison)
    assert said.code in (1, 2)
    assert f"{comparison / name}: damaged" in said.errors


@pytest.mark.parametrize(
    ("damage", "words"), [(flip, "damaged: its bytes"), (swap, "damaged: it is of evolution, 1")]
)
def test_a_damaged_result_is_refused_then_scored_again(
    comparison: Path, finished: Path, damage: Callable[[Path], None], words: str
) -> None:
    path = comparison / "final" / "evolution" / "000001.json"
    damage(path)
    errors = refused("resume", comparison)
    assert words in errors
    assert "remove" in errors
    for damaged in path.parent.glob("*.json"):
        damaged.unlink()
    assert cli("resume", str(comparison)) == 0
    assert_same_comparison(comparison, finished)


def test_swapped_held_out_episodes_are_refused(comparison: Path) -> None:
    row = comparison / "final" / "random_search" / "000000.json"
    other = comparison / "final" / "evolution" / "000000.parquet"
    row.with_suffix(".parquet").write_bytes(other.read_bytes())
    errors = refused("resume", comparison)
    assert f"{row.with_suffix('.parquet')}: damaged" in errors
    assert f"remove {row} and resume" in errors


def test_a_damaged_search_under_way_is_refused_then_searched_again(
    comparison: Path, finished: Path
) -> None:
    search = comparison / "runs" / "random_search" / "000001"
    (comparison / "final" / "random_search" / "000001.json").unlink()
    flip(search / "episodes" / "part-000002.parquet")
    errors = refused("resume", comparison)
    assert f"{search / 'episodes' / 'part-000002.parquet'}: damaged" in errors
    assert f"remove {search} and resume" in errors
    assert cli("resume", str(comparison), "--after", "1") == 2
    shutil.rmtree(search)
    assert cli("resume", str(comparison)) == 0
    assert_same_comparison(comparison, finished)
