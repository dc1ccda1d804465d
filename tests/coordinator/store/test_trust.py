"""No command runs the code of a folder's author or reaches out for them without ``--trust``."""

import inspect
import os
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.child_processes import child
from support.command_line import cli, refused, run_command
from support.small_comparison import comparison_toml
from support.small_run import small_toml

from spikeloop.coordinator.cli.main import app
from spikeloop.coordinator.comparison import SCHEMA_VERSION
from spikeloop.coordinator.comparison import comparison_config as comparisons
from spikeloop.coordinator.store import atomic_files

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
    "interpret": [],
    "export": ["--to", "weights"],
    "report": [],
    "watch": ["--once"],
}
"""Every command on an existing folder, with what it needs to end at once."""
NEVER_LOAD = {"watch"}
"""Commands without --trust: they load no classes at all."""


def test_every_command_on_a_folder_is_in_the_list() -> None:
    takers = {
        str(command.name or command.callback.__name__)
        for command in app.registered_commands
        if command.callback is not None
        and {"run", "folder"} & inspect.signature(command.callback).parameters.keys()
    }
    assert takers == RUN.keys()


@pytest.fixture
def forgetful() -> Iterator[None]:
    """Forget the modules and import paths of a test afterwards."""
    modules, path = set(sys.modules), list(sys.path)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if name.startswith("stranger"):
            del sys.modules[name]


@pytest.fixture(scope="module")
def genuine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with an own class, which is forgotten afterwards."""
    folder = tmp_path_factory.mktemp("strange")
    (folder / "stranger.py").write_text(MODULE)
    learner = {"kind": "stranger:Mine"}
    toml = small_toml(folder / "small.toml", run={"generations": 1}, learner=learner)
    path = list(sys.path)
    assert cli("run", toml, "--out", folder) == 0
    assert cli("report", folder / "small") == 0  # this process was told to load it
    del sys.modules["stranger"]
    sys.path[:] = path
    (folder / "ran").unlink()
    return folder / "small"


@pytest.mark.usefixtures("forgetful")
@pytest.mark.parametrize("command", RUN)
def test_no_command_runs_own_classes_without_trust(genuine: Path, command: str) -> None:
    mark = genuine.parent / "ran"
    code, _, errors = run_command(command, genuine, *RUN[command])
    assert not mark.exists()
    assert "stranger" not in sys.modules
    assert str(genuine.parent) not in sys.path
    if command in NEVER_LOAD:
        assert code == 0
        return
    assert (code, errors.count("\n")) == (2, 1)
    assert "'stranger:Mine'" in errors
    assert "--trust" in errors
    code = cli(command, str(genuine), *RUN[command], "--trust")
    assert mark.exists()
    mark.unlink()
    assert code == (2 if command == "interpret" else 0)  # it has no mazes and no lsnn


@pytest.mark.usefixtures("forgetful")
@pytest.mark.parametrize("command", ["resume", "verify", "report", "watch"])
def test_no_command_runs_own_classes_of_a_comparison_without_trust(
    tmp_path: Path, command: str
) -> None:
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
    """Rewrite a manifest as a stranger could."""
    manifest = atomic_files.read_json(folder / "run.json")
    manifest["config"][table] |= values
    atomic_files.write_json(folder / "run.json", manifest)


@pytest.mark.parametrize("kind", ["subprocess:Popen", "antigravity:fly", "os:PathLike"])
def test_installed_modules_are_not_loaded_as_own_classes(copied_run: Path, kind: str) -> None:
    changed(copied_run, "family", kind=kind)
    errors = refused("verify", copied_run)
    assert "must name a settings class" in errors or "its author's own" in errors
    assert "antigravity" not in sys.modules


def test_cluster_of_a_folder_is_not_joined_without_trust(copied_run: Path) -> None:
    changed(copied_run, "target", kind="ray", address="127.0.0.1:1")
    for command in ("resume", "transfer"):
        errors = refused(command, copied_run)
        assert "would connect to the Ray cluster at 127.0.0.1:1 with your token" in errors
        assert "--trust" in errors
        assert "--inline" in errors
        # Its files are another run's by now.
        assert "was written by another run" in refused(command, copied_run, "--inline")
    assert "with your token" not in run_command("transfer", copied_run, "--trust").errors


def test_nothing_is_uploaded_on_the_word_of_a_folder(copied_run: Path, tmp_path: Path) -> None:
    changed(copied_run, "run", upload_to=str(tmp_path / "elsewhere"))
    for command in ("resume", "transfer"):
        assert "would upload its files to " in refused(command, copied_run, "--inline")
    assert not (tmp_path / "elsewhere").exists()


def test_database_of_a_folder_is_not_opened_without_trust(tmp_path: Path) -> None:
    folder, database = tmp_path / "strange", tmp_path / "mine.db"
    folder.mkdir()
    with sqlite3.connect(database) as mine:
        mine.execute("create table precious (number integer)")
    before = database.read_bytes()
    tables = comparisons.load(comparison_toml(tmp_path / "small.toml")).tables()
    tables["tuning"]["storage"] = f"sqlite:///{database}"
    manifest = {"schema_version": SCHEMA_VERSION, "config": tables, "working_dir": None}
    atomic_files.write_json(folder / "comparison.json", manifest)
    for command in ("verify", "resume"):
        said = run_command(command, folder)
        assert said.code == 2
        assert "tuning.storage" in said.errors
    assert cli("report", folder) == 2
    assert database.read_bytes() == before
    cli("verify", folder, "--trust")
    assert database.read_bytes() != before


def test_nothing_is_written_through_links(copied_run: Path, tmp_path: Path) -> None:
    mine, folder = tmp_path / "mine", tmp_path / "folder"
    mine.write_text("precious")
    folder.mkdir()
    (folder / "part-999999.parquet").write_text("precious")
    (copied_run / ".report.html.tmp").symlink_to(mine)
    assert cli("report", copied_run) == 2
    assert cli("report", copied_run) == 0  # the link is gone
    (copied_run / ".lock").unlink(missing_ok=True)
    (copied_run / ".lock").symlink_to(mine)
    assert cli("resume", copied_run) == 2
    (copied_run / ".lock").unlink()
    shutil.rmtree(copied_run / "curves")
    (copied_run / "curves").symlink_to(folder)
    for command in (("resume", copied_run), ("transfer", copied_run, "--seed", "5")):
        assert "is a link, and nothing is written through links" in refused(*command)
    assert mine.read_text() == (folder / "part-999999.parquet").read_text() == "precious"


def test_no_escape_sequences_reach_the_terminal(
    copied_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    escape = "\x1b]0;owned\x07"
    changed(copied_run, "run", name="x", seed=escape)
    manifest = atomic_files.read_json(copied_run / "run.json")
    atomic_files.write_json(copied_run / "run.json", {**manifest, "machine": {"host": escape}})
    for seed in (escape, 7):
        changed(copied_run, "run", seed=seed)
        for command, options in RUN.items():
            cli(command, copied_run, *options)
        (copied_run / "state" / f"000{escape.replace('/', '')}1.npz").touch()
    printed = "".join(capsys.readouterr())
    assert "\x1b" not in printed
    assert "\x07" not in printed


def test_the_current_folder_does_not_say_where_numba_keeps_its_pickles(tmp_path: Path) -> None:
    small_toml(tmp_path / "small.toml", run={"generations": 1})
    (tmp_path / ".numba_config.yaml").write_text(f"cache_dir: {tmp_path / 'cache'}\n")
    arguments = ["-m", "spikeloop.coordinator.cli", "run", "small.toml", "--inline"]
    kept = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    with child(arguments, tmp_path, env=kept) as process:
        assert process.wait() == 0, process.communicate()
    assert (tmp_path / "runs" / "small").exists()
    assert not (tmp_path / "cache").exists()
