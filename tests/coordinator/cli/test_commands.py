"""Commands of the command line: what they print, their exit codes, and what they leave."""

import json
import subprocess
import sys
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from support.command_line import answer, cli, printed, refused, run_command
from support.paths import OWN_CLASSES
from support.small_run import small_config, small_toml

from spikeloop.cluster.targets.inline import Inline
from spikeloop.cluster.targets.local import Local
from spikeloop.cluster.targets.ray_cluster import RayCluster
from spikeloop.coordinator.api.target_choice import retarget
from spikeloop.coordinator.store import manifest, run_folder
from spikeloop.tasks import FAMILIES
from spikeloop.workers.fingerprint import fingerprint
from spikeloop.workers.learners import LEARNERS


def test_run_prints_generations_table_and_where_the_results_are(tmp_path: Path) -> None:
    config = small_toml(tmp_path / "small.toml")
    output = printed("run", config, "--out", tmp_path, "--set", "run.name=here")
    for number in (1, 2, 3):
        assert f"generation {number}/3  best " in output
    for words in (
        "Score on 6 held-out tasks",
        "random, mean of 3",
        "learned - default:",
        "paired by task, n = 6",
        f"results: {tmp_path / 'here'}",
        "search.png",
        "pd.read_parquet(",
    ):
        assert words in output
    for name in ("search.png", "learning.png"):
        assert (tmp_path / "here" / "figures" / name).stat().st_size > 10_000


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "small.toml", "--set", "strategy"], "table.key=value"),
        (["run", "small.toml", "--set", "nonsense.x=1"], "table.key with a table of"),
        (["run", "small.toml", "--workers", "0"], "--workers"),
        (["run", "small.toml", "--out", "small.toml"], "cannot be written"),
        (["run"], "CONFIG"),
        (["resume", "."], "not a run folder"),
        (["run", "small.toml", "--workers", "5000"], "workers must be >= 1, <= 4096, got 5000"),
    ],
)
def test_bad_input_gives_one_line_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    small_toml(tmp_path / "small.toml")
    said = run_command(*arguments)
    assert (said.code, said.output, said.errors.count("\n")) == (2, "", 1)
    assert said.errors.startswith("spikeloop: ")
    assert words in said.errors
    assert [path.name for path in tmp_path.iterdir()] == ["small.toml"]


def test_another_target_keeps_what_both_have() -> None:
    patient = {"job_timeout_s": 3600.0, "max_attempts": 7, "workers": 4}
    config = small_config(target={"kind": "local", **patient})
    target = retarget(config, None, False, "auto").target
    assert isinstance(target, RayCluster)
    assert (target.address, target.job_timeout_s, target.max_attempts) == ("auto", 3600.0, 7)
    assert retarget(config, None, True, None).target == Inline()
    again = retarget(replace(config, target=target), 2, False, None).target
    assert again == Local(job_timeout_s=3600.0, max_attempts=7, workers=2)
    there = retarget(config, 3, False, "auto").target
    assert isinstance(there, RayCluster)
    assert (there.address, there.max_workers) == ("auto", 3)
    assert retarget(config, None, False, None) is config


def test_few_failed_episodes_are_counted_and_the_run_goes_on(tmp_path: Path) -> None:
    config = faulty_toml(tmp_path, fault="nan", broken_from=0.75)
    output = printed("run", config, "--out", tmp_path, "--set", "run.max_failed_share=1.0")
    episodes = pd.read_parquet(tmp_path / "small" / "episodes")
    failed = episodes[episodes["status"] != "ok"]
    assert 0 < len(failed) < len(episodes)
    assert set(failed["status"]) == {"not finite"}
    assert failed["return"].isna().all()
    assert failed["error"].notna().all()
    assert f"failed {len(failed)} ({len(failed)} not finite)" in output
    assert pd.read_parquet(tmp_path / "small" / "generations")["n_failed"].sum() == len(failed)
    assert cli("verify", str(tmp_path / "small")) == 0


def test_transfer_on_other_tasks(copied_run: Path) -> None:
    result = answer("transfer", copied_run, "--tasks", 5, "--seed", 3)
    assert set(result["scores"]) == {"default", "random", "learned"}
    learned = result["scores"]["learned"]
    assert learned["n_tasks"] == 5
    assert learned["low"] <= learned["value"] <= learned["high"]
    assert set(result["differences"]) == {"learned - default", "learned - random"}
    written = copied_run / "other_transfers" / "seed-000003-tasks-000005-generation-000003.parquet"
    episodes = pd.read_parquet(written).groupby("theta")
    missed = (episodes["optimal"].mean() - episodes["return"].mean()).to_dict()
    below = result["regret"]
    assert {name: entry["value"] for name, entry in below.items()} == pytest.approx(missed)
    assert below["random"]["low"] < below["random"]["value"] < below["random"]["high"]
    assert len(pd.read_parquet(written)) == 25


def test_the_manifest_holds_the_versions_of_installed_packages(
    finished_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted = json.loads((finished_run / "run.json").read_text())["versions"]
    assert noted == manifest.versions()
    assert noted["scipy"] == metadata.version("scipy")
    monkeypatch.setattr(manifest, "OPTIONAL_PACKAGES", ("no-such-package",))
    assert set(manifest.versions()) == set(manifest.PACKAGES)


def test_changed_code_is_warned_of(copied_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = {**fingerprint(Path(__file__).parents[1]), "numpy": "0.1"}
    with monkeypatch.context() as patched:
        patched.setattr(run_folder, "code_of", lambda config: here)
        said = run_command("resume", copied_run)
    assert said.code == 0
    assert "was begun by other code" in said.errors
    assert "0.1 here" in said.errors
    printed("resume", copied_run)


def test_family_without_anything_to_gain_is_named(tmp_path: Path) -> None:
    (tmp_path / "flat.py").write_text(FLAT_FAMILY)
    config = small_toml(tmp_path / "small.toml", family={"kind": "flat:Flat"})
    error = refused("run", config, "--out", tmp_path, code=1)
    assert "chance is as good as the optimum" in error


FLAT_FAMILY = """
from dataclasses import replace

import numpy as np

from spikeloop.tasks.mdp import RandomMdp


class Flat(RandomMdp):
    def sample(self, n_tasks, rng):
        tasks = super().sample(n_tasks, rng)
        return replace(tasks, reward=np.zeros_like(tasks.reward))
"""


def test_plan_counts_the_episodes_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    small_toml(tmp_path / "small.toml")
    plan = answer("plan", "small.toml")
    assert plan["episodes_search"] == 3 * 6 * 4
    assert plan["episodes_monitor"] == 3 * 4
    assert plan["episodes_transfer"] == 6 * 5
    assert plan["total_s"] > 0
    assert "3 generations × 6 candidates × 4 tasks" in printed("plan", "small.toml")
    assert [path.name for path in tmp_path.iterdir()] == ["small.toml"]


def faulty_toml(folder: Path, **learner: Any) -> Path:
    """A small run with a learner that breaks, its module beside it."""
    (folder / "failing_learner.py").write_bytes((OWN_CLASSES / "failing_learner.py").read_bytes())
    return small_toml(folder / "small.toml", learner={"kind": "failing_learner:Echo", **learner})


def test_plan_of_a_learner_that_always_fails_fails(tmp_path: Path) -> None:
    config = faulty_toml(tmp_path, fault="raise", broken_from=0.0)
    code, output, errors = run_command("plan", config)
    assert (code, output, errors.count("\n")) == (1, "", 1)
    assert "episodes that were measured failed; the first: " in errors
    assert "to raise (--debug shows the traceback)" in errors
    said = run_command("plan", config, "--json", "--debug")
    assert said.code == 1
    assert "in _break" in said.errors  # of the learner, where it failed


def test_plan_counts_the_episodes_that_fail(tmp_path: Path) -> None:
    config = faulty_toml(tmp_path, fault="nan", broken_from=0.5)
    code, output, errors = run_command("plan", config, "--json")
    assert code == 0
    plan = json.loads(output)
    failed, measured = plan["episodes_failed"], plan["episodes_measured"]
    assert 0 < failed < measured
    assert f"warning: {failed} of {measured} episodes that were measured failed" in errors
    assert errors.rstrip().endswith("not finite")
    assert errors.count("\n") == 1


@pytest.mark.parametrize("what", ["families", "learners", "strategies", "targets"])
def test_list_shows_every_kind_with_its_settings(what: str) -> None:
    entries: list[dict[str, Any]] = answer("list", what)
    shown = printed("list", what)
    for entry in entries:
        assert f"{what}: {entry['kind']}" in shown
        for setting in entry["settings"]:
            assert setting["about"], f"{entry['kind']}.{setting['key']} has no description"
    if what == "learners":
        assert all(
            entry["hyperparameters"]
            or entry["unavailable"]
            or any(setting["key"] == "hyperparameters" for setting in entry["settings"])  # named
            for entry in entries
        )


def test_list_shows_one_kind_alone() -> None:
    assert [entry["kind"] for entry in answer("list", "learners", "tabular_td")] == ["tabular_td"]
    shown = printed("list", "learners", "tabular_td")
    assert shown.startswith("learners: tabular_td\n")
    assert shown.count("learners: ") == 1
    assert "did you mean 'tabular_td'?" in refused("list", "learners", "tabular")


def test_list_pages_on_terminals_only(monkeypatch: pytest.MonkeyPatch) -> None:
    paged: list[str] = []
    monkeypatch.setattr("rich.pager.SystemPager.show", lambda self, content: paged.append(content))
    printed("list", "targets")
    assert not paged
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("rich.console.Console.is_terminal", True)
    printed("list", "targets")
    assert len(paged) == 1
    assert "targets: inline" in paged[0]


def test_list_of_compatibility_shows_every_pair_with_the_reason_of_a_refusal() -> None:
    rows = {(row["learner"], row["family"]): row for row in answer("list", "compatibility")}
    assert len(rows) == len(LEARNERS) * len(FAMILIES)
    assert rows["chip", "maze"]["runs"]
    assert not rows["chip", "informative_bandit"]["runs"]
    assert "chip needs tasks given as tables" in rows["chip", "informative_bandit"]["reason"]
    assert rows["brian_model", "maze"]["runs"] is None  # it has no default model
    shown = printed("list", "compatibility")
    assert "tabular_td on quadratic: needs discrete actions, got continuous ones\n" in shown


def test_list_shows_what_may_be_chosen() -> None:
    ranges = {
        (entry["kind"], setting["key"]): setting["range"]
        for entry in answer("list")
        for setting in entry["settings"]
    }
    assert ranges["brian_td", "target"] == "numpy | cython"
    assert ranges["bandit", "rewards"] == "bernoulli | gaussian"
    assert ranges["[stop]", "then"] == "end | restart"
    assert ranges["ray", "cores_per_worker"] == "> 0 | node"
    assert ranges["chip", "opened"].startswith("all | list of v_leak | v_thresh | ")
    assert ranges["brian_recurrent", "searched"].startswith("list of input_weights | ")
    assert ranges["[run]", "tasks"] == ">= 1, <= 1000000"
    assert ranges["[run]", "common_noise"] == ""


@pytest.mark.parametrize(
    ("words", "commands"), [([], ["run", "check", "chip"]), (["chip"], ["calibrate", "inspect"])]
)
def test_a_group_alone_shows_its_help(words: list[str], commands: list[str]) -> None:
    shown = printed(*words)
    assert shown.startswith(f"Usage: {' '.join(['spikeloop', *words])} ")
    assert shown == printed(*words, "--help")
    lines = [line.split()[0] for line in shown.splitlines() if line.startswith("  ")]
    assert set(commands) <= set(lines)


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom spikeloop.coordinator.cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'ray', 'numba', 'pandas', 'pyarrow', 'matplotlib', 'scipy', 'numpy', 'rich'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert output.splitlines()[-1] == "[]"
