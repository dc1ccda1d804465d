"""What the README shows works as it stands there, and the pages lead somewhere."""

import re
from pathlib import Path
from typing import Any

import duckdb
import matplotlib.pyplot as plt
import pandas as pd
import pytest
from small import small_toml
from statistical import assert_mean

from spikeloop.coordinator.cli.main import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CHIP = (ROOT / "docs" / "chip.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def block(language: str, containing: str, page: str = README) -> str:
    """The code block of a language that contains a text."""
    found = [b for b in re.findall(rf"```{language}\n(.*?)```", page, re.S) if containing in b]
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
    episodes = pd.read_parquet(run / "episodes")
    assert (episodes["status"] == "ok").all()
    # One transition in ten pays, a half on average, whatever else is drawn: a random episode of
    # 2000 steps is expected to earn 100. False alarms at 1e-3; sees a mean off by about 65. The
    # default, two in ten, is rejected.
    assert episodes["random"].nunique() == 12
    assert_mean(episodes["random"].unique(), 100.0, alpha=1e-3)
    with pytest.raises(AssertionError):
        assert_mean(episodes["random"].unique(), 200.0, alpha=1e-3)


def test_the_pandas_lines(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = block("python", "read_parquet").replace("runs/<run>", str(run))
    exec(lines, {})
    output = capsys.readouterr().out
    assert all(word in output for word in ("default", "learned", "random", "optimal"))
    with pytest.raises(SystemExit):
        main(["transfer", str(run), "--tasks", "5", "--seed", "3"])
    capsys.readouterr()
    exec(lines, {})  # still those of the run's own held-out tasks
    assert capsys.readouterr().out == output


def test_the_duckdb_line(run: Path) -> None:
    relation = duckdb.sql(block("sql", "held_out_score").replace("runs/<run>", str(run)))
    assert relation is not None
    assert [row[0] for row in relation.fetchall()] == [1, 2, 3]


def test_the_gymnasium_lines() -> None:
    names: dict[str, Any] = {}
    exec(block("python", "tasks.gym"), names)
    observation, _ = names["environment"].reset()
    assert observation in names["environment"].observation_space


def test_the_lines_for_the_chip(monkeypatch: pytest.MonkeyPatch) -> None:
    plt.switch_backend("agg")
    monkeypatch.setattr(plt, "show", lambda: None)
    names: dict[str, Any] = {}
    exec(block("python", "import Chip", CHIP), names)
    (axes,) = plt.gcf().axes
    assert len(axes.lines) == 3
    plt.close("all")
    recording = names["recording"]
    assert (recording.counts > 0).sum() > 24  # mismatch may keep a few silent
    assert recording.membrane_V.shape == (600, 3)


def test_every_command_of_the_table_exists(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = capsys.readouterr().out
    for command in re.findall(r"\| `spikeloop (\w+)", README):
        assert re.search(rf"^\s+{command}\s", shown, re.M), command


def broken_links(page: Path, text: str) -> list[str]:
    """Relative targets of links and images, those in HTML included, that do not exist."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.S | re.M)
    targets = [
        *re.findall(r"\]\(\s*<?([^)>\s]+)", text),
        *re.findall(r"^\[[^\]]+\]:\s*<?([^>\s]+)", text, re.M),
        *re.findall(r"""(?:src|href)=["']([^"']+)""", text),
    ]
    relative = [t for t in targets if not re.match(r"[a-z][a-z0-9+.-]*:|#", t)]
    return [t for t in relative if not (page.parent / t.split("#")[0]).exists()]


def placeholders(text: str) -> list[str]:
    """Words between two @, as if someone still had to put something there."""
    return re.findall(r"@[A-Z][A-Z0-9_]*@", text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere_and_nothing_is_left_to_fill_in(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert broken_links(page, text) == []
    assert placeholders(text) == []


def test_the_checks_see_broken_links_and_placeholders() -> None:
    text = """[a](README.md#x) [b](https://nowhere.example/x) [c](#here) ![d](docs/none.png)
[e](none.md#x) <img src="none.svg"> @SCORE@ a@b.example
[f]: none.txt
```python
g[0](none_in_code)
```
"""
    found = broken_links(ROOT / "README.md", text)
    assert sorted(found) == ["docs/none.png", "none.md#x", "none.svg", "none.txt"]
    assert placeholders(text) == ["@SCORE@"]
