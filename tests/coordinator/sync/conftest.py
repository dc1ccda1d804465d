"""An S3 server, a finished run that was uploaded to it, and what is stored for a test to change."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.blank_figures import blank_figures
from support.command_line import cli
from support.s3_server import ENVIRONMENT, S3
from support.small_run import small_toml


@pytest.fixture(scope="session")
def s3() -> Iterator[S3]:
    with pytest.MonkeyPatch.context() as patched:
        for name, value in ENVIRONMENT.items():
            patched.setenv(name, value)
        server = S3()
        yield server
        server.stop()


@pytest.fixture(scope="session")
def run(s3: S3, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run that is stored at ``lab/small`` of the server."""
    folder = tmp_path_factory.mktemp("uploaded")
    config = small_toml(folder / "small.toml", run={"upload_to": s3.uri("lab")})
    with blank_figures():
        assert cli("run", config, "--out", folder) == 0
    return folder / "small"


@pytest.fixture
def stored(run: Path, s3: S3, request: pytest.FixtureRequest) -> str:
    """A prefix where the run is stored once more."""
    prefix = f"changed/{request.node.name}/small"
    for name, data in s3.objects("lab/small").items():
        s3.write(f"{prefix}/{name}", data)
    return prefix
