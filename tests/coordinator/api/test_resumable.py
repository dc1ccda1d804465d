"""The line that says how to go on with what was interrupted or failed from outside."""

from pathlib import Path
from typing import Any

import pytest
from support.small_run import small_tables

from spikeloop.cluster.signals import Interrupted
from spikeloop.coordinator.api.resumable import resumable

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
        resumable(folder, tables, reached=lambda: " after generation 3"),
    ):
        raise Interrupted
    assert str(error.value) == (
        "interrupted after generation 3, everything committed; "
        f"resume with: spikeloop resume '{folder}'{options}"
    )


def test_an_error_before_there_is_a_folder_is_left_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"^disk full$"), resumable(tmp_path, small_tables()):
        raise OSError("disk full")
