"""Verification finds every disagreement between the numbers of a run."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from support.small_run import start_run

from spikeloop.coordinator.store import atomic_files
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.verification.verify_run import verify

pytestmark = pytest.mark.usefixtures("without_figures")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return start_run(tmp_path_factory.mktemp("finished") / "small")


@pytest.fixture
def store(finished: Path, tmp_path: Path) -> RunStore:
    return RunStore(Path(shutil.copytree(finished, tmp_path / "small")))


def test_sound_run_has_no_problems(store: RunStore) -> None:
    report = verify(store)
    assert report.problems == []
    assert "fitness, held-out scores and counts follow from the episodes" in report.checked


@pytest.mark.parametrize(
    ("name", "change", "complaint"),
    [
        ("episodes", lambda f: f.assign(**{"return": f["return"] + 1e-6}), "does not follow"),
        ("episodes", lambda f: f.iloc[:-1], "rows, the generations count"),
        ("episodes", lambda f: pd.concat([f, f.iloc[:1]]), "rows stand twice"),
        ("episodes", lambda f: f.drop(columns="status"), "columns missing: status"),
        ("candidates", lambda f: f.assign(fitness=f["fitness"] + 1e-6), "does not follow"),
        ("generations", lambda f: f.assign(best=f["best"] + 1.0), "best does not follow"),
        ("generations", lambda f: f.assign(n_failed=1), "n_failed does not follow"),
        ("generations", lambda f: f.iloc[:0], "not exactly one row for each of 1..3"),
        ("curves", lambda f: f.assign(random=0.0), "held-out score of 2 does not follow"),
        ("curves", lambda f: f.iloc[:0], "held-out episodes of generations"),
    ],
)
def test_every_kind_of_disagreement_is_found(
    store: RunStore, name: str, change: Callable[[pd.DataFrame], pd.DataFrame], complaint: str
) -> None:
    path, _ = store.parts(name)[1]
    table = store.read_part(path)
    frame = change(table.to_pandas())
    columns = [field for field in table.schema if field.name in frame]
    changed = pa.Table.from_pandas(frame, schema=pa.schema(columns), preserve_index=False)
    atomic_files.write_parquet(path, changed.replace_schema_metadata(table.schema.metadata))
    assert any(complaint in problem for problem in verify(store).problems)


def test_missing_transfer_is_noticed(store: RunStore) -> None:
    store.parts("transfer")[0][0].unlink()
    report = verify(store)
    assert report.problems == []
    assert any("transfer to held-out tasks is missing" in line for line in report.checked)


def test_leftovers_of_a_crash_are_reported_as_harmless(store: RunStore) -> None:
    path, _ = store.parts("episodes")[0]
    path.with_name("part-000004.parquet").write_bytes(path.read_bytes())
    report = verify(store)
    assert report.problems == []
    assert any("was interrupted" in line for line in report.checked)
