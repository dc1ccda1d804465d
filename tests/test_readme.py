"""What the README shows works as it stands there."""

import re
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from small import small_toml

from spikeloop.coordinator.cli import main

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def block(language: str, containing: str) -> str:
    """The code block of a language that contains a text."""
    found = [b for b in re.findall(rf"```{language}\n(.*?)```", README, re.S) if containing in b]
    assert len(found) == 1
    return str(found[0])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with the README's own family."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "sparse.py").write_text(block("python", "class SparseMdp"))
    config = small_toml(folder / "small.toml", family={"n_steps": 60})
    kept = re.sub(
        r"\[family\].*?(?=\[)", block("toml", "[family]") + "\n", config.read_text(), flags=re.S
    )
    config.write_text(kept)
    with pytest.raises(SystemExit) as exit_:
        main(["run", str(config), "--out", str(folder)])
    assert exit_.value.code == 0
    return folder / "small"


def test_own_family_runs_and_its_setting_arrives(run: Path) -> None:
    lives = pd.read_parquet(run / "lives")
    assert (lives["status"] == "ok").all()
    # One transition in ten pays, on average a half, so a random life of 2000 steps earns about 100.
    assert 50 < lives["random"].mean() < 150


def test_the_pandas_lines(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exec(block("python", "read_parquet").replace("runs/<run>", str(run)), {})
    output = capsys.readouterr().out
    assert all(word in output for word in ("default", "learned", "random", "optimal"))


def test_the_duckdb_line(run: Path) -> None:
    relation = duckdb.sql(block("sql", "held_out_score").replace("runs/<run>", str(run)))
    assert relation is not None
    assert [row[0] for row in relation.fetchall()] == [1, 2, 3]


def test_every_command_of_the_table_exists(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = capsys.readouterr().out
    for command in re.findall(r"\| `spikeloop (\w+)", README):
        assert re.search(rf"^\s+{command}\s", shown, re.M), command
