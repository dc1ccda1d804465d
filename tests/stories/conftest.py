"""The run that disturbed runs are compared with."""

from pathlib import Path

import pytest
from support.blank_figures import blank_figures
from support.small_run import small_config, start_config


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with blank_figures():
        return start_config(small_config(), tmp_path_factory.mktemp("undisturbed") / "small")
