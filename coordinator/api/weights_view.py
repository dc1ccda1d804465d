"""A weights file as Python sees it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spikeloop.cluster.signals import StopSignal
from spikeloop.coordinator.api.held_out_session import score_elsewhere
from spikeloop.coordinator.api.learned_view import LearnedView
from spikeloop.coordinator.api.theta import LearnedTheta
from spikeloop.coordinator.api.view import View
from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.config.transfer_settings import TransferSettings
from spikeloop.coordinator.export.weights import Learned
from spikeloop.coordinator.search.transfer import Transfer


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

    def _scored(
        self,
        config: RunConfig,
        settings: TransferSettings,
        changes: Mapping[str, Any],
        family: Mapping[str, Any] | None,
        view: View,
        stop: StopSignal,
    ) -> tuple[Transfer, RunConfig]:
        """Score its point; nothing is written."""
        point = self._learned.point
        config = config.uploaded_to("")
        return score_elsewhere(config, point, self._source, settings, changes, family, view, stop)

    def __repr__(self) -> str:
        return f"WeightsFile({self._learned.origin})"
