"""The import package: four links, one order of imports, light imports, a complete wheel."""

import importlib
import os
import re
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from support.child_processes import printed

import spikeloop

ROOT = Path(spikeloop.__file__).resolve().parent.parent
LAYERS = ("tasks", "workers", "cluster", "coordinator")
"""In the order of the imports: each may import itself and what stands before it."""

SOURCES = [path for layer in LAYERS for path in sorted((ROOT / layer).rglob("*.py"))]


def copy_sources(folder: Path) -> None:
    for layer in (*LAYERS, "spikeloop"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / layer, folder / layer, symlinks=True, ignore=ignored)


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(("spikeloop", *(parts[:-1] if parts[-1] == "__init__" else parts)))


@pytest.mark.parametrize("layer", LAYERS)
def test_each_layer_is_a_relative_link_to_its_folder(layer: str) -> None:
    link = ROOT / "spikeloop" / layer
    assert link.is_symlink()
    assert os.readlink(link) == f"../{layer}"
    assert link.resolve() == ROOT / layer


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
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
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


BUILD = (
    "import setuptools; setuptools.setup(script_args=['--quiet', 'build', '--build-lib', 'built'])"
)


def test_wheel_holds_modules_and_their_data_and_works_without_the_checkout(tmp_path: Path) -> None:
    """The folder whose contents a wheel is zipped from is built from a copy of the sources.

    By the setuptools that is installed, because a build in isolation, and the step from this folder
    to a wheel in older versions, need the network. Only setuptools 77 and later understand the two
    keys about the licence, which concern no module. Isolated Python sees neither this checkout nor
    the current folder.
    """
    copy_sources(tmp_path)
    (tmp_path / "README.md").touch()
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    settings = re.sub(r"^license.*$", "", settings, flags=re.M)
    (tmp_path / "pyproject.toml").write_text(settings, encoding="utf-8")
    subprocess.run([sys.executable, "-c", BUILD], cwd=tmp_path, capture_output=True, check=True)
    built = tmp_path / "built"
    modules = {f"spikeloop/{path.relative_to(ROOT).as_posix()}" for path in SOURCES}
    data = {
        "spikeloop/cluster/deploy/kubernetes.yaml.jinja",
        "spikeloop/cluster/deploy/slurm.sh.jinja",
        "spikeloop/cluster/ray_backend/empty.zip",
        "spikeloop/coordinator/export/brian_script.py.jinja",
        "spikeloop/coordinator/report/report.html.jinja",
    }
    files = {path.relative_to(built).as_posix() for path in built.rglob("*") if path.is_file()}
    assert files == modules | data | {"spikeloop/__init__.py", "spikeloop/py.typed"}
    assert not any(path.is_symlink() for path in built.rglob("*"))
    code = f"import sys; sys.path.insert(0, {str(built)!r}); import spikeloop.tasks as t; print(t)"
    command = [sys.executable, "-I", "-c", code]
    found = subprocess.run(command, cwd=built, capture_output=True, text=True, check=True).stdout
    assert str(built / "spikeloop" / "tasks" / "__init__.py") in found
