"""Code in the README and the guides works as printed, and links of pages outside docs/ exist."""

import re
import shlex
import sys
import tomllib
from pathlib import Path
from typing import Any

import duckdb
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from support.child_processes import ended
from support.command_line import cli
from support.paths import ROOT
from support.small_run import small_toml
from support.statistical_asserts import assert_mean

from spikeloop.coordinator.config.load import load

README = (ROOT / "README.md").read_text(encoding="utf-8")
CHIP = (ROOT / "docs" / "how-to" / "chip_as_object.md").read_text(encoding="utf-8")
OWN_CLASSES = (ROOT / "docs" / "how-to" / "own_classes.md").read_text(encoding="utf-8")
FROM_L2L = (ROOT / "docs" / "how-to" / "from_l2l.md").read_text(encoding="utf-8")
RESULTS = (ROOT / "docs" / "how-to" / "results.md").read_text(encoding="utf-8")
REPOSITORY = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["urls"][
    "Repository"
]
LONGEST = 800
"""Words of the README, its code and its table included."""
LINKED = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")]
PAGES = [*LINKED, *sorted((ROOT / "docs").rglob("*.md"))]


def block(language: str, containing: str, page: str) -> str:
    """Return the code block of a language that contains a text."""
    found = [b for b in re.findall(rf"```{language}\n(.*?)```", page, re.S) if containing in b]
    assert len(found) == 1
    return str(found[0])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with the family that the guide to own classes defines."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "sparse_mdp.py").write_text(block("python", "class SparseMdp", OWN_CLASSES))
    config = small_toml(folder / "small.toml", family={"n_steps": 60})
    kept = re.sub(
        r"\[family\].*?(?=\[)",
        block("toml", "[family]", OWN_CLASSES) + "\n",
        config.read_text(),
        flags=re.S,
    )
    config.write_text(kept)
    assert cli("run", config, "--out", folder) == 0
    return folder / "small"


def test_family_of_the_guide_runs_with_its_setting(run: Path) -> None:
    episodes = pd.read_parquet(run / "episodes")
    assert (episodes["status"] == "ok").all()
    # One transition in ten pays, a half on average, so the random policy earns 100 in 2000 steps.
    # False alarms at 1e-3; sees a mean off by about 65. The default, two in ten, is rejected.
    assert episodes["random"].nunique() == 12
    assert_mean(episodes["random"].unique(), 100.0, alpha=1e-3, control=200.0)


def test_pandas_lines_print_scores(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = block("python", "read_parquet", RESULTS).replace("runs/<run>", str(run))
    exec(lines, {})
    output = capsys.readouterr().out
    assert all(word in output for word in ("default", "learned", "random", "optimal"))
    assert cli("transfer", run, "--tasks", "5", "--seed", "3") == 0
    capsys.readouterr()
    exec(lines, {})  # still the scores on the run's own held-out tasks
    assert capsys.readouterr().out == output


def test_python_lines_of_the_readme_run_a_configuration_and_draw(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "my_search").mkdir()
    small_toml(tmp_path / "my_search" / "first_search.toml")
    monkeypatch.chdir(tmp_path)
    plt.switch_backend("agg")
    names: dict[str, Any] = {}
    exec(block("python", "sl.run", README), names)
    assert names["run"].theta
    assert plt.gcf().axes[0].lines
    assert "n = 6 tasks" in capsys.readouterr().out
    plt.close("all")


@pytest.mark.exhaustive
def test_optimizees_of_the_page_for_l2l_users_run(tmp_path: Path) -> None:
    """As a script, in a process of its own: its function is defined in no module."""
    small = {
        "generations=20": 'generations=1, transfer={"tasks": 6, "random_points": 1}, inline=True',
        "tasks=50": "tasks=2",
        "episodes=2000": "episodes=200, inline=True",
    }
    _, *ported = re.findall(r"```python\n(.*?)```", FROM_L2L, re.S)
    script = "\n".join(ported)
    for shown, quick in small.items():
        assert script.count(shown) == 1
        script = script.replace(shown, quick)
    (tmp_path / "ported.py").write_text(script, encoding="utf-8")
    code, output, errors = ended([sys.executable, "ported.py"], cwd=tmp_path)
    assert code == 0, errors
    assert "epsilon" in output
    assert "n = 6 tasks" in output


def test_duckdb_line_reads_the_generations(run: Path) -> None:
    relation = duckdb.sql(block("sql", "held_out_score", RESULTS).replace("runs/<run>", str(run)))
    assert relation is not None
    assert [row[0] for row in relation.fetchall()] == [1, 2, 3]


def test_chip_lines_draw_three_membranes(monkeypatch: pytest.MonkeyPatch) -> None:
    plt.switch_backend("agg")
    monkeypatch.setattr(plt, "show", lambda: None)
    names: dict[str, Any] = {}
    exec(block("python", "matplotlib", CHIP), names)
    (axes,) = plt.gcf().axes
    assert len(axes.lines) == 3
    plt.close("all")
    recording = names["recording"]
    assert (recording.counts > 0).sum() > 24  # mismatch may keep a few silent
    assert recording.membrane_V.shape == (600, 3)


def test_playback_lines_read_the_correlation_of_pairs() -> None:
    """80 pairs at 2 µs, of 0.5 LSB at none and 5 µs, above empty readings of 40."""
    names: dict[str, Any] = {}
    exec(block("python", "PlaybackProgramBuilder", CHIP), names)
    causal, anticausal = names["causal"], names["anticausal"]
    assert causal.mean() == pytest.approx(40 + 80 * 0.5 * np.exp(-2 / 5), abs=4)
    assert anticausal.mean() == pytest.approx(40, abs=4)


def test_commands_of_the_readme_follow_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is at least understood, and what one writes is what the next one reads."""
    lines = block("sh", "spikeloop new", README).splitlines()
    commands = [shlex.split(line, comments=True)[1:] for line in lines]
    assert [words[0] for words in commands] == ["new", "plan", "run", "report", "list"]
    monkeypatch.chdir(tmp_path)
    assert cli(*commands[0]) == 0
    for words in commands[1:3]:
        assert load(Path(words[1])).run.name == Path(commands[3][1]).name
    assert cli(*commands[4]) == 0


def test_readme_is_short_and_needs_no_repository_around_it() -> None:
    """A package index shows it alone: its links are absolute, and those in here exist."""
    without_targets = re.sub(r"\]\([^)]*\)", "]", README)
    assert len(re.findall(r"\w[\w'./-]*", without_targets)) <= LONGEST
    assert relative_targets(README) == []
    inside = [t for t in targets(README) if "/spikeloop/spikeloop/" in t]
    assert len(inside) > 20
    assert [t for t in inside if not repository_path(t).exists()] == []


def repository_path(url: str) -> Path:
    """Return the file of this repository that an address of the project shows."""
    raw = "https://raw.githubusercontent.com/spikeloop/spikeloop/main/"
    match = re.fullmatch(
        rf"(?:{re.escape(raw)}|{re.escape(REPOSITORY)}/(?:blob|tree)/main/)(.+)", url
    )
    assert match, url
    return ROOT / match[1]


def targets(text: str) -> list[str]:
    """Return the targets of links and images, in Markdown and HTML."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.S | re.M)
    return [
        *re.findall(r"\]\(\s*<?([^)>\s]+)", text),
        *re.findall(r"^\[[^\]]+\]:\s*<?([^>\s]+)", text, re.M),
        *re.findall(r"""(?:src|href)=["']([^"']+)""", text),
    ]


def relative_targets(text: str) -> list[str]:
    """Return the targets that are paths."""
    return [t for t in targets(text) if not re.match(r"[a-z][a-z0-9+.-]*:|#", t)]


def broken_links(page: Path, text: str) -> list[str]:
    """Return relative targets that do not exist."""
    return [t for t in relative_targets(text) if not (page.parent / t.split("#")[0]).exists()]


def missing_files(text: str) -> list[str]:
    """Return files of the repository that a page names and that do not exist."""
    named = re.findall(r"(?<![\w/.])((?:tests|benchmarks|examples|docs)/[\w/.-]+\.\w+)\b", text)
    return [path for path in named if not (ROOT / path).exists()]


def placeholders(text: str) -> list[str]:
    """Return words between two @, which stand for something that is still to be filled in."""
    return re.findall(r"@[A-Z][A-Z0-9_]*@", text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_exist_and_no_placeholder_is_left(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    if page in LINKED:  # those of the site are checked where it is built, generated pages included
        assert broken_links(page, text) == []
    assert missing_files(text) == []
    assert placeholders(text) == []


def test_broken_links_and_placeholders_are_found() -> None:
    text = """[a](README.md#x) [b](https://nowhere.example/x) [c](#here) ![d](docs/none.png)
[e](none.md#x) <img src="none.svg"> @SCORE@ a@b.example
[f]: none.txt
```python
g[0](none_in_code)
```
"""
    found = broken_links(ROOT / "README.md", text)
    assert sorted(found) == ["docs/none.png", "none.md#x", "none.svg", "none.txt"]
    assert missing_files("`tests/none.py` and tests/conftest.py") == ["tests/none.py"]
    assert placeholders(text) == ["@SCORE@"]
