"""MLflow, on the server that ``MLFLOW_TRACKING_URI`` names, or in a file beside the run folders.

A run is found again by the tag ``spikeloop.run``, and knows itself how far it was logged.
"""

import os
import re
from collections.abc import Mapping
from datetime import datetime

from spikeloop.coordinator.trackers.base import TrackedRun, require_package

TAG = "spikeloop.run"
AT_ONCE = 100
"""Parameters that MLflow takes in one call, at most."""
LONGEST = 500
"""Characters of a parameter's value that every version of MLflow takes."""


class MlFlow:
    """A run of the experiment that is named as the project."""

    def __init__(self, run: TrackedRun, last: int) -> None:
        from mlflow import MlflowClient
        from mlflow.entities import Param

        beside = f"sqlite:///{(run.folder.parent / 'mlflow.db').absolute()}"
        self._client = MlflowClient(os.environ.get("MLFLOW_TRACKING_URI") or beside)
        experiment = self._experiment(run.project)
        found = self._client.search_runs([experiment], f"tags.`{TAG}` = '{run.identity}'")
        if found:
            self._id = found[0].info.run_id
            self._client.update_run(self._id, status="RUNNING")
            known = self._client.get_metric_history(self._id, "fitness/mean")
            self.last = max((metric.step for metric in known), default=-1)
            return
        created = self._client.create_run(experiment, run_name=run.name, tags={TAG: run.identity})
        self._id, self.last = created.info.run_id, -1
        items = [Param(name, str(value)[:LONGEST]) for name, value in run.parameters.items()]
        for first in range(0, len(items), AT_ONCE):
            self._client.log_batch(self._id, params=items[first : first + AT_ONCE])

    @staticmethod
    def require() -> None:
        """Raise Unavailable without MLflow."""
        require_package("mlflow", "mlflow")

    def log(self, generation: int, numbers: Mapping[str, float], when: datetime) -> None:
        """Log metrics in one call; equal ones that are there already stay single."""
        from mlflow.entities import Metric

        milliseconds = int(when.timestamp() * 1000)
        metrics = [
            Metric(_allowed(name), value, milliseconds, generation)
            for name, value in numbers.items()
        ]
        self._client.log_batch(self._id, metrics=metrics)

    def finish(self, generation: int, numbers: Mapping[str, float], when: datetime) -> None:
        """Log the results as metrics of the last step, and end the run."""
        self.log(generation, numbers, when)
        self._client.set_terminated(self._id, "FINISHED")

    def close(self) -> None:
        """Do nothing: each call was written at once."""

    def _experiment(self, name: str) -> str:
        """Give the id of an experiment, which another process may be making too."""
        from mlflow.exceptions import MlflowException

        found = self._client.get_experiment_by_name(name)
        if found is None:
            try:
                return str(self._client.create_experiment(name))
            except MlflowException:
                found = self._client.get_experiment_by_name(name)
                if found is None:
                    raise
        return str(found.experiment_id)


def _allowed(name: str) -> str:
    """Replace what MLflow allows in no name, such as the commas of some baselines."""
    return re.sub(r"[^\w\-. /]", "_", name)
