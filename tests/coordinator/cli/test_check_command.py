"""``spikeloop check`` prints promises and ends with a code; the examples keep every one."""

import json
from pathlib import Path

import pytest
from support.command_line import printed, run_command
from support.paths import EXAMPLES
from support.tiny_examples import set_options

pytestmark = pytest.mark.usefixtures("without_figures")

RUNS = sorted(path.stem for path in EXAMPLES.glob("*.toml") if not path.stem.startswith("compare"))
SAMPLE = {"mdp_evolution": {"family.n_steps": 40}}
"""Examples that are checked in every run of the tests, with settings that make them quick."""


def own_classes(path: Path, fault: str) -> Path:
    path.write_text(
        f"""
        [run]
        [family]
        kind = "broken_promises:Bandits"
        fault = "{fault}"
        [learner]
        kind = "broken_promises:Guesser"
        [strategy]
        kind = "broken_promises:Climber"
        """
    )
    return path


def test_broken_promises_end_with_1_and_one_sentence_each(tmp_path: Path) -> None:
    said = run_command("check", own_classes(tmp_path / "own.toml", "halved"))
    assert said.code == 1
    assert "✗ family    the random policy earns the random reference\n    references" in said.output
    assert "✓ learner   the same seeds give the same numbers" in said.output
    assert "3 of 26 promises are broken" in said.errors
    assert said.errors.count("\n") == 1


def test_json_holds_every_promise_with_its_faults(tmp_path: Path) -> None:
    said = run_command("check", own_classes(tmp_path / "own.toml", "generator"), "--json")
    answer = json.loads(said.output)
    assert (said.code, answer["ok"]) == (1, False)
    broken = [row for row in answer["promises"] if not row["kept"]]
    assert [row["part"] for row in broken] == ["family"]
    assert "draw everything from the generator" in broken[0]["faults"][0]
    skipped = [row for row in answer["promises"] if row["skipped"]]
    assert [row["promise"] for row in skipped] == ["gradients are those of the same seeds"]


def test_whole_classes_end_with_0(tmp_path: Path) -> None:
    text = printed("check", own_classes(tmp_path / "own.toml", "none"))
    assert "25 of 26 promises are kept, not checked: 1" in text
    assert "✗" not in text


@pytest.mark.parametrize("example", SAMPLE)
def test_an_example_keeps_every_promise(example: str) -> None:
    assert "✗" not in printed("check", EXAMPLES / f"{example}.toml", *set_options(SAMPLE[example]))


@pytest.mark.exhaustive
@pytest.mark.parametrize("example", RUNS)
def test_every_example_keeps_every_promise(example: str) -> None:
    assert "✗" not in printed("check", EXAMPLES / f"{example}.toml")
