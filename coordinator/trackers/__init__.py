"""Trackers of experiments that people already use: each shows the numbers of a run as it goes on.

A tracker is fed from what is committed and never changes a number (``search/tracking.py``).
"""

from spikeloop.coordinator.trackers.base import Tracker
from spikeloop.coordinator.trackers.mlflow import MlFlow
from spikeloop.coordinator.trackers.tensorboard import TensorBoard
from spikeloop.coordinator.trackers.wandb import WeightsAndBiases

TRACKERS: dict[str, type[Tracker]] = {
    "tensorboard": TensorBoard,
    "wandb": WeightsAndBiases,
    "mlflow": MlFlow,
}
