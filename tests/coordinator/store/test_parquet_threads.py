"""Reading a Parquet file starts no threads, which could outlive Python and abort the process."""

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from spikeloop.coordinator.store import atomic_files

COUNT = """
import os, pathlib, sys
import pyarrow as pa, pyarrow.parquet as pq
from spikeloop.coordinator.store import atomic_files, safe_npz
n_threads = lambda: len(os.listdir("/proc/self/task"))
path, before = pathlib.Path(sys.argv[1]), n_threads()
"""
READINGS = {
    "read_parquet": ("atomic_files.read_parquet(path)", False),
    "check_table": ("safe_npz.check_table(path.read_bytes(), 10**5)", False),
    "pyarrow's defaults": ("pq.ParquetFile(pa.BufferReader(path.read_bytes())).read()", True),
}
"""How a table is read, and whether this starts threads; the last is the control."""


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads in /proc")
@pytest.mark.parametrize(("reading", "starts_threads"), READINGS.values(), ids=READINGS)
def test_reading_a_table_starts_no_threads(
    reading: str, starts_threads: bool, tmp_path: Path
) -> None:
    rows = range(2000)
    columns = {str(k): [f"{row % 9} {k}" for row in rows] for k in range(8)}
    path = tmp_path / "table.parquet"
    atomic_files.write_parquet(path, pa.table(columns))
    code = f"{COUNT}\n{reading}\nprint(n_threads() - before)"
    shown = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    assert (int(shown.stdout) > 0) == starts_threads
