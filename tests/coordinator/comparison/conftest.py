"""The small comparison, which several files of tests look at."""

import contextlib
import io
from pathlib import Path

import pytest
from support.blank_figures import blank_figures
from support.command_line import cli
from support.small_comparison import comparison_toml


@pytest.fixture(scope="session")
def compared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a finished comparison, not to be changed, and what the command printed."""
    folder = tmp_path_factory.mktemp("comparison")
    config = comparison_toml(folder / "small.toml")
    with blank_figures(), contextlib.redirect_stdout(io.StringIO()) as output:
        assert cli("compare", str(config), "--out", str(folder)) == 0
    return folder / "small", output.getvalue()


@pytest.fixture(scope="session")
def finished(compared: tuple[Path, str]) -> Path:
    """Only the folder."""
    return compared[0]
