"""Addresses of storage are split and checked, and never quoted, because they may hold a secret."""

from pathlib import Path

import pytest
from support.command_line import refused
from support.small_run import small_toml

from spikeloop.coordinator.config import uris
from spikeloop.coordinator.sync.storage import open_storage


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("s3://key:hunter2@bucket/x", "must hold no credentials; give them in the environment"),
        ("s3://bucket/x?secret_key=hunter2", "must have no option 'secret_key' after the ?"),
        ("s3://bucket/../x", "must have no # and no . or .. in its path"),
        ("s3://", "must be s3:// and the name of a bucket"),
        ("s3://bucket:99999999/x", "must be a URI"),
        ("ftp://bucket/x", "must be an absolute path, or begin with one of s3://, gs://, file://"),
        ("hunter2", "must be an absolute path"),
        ("file://host/x", "must be file:/// and an absolute path"),
    ],
)
def test_bad_address_is_refused_without_being_quoted(
    tmp_path: Path, address: str, expected: str
) -> None:
    config = small_toml(tmp_path / "small.toml", run={"upload_to": address})
    errors = refused("run", config, "--out", tmp_path)
    assert f"{config}: [run] upload_to {expected}" in errors
    assert "hunter2" not in errors
    if "://" in address:
        assert "hunter2" not in refused("resume", f"{address}/small", "--out", tmp_path)


@pytest.mark.parametrize(
    ("text", "above", "name"),
    [
        ("s3://bucket/a/b/name?scheme=http", "s3://bucket/a/b?scheme=http", "name"),
        ("s3://bucket/name/", "s3://bucket/", "name"),
        ("gs://anonymous@bucket/a/name", "gs://anonymous@bucket/a", "name"),
        ("file:///small", "file:///", "small"),
        ("file:///mnt/small", "file:///mnt", "small"),
        ("/mnt/a?b/name", "/mnt/a?b", "name"),
        ("/name", "/", "name"),
    ],
)
def test_address_is_split_into_what_is_above_and_a_name(text: str, above: str, name: str) -> None:
    assert uris.split(text) == (above, name)
    uris.require_address(above)  # so that it can be kept as run.upload_to


def test_folder_of_the_root_is_found_by_its_address() -> None:
    assert str(open_storage(*uris.split("file:///small"))) == "/small"


@pytest.mark.parametrize(
    "text", ["s3://bucket", "s3://bucket/?scheme=http", "file:///", "/", "copies/own"]
)
def test_address_without_a_name_and_relative_one_are_refused(tmp_path: Path, text: str) -> None:
    words = "absolute path or a URI" if text == "copies/own" else "must end with a name"
    assert words in refused("fetch", text, "--out", tmp_path)
