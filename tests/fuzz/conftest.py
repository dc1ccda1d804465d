"""A finished run to disturb, and no clusters."""

from pathlib import Path

import pytest
from support.blank_figures import blank_figures
from support.command_line import cli
from support.small_run import small_toml

from spikeloop.cluster.targets import TARGETS
from spikeloop.cluster.targets.inline import Inline


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    with blank_figures():
        config = small_toml(folder / "small.toml", run={"generations": 1})
        assert cli("run", config, "--out", folder) == 0
    return folder / "small"


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever would start or join a cluster runs inline."""
    for target in set(TARGETS.values()) - {Inline}:
        monkeypatch.setattr(target, "open", lambda self, *rest: Inline().open(*rest))
