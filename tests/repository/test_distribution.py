"""Wheel and source archive: what is in them, and that they work in an environment of their own."""

import os
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path, PurePosixPath

import pytest
from support.child_processes import ended
from support.external_tools import run_tool
from support.package_sources import SOURCES, copy_sources
from support.paths import EXAMPLES, ROOT
from support.tiny_examples import TINY_RUN, set_options

import spikeloop

TEMPLATES = {
    "cluster/deploy/kubernetes.yaml.jinja",
    "cluster/deploy/slurm.sh.jinja",
    "cluster/ray_backend/empty.zip",
    "coordinator/export/brian_script.py.jinja",
    "coordinator/report/report.html.jinja",
}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what a distribution is built from, so that nothing is left in this checkout."""
    folder = tmp_path_factory.mktemp("checkout")
    copy_sources(folder)
    return folder


@pytest.fixture(scope="module")
def archives(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The source archive, and the wheel that is built from it."""
    dist = tmp_path_factory.mktemp("dist")
    run_tool("uv", "build", "--quiet", "--out-dir", str(dist), cwd=checkout)
    (archive,), (wheel,) = dist.glob("*.tar.gz"), dist.glob("*.whl")
    return archive, wheel


def checksums(wheel: Path) -> dict[str, int]:
    """The files of a wheel and their CRC-32."""
    with zipfile.ZipFile(wheel) as file:
        return {entry.filename: entry.CRC for entry in file.infolist()}


def test_wheel_holds_the_modules_and_their_data_once(archives: tuple[Path, Path]) -> None:
    modules = {path.relative_to(ROOT).as_posix() for path in SOURCES}
    examples = {
        path.relative_to(ROOT).as_posix()
        for path in EXAMPLES.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    processor = ROOT / "workers" / "chip" / "ppu" / "c"
    programs = {path.relative_to(ROOT).as_posix() for path in processor.iterdir() if path.is_file()}
    package = {"__init__.py", "py.typed", *modules, *TEMPLATES, *examples, *programs}
    found = {PurePosixPath(name) for name in checksums(archives[1])}
    described = f"spikeloop-{spikeloop.__version__}.dist-info"
    assert {path.parts[0] for path in found} == {"spikeloop", described}
    inside = {str(path.relative_to("spikeloop")) for path in found if path.parts[0] == "spikeloop"}
    assert inside == package
    assert f"{described}/licenses/LICENSE" in {str(path) for path in found}


def test_wheel_of_the_source_archive_is_that_of_the_checkout(
    checkout: Path, archives: tuple[Path, Path], tmp_path: Path
) -> None:
    """The archive holds files where the checkout holds links."""
    run_tool("uv", "build", "--quiet", "--wheel", "--out-dir", str(tmp_path), cwd=checkout)
    (direct,) = tmp_path.glob("*.whl")
    assert checksums(direct) == checksums(archives[1])
    with tarfile.open(archives[0]) as archive:
        members = archive.getmembers()
    assert all(member.isfile() or member.isdir() for member in members)
    assert not any("tests" in PurePosixPath(member.name).parts for member in members)


def test_package_index_accepts_the_description(archives: tuple[Path, Path]) -> None:
    run_tool("twine", "check", "--strict", *map(str, archives), cwd=archives[0].parent)


@pytest.fixture(scope="module")
def commands(archives: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of an environment that holds the wheel and what it needs."""
    folder = tmp_path_factory.mktemp("environment")
    run_tool("uv", "venv", "--quiet", "--python", sys.executable, "there", cwd=folder)
    install = ("uv", "pip", "install", "--quiet", "--python", "there/bin/python")
    run_tool(*install, str(archives[1]), cwd=folder)
    return folder / "there" / "bin"


def installed(program: Path, *arguments: str, cwd: Path) -> str:
    """What a program of the environment prints where no checkout is in sight."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    code, output, errors = ended([str(program), *arguments], cwd=cwd, env=inherited)
    assert code == 0, errors
    return output


def test_installed_package_runs_outside_the_repository(commands: Path, tmp_path: Path) -> None:
    where = installed(
        commands / "python", "-c", "import spikeloop; print(spikeloop.__file__)", cwd=tmp_path
    )
    assert Path(where).is_relative_to(commands.parent)
    command = commands / "spikeloop"
    assert installed(command, "--version", cwd=tmp_path) == f"spikeloop {spikeloop.__version__}"
    assert "tabular_td" in installed(command, "list", "learners", cwd=tmp_path)
    assert "maze_trace.toml" in installed(
        command, "new", "mine", "--example", "maze_trace", cwd=tmp_path
    )
    tiny = set_options(TINY_RUN)
    said = installed(command, "run", "mine/maze_trace.toml", "--inline", *tiny, cwd=tmp_path)
    assert "Score on 4 held-out tasks" in said
    assert (tmp_path / "runs" / "maze_trace" / "run.json").exists()


@pytest.mark.exhaustive
@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize("extra", PROJECT["optional-dependencies"])
def test_extras_resolve(extra: str, python: str) -> None:
    options = ("--quiet", "--extra", extra, "--python-version", python)
    assert "numpy==" in run_tool("uv", "pip", "compile", "pyproject.toml", *options, cwd=ROOT)
