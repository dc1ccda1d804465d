"""Strangers' folders: no command runs their code, or reaches out, unless told to trust them."""

import inspect
import os
import shlex
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.child_processes import child
from support.command_line import cli
from support.small_comparison import comparison_toml
from support.small_run import small_toml

from spikeloop.coordinator.cli.main import app
from spikeloop.coordinator.comparison import SCHEMA_VERSION
from spikeloop.coordinator.comparison import comparison_config as comparisons
from spikeloop.coordinator.store import atomic_files, begun_runs
from spikeloop.coordinator.store.trust import again, can_import

pytestmark = pytest.mark.usefixtures("without_figures")

MODULE = """
from pathlib import Path
from typing import Literal
from spikeloop.workers.learners.tabular.learner import TabularTd

Path(__file__).with_name("ran").touch()

class Mine(TabularTd):
    kind: Literal["mine"] = "mine"
"""
RUN = {
    "resume": ["--inline"],
    "verify": [],
    "transfer": ["--inline", "--tasks", "4", "--seed", "9"],
    "policies": [],
    "episodes": [],
    "export": ["--to", "weights"],
    "report": [],
    "watch": ["--once"],
}
"""Every command on an existing folder, with what it needs to end at once."""
NEVER_LOAD = {"watch"}
"""Commands without --trust: they load no classes at all."""


@pytest.fixture(autouse=True)
def somebody_else(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Whoever runs the test has begun none of the runs that were there before it."""
    state = tmp_path_factory.mktemp("state")
    monkeypatch.setenv("XDG_STATE_HOME", str(state))
    return state


def test_every_command_on_a_folder_is_here() -> None:
    takers = {
        str(command.name or command.callback.__name__)
        for command in app.registered_commands
        if command.callback is not None
        and {"run", "folder"} & inspect.signature(command.callback).parameters.keys()
    }
    assert takers == RUN.keys()


@pytest.fixture
def forgetful() -> Iterator[None]:
    """Modules and places that a test imports are forgotten afterwards."""
    modules, path = set(sys.modules), list(sys.path)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if name.startswith("stranger"):
            del sys.modules[name]


@pytest.fixture(scope="module")
def genuine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("strange")
    (folder / "stranger.py").write_text(MODULE)
    toml = small_toml(folder / "small.toml", run={"generations": 1})
    toml.write_text(toml.read_text().replace('"tabular_td"', '"stranger:Mine"'))
    path = list(sys.path)
    assert cli("run", str(toml), "--out", str(folder)) == 0
    assert cli("report", str(folder / "small")) == 0  # this process was told to load it
    del sys.modules["stranger"]
    sys.path[:] = path
    (folder / "ran").unlink()
    return folder / "small"


@pytest.mark.usefixtures("forgetful")
@pytest.mark.parametrize("command", RUN)
def test_no_command_runs_a_strangers_code(
    genuine: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    mark = genuine.parent / "ran"
    code = cli(command, str(genuine), *RUN[command])
    assert not mark.exists()
    assert "stranger" not in sys.modules
    assert str(genuine.parent) not in sys.path
    if command in NEVER_LOAD:
        assert code == 0
        return
    told = capsys.readouterr().err
    assert (code, told.count("\n")) == (2, 1)
    assert "'stranger:Mine' is a class of its author's own" in told
    assert "--trust" in told

    code = cli(command, str(genuine), *RUN[command], "--trust")
    assert mark.exists()
    mark.unlink()
    assert code == (2 if command in ("policies", "episodes") else 0)  # it has no mazes and no lsnn


@pytest.mark.usefixtures("forgetful")
@pytest.mark.parametrize("noted", [True, False])
def test_ones_own_run_needs_no_word(tmp_path: Path, somebody_else: Path, noted: bool) -> None:
    if not noted:  # the state folder cannot be written
        (somebody_else / "spikeloop").write_text("")
    (tmp_path / "stranger.py").write_text(MODULE)
    toml = small_toml(tmp_path / "small.toml", run={"generations": 1})
    toml.write_text(toml.read_text().replace('"tabular_td"', '"stranger:Mine"'))
    run = tmp_path / "it's mine"
    assert cli("run", str(toml), "--out", str(run)) == 0
    run /= "small"
    advised = shlex.split(again("verify", run))
    assert advised == ["spikeloop", "verify", str(run), *([] if noted else ["--trust"])]
    for command in ("verify", "report", "resume"):
        sys.modules.pop("stranger", None)
        assert cli(command, str(run)) == (0 if noted else 2)
        assert ("stranger" in sys.modules) == noted
    sys.modules.pop("stranger", None)
    changed(run, "run", name="other")  # it is not what was begun any more
    assert cli("report", str(run)) == 2
    assert "stranger" not in sys.modules


@pytest.mark.usefixtures("forgetful")
@pytest.mark.parametrize("command", ["resume", "verify", "report", "watch"])
def test_nor_that_of_a_comparison(tmp_path: Path, command: str) -> None:
    (tmp_path / "stranger.py").write_text(MODULE)
    tables = comparisons.load(comparison_toml(tmp_path / "small.toml")).tables()
    tables["learner"] = {"kind": "stranger:Mine"}
    manifest = {"schema_version": SCHEMA_VERSION, "config": tables, "working_dir": str(tmp_path)}
    atomic_files.write_json(tmp_path / "comparison.json", manifest)
    (tmp_path / "link").symlink_to(".")  # resume goes no further than that
    options = ["--once"] if command == "watch" else []
    code = cli(command, str(tmp_path), *options)
    assert not (tmp_path / "ran").exists()
    if command not in NEVER_LOAD:
        assert code == 2
        cli(command, str(tmp_path), *options, "--trust")
        assert (tmp_path / "ran").exists()


def changed(folder: Path, table: str, **values: Any) -> None:
    """Rewrites a manifest as a stranger could."""
    manifest = atomic_files.read_json(folder / "run.json")
    manifest["config"][table] |= values
    atomic_files.write_json(folder / "run.json", manifest)


@pytest.mark.parametrize("kind", ["subprocess:Popen", "antigravity:fly", "os:PathLike"])
def test_modules_that_are_installed_are_no_better(
    tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli("run", str(small_toml(tmp_path / "small.toml")), "--out", str(tmp_path)) == 0
    changed(tmp_path / "small", "family", kind=kind)
    for command in ("verify", "report"):
        assert cli(command, str(tmp_path / "small")) == 2
    told = capsys.readouterr().err
    assert "must name a settings class" in told or "its author's own" in told
    assert "antigravity" not in sys.modules


def test_a_strangers_cluster_is_not_joined(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toml = small_toml(tmp_path / "small.toml", run={"generations": 1})
    assert cli("run", str(toml), "--out", str(tmp_path)) == 0
    run = tmp_path / "small"
    manifest = atomic_files.read_json(run / "run.json")
    manifest["config"]["target"] = {"kind": "ray", "address": "127.0.0.1:1"}
    atomic_files.write_json(run / "run.json", manifest)
    for command in ("resume", "transfer"):
        capsys.readouterr()
        assert cli(command, str(run)) == 2
        told = capsys.readouterr().err
        assert "would connect to the Ray cluster at 127.0.0.1:1 with your token" in told
        assert "--trust" in told
        assert "--inline" in told
        assert cli(command, str(run), "--inline") == 2  # its files are another run's by now
        assert "was written by another run" in capsys.readouterr().err
    assert cli("transfer", str(run), "--trust") in (2, 3)
    assert "with your token" not in capsys.readouterr().err


def test_a_strangers_place_gets_no_copies(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toml = small_toml(tmp_path / "small.toml", run={"generations": 1})
    assert cli("run", str(toml), "--out", str(tmp_path)) == 0
    changed(tmp_path / "small", "run", copy_to=str(tmp_path / "elsewhere"))
    for command in ("resume", "transfer"):
        assert cli(command, str(tmp_path / "small"), "--inline") == 2
    assert capsys.readouterr().err.count("would copy its files to ") == 2
    assert cli("policies", str(tmp_path / "small")) == 2  # which copies nothing
    assert "was written by another run" in capsys.readouterr().err
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    ("table", "values", "asked"),
    [
        ("target", {"kind": "ray", "address": "head:6379"}, {"resume", "transfer"}),
        ("target", {"kind": "ray", "address": "auto"}, set()),
        ("run", {"copy_to": "s3://lab/runs"}, {"resume", "transfer"}),
        ("tuning", {"storage": "sqlite:///x.db"}, {"resume", "transfer", "verify"}),
        ("strategies", {"a": {"kind": "its:Own"}}, RUN.keys() - NEVER_LOAD),
        ("learner", {"kind": "its:Own"}, RUN.keys() - NEVER_LOAD),
        ("learner", "no table", set()),
    ],
)
def test_commands_that_are_printed_ask_for_trust_where_they_need_it(
    tmp_path: Path, table: str, values: Any, asked: set[str]
) -> None:
    atomic_files.write_json(tmp_path / "run.json", {"config": {table: values}})
    advised = {command for command in RUN if again(command, tmp_path).endswith(" --trust")}
    assert advised == asked
    begun_runs.note(atomic_files.read_json(tmp_path / "run.json"))
    assert again("resume", tmp_path, "--after", "3") == f"spikeloop resume {tmp_path} --after 3"


def test_a_strangers_database_is_not_opened(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, database = tmp_path / "strange", tmp_path / "mine.db"
    folder.mkdir()
    with sqlite3.connect(database) as mine:
        mine.execute("create table precious (number integer)")
    before = database.read_bytes()
    tables = comparisons.load(comparison_toml(tmp_path / "small.toml")).tables()
    tables["tuning"]["storage"] = f"sqlite:///{database}"
    manifest = {"schema_version": SCHEMA_VERSION, "config": tables, "working_dir": None}
    atomic_files.write_json(folder / "comparison.json", manifest)
    for command in ("verify", "resume", "report"):
        assert cli(command, str(folder)) == 2
        assert database.read_bytes() == before
    assert capsys.readouterr().err.count("tuning.storage") == 2
    cli("verify", str(folder), "--trust")
    assert database.read_bytes() != before


def test_nothing_is_written_through_links(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toml = small_toml(tmp_path / "small.toml", run={"generations": 1})
    assert cli("run", str(toml), "--out", str(tmp_path)) == 0
    run, mine = tmp_path / "small", tmp_path / "mine"
    mine.write_text("precious")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "part-999999.parquet").write_text("precious")

    (run / ".report.html.tmp").symlink_to(mine)
    assert cli("report", str(run)) == 2
    assert cli("report", str(run)) == 0  # the link is gone
    (run / ".lock").unlink()
    (run / ".lock").symlink_to(mine)
    assert cli("resume", str(run)) == 2
    (run / ".lock").unlink()
    (run / "curves" / "part-000000.parquet").unlink()
    (run / "curves").rename(run / "was")
    (run / "curves").symlink_to(tmp_path / "folder")
    assert cli("resume", str(run)) == 2
    assert "is a link, and nothing is written through links" in capsys.readouterr().err
    assert cli("transfer", str(run), "--seed", "5") == 2
    assert mine.read_text() == "precious"
    assert (tmp_path / "folder" / "part-999999.parquet").read_text() == "precious"


def test_no_escape_sequences_reach_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toml = small_toml(tmp_path / "small.toml", run={"generations": 1})
    assert cli("run", str(toml), "--out", str(tmp_path)) == 0
    run, escape = tmp_path / "small", "\x1b]0;owned\x07"
    changed(run, "run", name="x", seed=escape)
    manifest = atomic_files.read_json(run / "run.json")
    atomic_files.write_json(run / "run.json", {**manifest, "machine": {"host": escape}})
    capsys.readouterr()
    for command, options in RUN.items():
        cli(command, str(run), *options)
    changed(run, "run", seed=7)
    (run / "state" / f"000{escape.replace('/', '')}1.npz").touch()
    for command, options in RUN.items():
        cli(command, str(run), *options)
    told = capsys.readouterr()
    assert "\x1b" not in told.out + told.err
    assert "\x07" not in told.out + told.err


def test_the_current_folder_does_not_say_where_numba_keeps_its_pickles(tmp_path: Path) -> None:
    small_toml(tmp_path / "small.toml", run={"generations": 1})
    (tmp_path / ".numba_config.yaml").write_text(f"cache_dir: {tmp_path / 'cache'}\n")
    arguments = ["-m", "spikeloop.coordinator.cli", "run", "small.toml", "--inline"]
    kept = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    with child(arguments, tmp_path, env=kept) as process:
        assert process.wait() == 0, process.communicate()
    assert (tmp_path / "runs" / "small").exists()
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("module", ["", "..", "../x", "a\0b", " ", "nowhere_at_all"])
@pytest.mark.parametrize("named", [None, 3, "/", "a\0", "relative"])
def test_classes_that_cannot_be_are_not_found(module: str, named: object) -> None:
    manifest = {"config": {"learner": {"kind": f"{module}:Mine"}}, "working_dir": named}
    assert not can_import(manifest)
    assert not can_import(manifest, Path("\0"))
