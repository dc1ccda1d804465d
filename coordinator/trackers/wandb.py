"""Weights & Biases, online or offline, as its own variables and files say.

With ``WANDB_MODE=offline`` all is in the folder ``wandb`` of the run, and ``wandb sync`` uploads it
later. Key, host and entity are those of ``wandb login`` and of the environment.
"""

import io
from collections.abc import Mapping
from contextlib import redirect_stderr
from datetime import datetime

from spikeloop.coordinator.trackers.base import TrackedRun, require_package
from spikeloop.workers.base import Unavailable


class WeightsAndBiases:
    """A run of the project, with the run's identity for its id, so that it can be continued."""

    def __init__(self, run: TrackedRun, last: int) -> None:
        import wandb

        self.last = last
        self._run = wandb.init(
            project=run.project,
            id=run.identity,
            name=run.name,
            dir=str(run.folder),
            config=dict(run.parameters),
            resume="allow",
            reinit="create_new",  # the runs of a sweep are several in this process
            # It leaves the process as it is: no copies of code, no capture of what is printed. And
            # no link beside the runs, because nothing is written to a run folder that has links.
            settings=wandb.Settings(
                console="off",
                silent=True,
                symlink=False,
                disable_code=True,
                disable_git=True,
                x_disable_stats=True,
            ),
        )

    @staticmethod
    def require() -> None:
        """Raise Unavailable without the package, or where it would have to ask for a key."""
        require_package("wandb", "wandb")
        import wandb

        if wandb.setup().settings.mode != "online":
            return
        with redirect_stderr(io.StringIO()):  # a run has lines of its own
            has_key = wandb.login(prompt=False, verify=False)
        if not has_key:
            raise Unavailable(
                "the tracker wandb has no key: give it one with `wandb login`, or set "
                "WANDB_MODE=offline"
            )

    def log(self, generation: int, numbers: Mapping[str, float], when: datetime) -> None:
        """Log numbers at the step of the generation; W&B has a clock of its own for times."""
        self._run.log(dict(numbers), step=generation)

    def finish(self, generation: int, numbers: Mapping[str, float], when: datetime) -> None:
        """Write the results into the summary."""
        self._run.summary.update(dict(numbers))

    def close(self) -> None:
        """End the run and upload what is left, if it is online."""
        self._run.finish()
