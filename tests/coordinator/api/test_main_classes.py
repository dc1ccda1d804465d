"""Classes that a script or a notebook defines itself can be run, and their folders opened again."""

import linecache
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from support.command_line import refused
from support.small_run import assert_same_contents, small_tables

import spikeloop as sl
from spikeloop.coordinator.api.configure import configure
from spikeloop.coordinator.config.own_classes import code_of
from spikeloop.coordinator.store.run_store import RunStore

pytestmark = pytest.mark.usefixtures("without_figures")

HELPER = "N_STEPS = 60\n"
DEFINITIONS = """
import sys
import spikeloop as sl
from helper import N_STEPS
from pydantic import Field

class Own(sl.RandomMdp):
    n_steps: int = Field(default=N_STEPS, ge=2)

    def sample(self, n_tasks, rng):
        assert N_STEPS == 60
        return super().sample(n_tasks, rng)

def run(out, **changes):
    return sl.run(
        family=Own(n_states=3, n_actions=2),
        learner=sl.TabularTd(),
        strategy=sl.Evolution(population_size=6),
        seed=7, generations=3, tasks=4, tile_tasks=2,
        transfer={"tasks": 6, "random_points": 3, "monitor_every": 2, "monitor_tasks": 4},
        out=out,
        progress=False,
        **changes,
    )
"""
"""The small run, with a class of its own for its family."""

INLINE = """
run("small", inline=True)
print(sl.open("small").config.family)
"""
SHOWN = "kind='random_mdp' n_states=3 n_actions=2 n_steps=60 feedback='own'\n"

ON_RAY = """
if __name__ == "__main__":
    import os, signal
    def surroundings():
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        handlers = [signal.getsignal(number) for number in numbers]
        return dict(os.environ), handlers, sys.excepthook, sys.unraisablehook
    before = surroundings()
    run("small", target=sl.Local(workers=1, dashboard=False))
    import ray
    print(surroundings() == before, ray.is_initialized())
"""


def run_script(text: str, folder: Path) -> str:
    """Run a program in a folder with its helper module, and return what it prints."""
    (folder / "helper.py").write_text(HELPER)
    (folder / "script.py").write_text(text)
    ended = subprocess.run(
        [sys.executable, "script.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the run of a script."""
    folder = tmp_path_factory.mktemp("script")
    assert run_script(DEFINITIONS + INLINE, folder) == SHOWN
    return folder


def test_a_class_of_a_script_is_run_and_opened_there(script: Path, finished_run: Path) -> None:
    manifest = RunStore(script / "small").manifest()
    assert manifest["config"]["family"]["kind"] == "__main__:Own"
    assert manifest["working_dir"] == str(script)
    assert {"__main__", "own classes"} <= manifest["fingerprint"].keys()
    assert_same_contents(script / "small", finished_run)


@pytest.mark.parametrize("options", [(), ("--trust",)])
def test_elsewhere_one_line_says_how_to_make_the_class_available(
    script: Path, options: tuple[str, ...]
) -> None:
    line = refused("report", script / "small", *options)
    assert "[family] kind: 'Own' was defined in the script or notebook" in line
    assert "move it into a module of its own" in line


def run_cell(text: str, name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run the text of a notebook's cell as IPython does, and return its class ``Own``."""
    notebook = ModuleType("__main__")
    lines = text.splitlines(keepends=True)
    monkeypatch.setitem(linecache.cache, name, (len(text), None, lines, name))
    monkeypatch.setitem(sys.modules, "__main__", notebook)
    exec(compile(text, name, "exec"), vars(notebook))
    return notebook.Own


CELL = """
import spikeloop as sl

class Own(sl.RandomMdp):
    def sample(self, n_tasks, rng):
        return super().sample(n_tasks, rng)
"""


def test_a_class_of_a_notebook_is_run_and_opened_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, finished_run: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    own = run_cell(CELL, "/tmp/ipykernel_1/2.py", monkeypatch)
    family = own(n_states=3, n_actions=2, n_steps=60)
    run = sl.run(small_tables(), family=family, out="small", progress=False)
    assert run.config.working_dir is None  # no module is beside the notebook
    opened = sl.open("small")
    assert isinstance(opened, sl.Run)
    assert opened.config.family == family
    assert_same_contents(tmp_path / "small", finished_run)
    (tmp_path / "helper.py").write_text(HELPER)
    assert configure(small_tables(), family=family).working_dir == tmp_path


def test_other_source_of_a_class_in_a_notebook_is_noticed_and_makes_another_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts = [CELL, CELL.replace("n_tasks, rng)", "n_tasks, rng, )"), CELL]
    codes, names = [], []
    for text in texts:
        own = run_cell(text, "/tmp/ipykernel_1/2.py", monkeypatch)
        config = configure(family=own(), learner=sl.TabularTd())
        codes.append(code_of(config)["__main__"])
        names.append(config.run.name)
    assert codes[0] == codes[2] != codes[1]
    assert names[0] == names[2] != names[1]


def test_an_object_of_a_class_that_was_defined_again_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old = run_cell(CELL, "/tmp/ipykernel_1/2.py", monkeypatch)()
    run_cell(CELL, "/tmp/ipykernel_1/3.py", monkeypatch)
    with pytest.raises(sl.ConfigError, match="Own was defined again since this object was made"):
        configure(family=old, learner=sl.TabularTd())


def test_a_session_of_ray_that_is_not_ours_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = ModuleType("ray")
    theirs.is_initialized = lambda: True  # type: ignore[attr-defined]  # it has nothing else
    monkeypatch.setitem(sys.modules, "ray", theirs)
    with pytest.raises(sl.PoolError, match=r"^Ray runs in this process already; .* inline"):
        sl.run(small_tables(target={"kind": "local"}), out=tmp_path / "small", progress=False)
    assert not (tmp_path / "small").exists()


@pytest.mark.ray
def test_a_class_of_a_script_travels_to_rays_workers_and_ray_leaves_no_trace(
    tmp_path: Path, finished_run: Path
) -> None:
    assert run_script(DEFINITIONS + ON_RAY, tmp_path) == "True False\n"
    assert_same_contents(tmp_path / "small", finished_run)
