"""The import package: links to its folders, one order of imports, light imports."""

import importlib
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from support.child_processes import printed
from support.package_sources import LAYERS, SOURCES, copy_sources
from support.paths import ROOT


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(("spikeloop", *(parts[:-1] if parts[-1] == "__init__" else parts)))


@pytest.mark.parametrize("name", [*LAYERS, "examples"])
def test_each_folder_of_the_package_is_a_relative_link(name: str) -> None:
    link = ROOT / "spikeloop" / name
    assert link.is_symlink()
    assert os.readlink(link) == f"../{name}"
    assert link.resolve() == ROOT / name


def test_every_module_is_importable_under_the_one_name() -> None:
    assert SOURCES
    assert {path.parent for path in SOURCES} == {
        path.parent for path in SOURCES if path.name == "__init__.py"
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # other people's deprecations
        modules = {path: importlib.import_module(module_name(path)) for path in SOURCES}
    for path, module in modules.items():
        assert Path(module.__file__ or "").resolve() == path
        assert module.__doc__, path


PLANTED = (
    ("tasks/mdp.py", "from spikeloop.workers import space"),
    ("workers/chip/limits.py", "from spikeloop.workers.learners import chip"),
    ("workers/space.py", "from spikeloop.workers import base"),
    ("cluster/dispatch/ledger.py", "from spikeloop.cluster import targets"),
    ("coordinator/stats/scores.py", "from spikeloop.coordinator import cli"),
    ("cluster/metrics.py", "import ray"),
    ("coordinator/stats/scores.py", "import pickle"),
)
"""An import for each of the linter's contracts that breaks it."""


def test_linter_refuses_planted_imports(tmp_path: Path) -> None:
    """Also below a check for types, in which a circle could otherwise hide."""
    copy_sources(tmp_path)
    for path, planted in PLANTED:
        with (tmp_path / path).open("a") as file:
            file.write(f"\n\nif TYPE_CHECKING:\n    {planted}\n")
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    found = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert f"Contracts: 0 kept, {len(PLANTED)} broken." in found.stdout, found.stdout


LIGHT = ("spikeloop.tasks", "spikeloop.cluster", "spikeloop.coordinator.strategies")
HEAVY = [
    "numba",
    "ray",
    "pandas",
    "pyarrow",
    "matplotlib",
    "scipy",
    "brian2",
    "gymnasium",
    "jax",
    "optax",
]


def heavy_after(*modules: str) -> list[str]:
    """Which heavy packages a fresh process has loaded after importing some modules."""
    code = (
        f"import sys, {', '.join(modules)}\n"
        f"print(*[name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    return printed(code, cwd=ROOT).split()


def test_tables_of_kinds_load_nothing_heavy() -> None:
    """Reading a configuration and showing help stay fast."""
    assert heavy_after(*LIGHT) == []
    assert heavy_after("scipy") == ["scipy"]


def test_table_of_learners_loads_the_compiler_and_nothing_else_heavy() -> None:
    """A plasticity program is one file, rule and settings, so its settings bring the compiler.

    numba itself loads SciPy where it is installed.
    """
    assert heavy_after("spikeloop.workers.learners") == heavy_after("numba.extending")


def test_the_chip_and_its_calibration_load_without_the_compiler() -> None:
    chip = "spikeloop.workers.chip"
    assert "numba" not in heavy_after(chip, f"{chip}.calibration.calibrate")
    assert "numba" in heavy_after(f"{chip}.lab.chip")
