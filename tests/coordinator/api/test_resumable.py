"""The line that says how to go on with what was interrupted or failed from outside."""

from pathlib import Path
from typing import Any

import pytest
from support.small_run import small_tables

from spikeloop.cluster.signals import Interrupted
from spikeloop.coordinator.api.resumable import by_call, by_command, resumable

OWN = {"kind": "failing_learner:Echo"}


@pytest.mark.parametrize(
    ("changes", "options"),
    [
        ({}, ""),
        ({"learner": OWN}, " --trust"),
        ({"strategies": {"evolution": {"kind": "evolution"}, "mine": OWN}}, " --trust"),
        ({"target": {"kind": "ray", "address": "far:10001"}}, " --trust"),
        ({"run": {"upload_to": "/mnt/runs"}}, " --trust"),
    ],
)
def test_line_that_resumes_asks_for_trust_where_it_is_needed(
    tmp_path: Path, changes: dict[str, Any], options: str
) -> None:
    folder, tables = tmp_path / "a run", small_tables() | changes
    with (
        pytest.raises(Interrupted) as error,
        resumable(folder, by_command(folder, tables), lambda: " after generation 3"),
    ):
        raise Interrupted
    assert str(error.value) == (
        "interrupted after generation 3, everything committed; "
        f"resume with: spikeloop resume '{folder}'{options}"
    )


def test_python_is_told_which_call_goes_on(tmp_path: Path) -> None:
    with pytest.raises(Interrupted) as error, resumable(tmp_path, by_call(tmp_path, "sl.run")):
        raise Interrupted
    assert str(error.value) == (
        "interrupted, everything committed; "
        f"go on with the same call, sl.run with out={str(tmp_path)!r}"
    )


def test_an_error_before_there_is_a_folder_is_left_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"^disk full$"), resumable(tmp_path, "try again"):
        raise OSError("disk full")
