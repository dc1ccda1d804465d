"""Runs in a store on this machine, read back by MLflow's own client."""

from pathlib import Path
from typing import Any

import pytest
from support.small_run import interrupt_run, resume_run, small_config, start_run

from spikeloop.coordinator.search import tracking
from spikeloop.coordinator.store.run_store import RunStore

mlflow = pytest.importorskip("mlflow")

ON: dict[str, Any] = {"tracking": {"kinds": ["mlflow"], "project": "small things"}}
# MLflow's own SQL, of which it is not ours to mend.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture(autouse=True)
def beside_the_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking, "LEAVING_S", 60.0)  # the first tables take seconds
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def runs_in(folder: Path) -> tuple[Any, list[Any]]:
    """The client of the store in a folder, and all its runs."""
    client = mlflow.MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("small things")
    return client, list(client.search_runs([experiment.experiment_id]))


def steps(client: Any, run: Any, name: str) -> list[int]:
    return sorted(metric.step for metric in client.get_metric_history(run.info.run_id, name))


def test_mlflow_has_the_configuration_every_generation_and_the_results(tmp_path: Path) -> None:
    folder = start_run(tmp_path / "small", **ON)
    client, (run,) = runs_in(tmp_path)
    assert run.info.run_name == "small" and run.info.status == "FINISHED"
    assert run.data.params["strategy.population_size"] == "6"
    history = client.get_metric_history(run.info.run_id, "fitness/mean")
    found = {metric.step: metric.value for metric in history}
    assert found == {row["generation"]: row["mean"] for row in RunStore(folder).rows()}
    assert "transfer/baseline/myopic_ knows task" in run.data.metrics
    assert steps(client, run, "transfer/learned") == [3]


def test_an_interrupted_run_goes_on_in_the_same_run_even_without_its_record(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    interrupt_run(folder, "generation 3", small_config(**ON))
    (folder / "tracking.json").unlink()
    resume_run(folder)
    client, (run,) = runs_in(tmp_path)
    assert steps(client, run, "fitness/mean") == [1, 2, 3]


def test_a_run_that_went_back_is_another_run(tmp_path: Path) -> None:
    folder = start_run(tmp_path / "small", **ON)
    resume_run(folder, after=1)
    client, runs = runs_in(tmp_path)
    assert [steps(client, run, "fitness/mean") for run in runs] == [[1, 2, 3]] * 2
