"""TensorBoard: event files in the run folder, which ``tensorboard --logdir runs`` shows live.

They are written by tensorboardX, which needs neither TensorFlow nor PyTorch.
"""

from collections.abc import Mapping
from datetime import datetime

from spikeloop.coordinator.trackers.base import TrackedRun, require_package


class TensorBoard:
    """Event files in the folder ``tensorboard`` of a run."""

    def __init__(self, run: TrackedRun, last: int) -> None:
        from tensorboardX import SummaryWriter
        from tensorboardX.summary import hparams

        self.last = last
        folder = run.folder / "tensorboard"
        # Names have the second and the host, so two files of one second would be one.
        suffix = f".{len(list(folder.glob('*tfevents*'))):06d}"
        # TensorBoard drops what earlier files have from the step on at which this one begins: what
        # a process wrote that was killed before it could note so, or what the run went back from.
        self._writer = SummaryWriter(str(folder), purge_step=last + 1, filename_suffix=suffix)
        if last < 0:
            experiment, start, _ = hparams(dict(run.parameters), {"transfer/learned": 0.0})
            for summary in (experiment, start):
                self._writer.file_writer.add_summary(summary)

    @staticmethod
    def require() -> None:
        """Raise Unavailable without tensorboardX."""
        require_package("tensorboard", "tensorboardX")

    def log(self, generation: int, numbers: Mapping[str, float], when: datetime) -> None:
        """Write scalars at the step of the generation."""
        for name, value in numbers.items():
            self._writer.add_scalar(name, value, generation, when.timestamp())
        self._writer.flush()

    def finish(self, generation: int, numbers: Mapping[str, float], when: datetime) -> None:
        """Write the results as scalars at the last step."""
        self.log(generation, numbers, when)

    def close(self) -> None:
        """Close the file."""
        self._writer.close()
