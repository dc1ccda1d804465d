"""Table ``[tracking]``: which trackers show a run. It changes no result, so it may change."""

from typing import Annotated

from pydantic import AfterValidator, Field

from spikeloop.coordinator.trackers import TRACKERS
from spikeloop.tasks.settings import Settings


def _known(kind: str) -> str:
    if kind not in TRACKERS:
        raise ValueError(f"must be one of {', '.join(TRACKERS)}")
    return kind


class TrackingSettings(Settings):
    """Table ``[tracking]``: trackers of experiments that show the run as it goes on."""

    kinds: tuple[Annotated[str, AfterValidator(_known)], ...] = Field(
        default=(), strict=False, description=f"any of {', '.join(TRACKERS)}"
    )
    project: str = Field(
        default="spikeloop",
        min_length=1,
        max_length=100,
        description="W&B project and MLflow experiment",
    )
