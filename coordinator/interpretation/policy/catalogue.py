"""All models of choices that are tried, in the order of tables."""

from spikeloop.coordinator.interpretation.policy.bayes_models import bayes_models
from spikeloop.coordinator.interpretation.policy.count_models import CountModel
from spikeloop.coordinator.interpretation.policy.model import ChoiceModel
from spikeloop.coordinator.interpretation.policy.simple_models import Random, WinStayLoseShift
from spikeloop.coordinator.interpretation.policy.value_models import ValueModel
from spikeloop.tasks.base import TaskFamily


def choice_models(family: TaskFamily) -> list[ChoiceModel]:
    """Return the models for a family of two-armed bandits, "random" first."""
    return [
        Random(),
        WinStayLoseShift(),
        ValueModel(),
        ValueModel("two rates"),
        ValueModel("forgetting"),
        ValueModel("perseveration"),
        ValueModel("decaying rate"),
        ValueModel("fictive"),
        CountModel("UCB"),
        CountModel("Thompson"),
        CountModel("V, RU, V/TU"),
        *bayes_models(family),
    ]
