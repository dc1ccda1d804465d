"""Name what the folders of comparisons and sweeps hold beside their manifests."""

import re
from collections.abc import Mapping

from spikeloop.coordinator.store.folder_kind import Kind

FINAL = "final"
"""Folder of the rows of a comparison's final phase, <variant>/<seed>.json, and of their held-out
episodes."""
FINDINGS = "findings.json"
"""File of the statistics and sentences of a comparison or a sweep, written last."""
RESULTS = "results.parquet"
"""Table of a comparison or a sweep with a row for each search or run that has ended."""
STUDIES = "study.db"
"""Optuna's studies of a comparison, SQLite's only file without a checksum in such a folder."""

_NAME = r"[A-Za-z0-9_-][A-Za-z0-9_.-]*"
_RUNS: Mapping[Kind, str] = {
    "comparison": rf"(?:tuning/{_NAME}/[0-9]+|runs/{_NAME})/[0-9]+",
    "sweep": rf"runs/{_NAME}/[0-9]+",
}
_RESULTS: Mapping[Kind, str] = {
    "comparison": rf"{FINAL}/{_NAME}/[0-9]+\.(?:json|parquet)"
    rf"|(?:trials|results|anytime)\.parquet|{re.escape(FINDINGS)}",
    "sweep": rf"(?:results|measured)\.parquet|{re.escape(FINDINGS)}",
}


def in_run(kind: Kind, name: str) -> tuple[str, str] | None:
    """Split a file's name into that of a run folder and the rest; None if it is in no run."""
    match = re.fullmatch(rf"({_RUNS[kind]})/(.+)", name, re.DOTALL)
    return None if match is None else (match[1], match[2])


def is_result(kind: Kind, name: str) -> bool:
    """Tell whether a file is one that is written anew as runs end, with a checksum; no report."""
    return re.fullmatch(_RESULTS[kind], name) is not None
