"""A weights file as Python sees it."""

from pathlib import Path

from spikeloop.cluster.signals import StopSignal
from spikeloop.coordinator.api.held_out_session import score_point
from spikeloop.coordinator.api.learned_view import LearnedView
from spikeloop.coordinator.api.theta import LearnedTheta
from spikeloop.coordinator.api.view import View
from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.config.transfer_settings import TransferSettings
from spikeloop.coordinator.export.weights import Learned
from spikeloop.coordinator.search.transfer import Transfer
from spikeloop.tasks.base import FloatArray


class WeightsFile(LearnedView):
    """A learned Θ in one file.

        weights = sl.open("examples/trained/lsnn_quadratic.npz")
        weights.evaluate(tasks=200).score()
        weights.interpret(only=["behaviour"])

    ``spikeloop export RUN --to weights`` writes one.
    """

    def __init__(self, learned: Learned, trust: bool = False) -> None:
        self._learned, self._trust = learned, trust

    @property
    def config(self) -> RunConfig:
        """The configuration of the run that learned it."""
        return self._learned.config

    @property
    def theta(self) -> LearnedTheta:
        """The learned Θ."""
        return LearnedTheta(self.config.space, self._learned.point)

    @property
    def _source(self) -> Path:
        return self._learned.source

    def _point(self) -> FloatArray:
        return self._learned.point

    def _score(
        self, config: RunConfig, settings: TransferSettings, view: View, stop: StopSignal
    ) -> Transfer:
        """Score its point; nothing is written."""
        here = config.uploaded_to("")
        return score_point(here, self._point(), self._source, settings, view, stop)

    def __repr__(self) -> str:
        return f"WeightsFile({self._learned.origin})"
