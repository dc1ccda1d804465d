"""Verification finds every disagreement between the numbers of a run."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from support.small_run import change_part

from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.verification.verify_run import verify

pytestmark = pytest.mark.usefixtures("without_figures")


@pytest.fixture
def store(copied_run: Path) -> RunStore:
    return RunStore(copied_run)


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
    change_part(store, path, change)
    assert any(complaint in problem for problem in verify(store).problems)


def test_missing_transfer_is_noticed(store: RunStore) -> None:
    store.parts("transfer")[0][0].unlink()
    report = verify(store)
    assert report.problems == []
    assert any("transfer to held-out tasks is missing" in line for line in report.checked)
