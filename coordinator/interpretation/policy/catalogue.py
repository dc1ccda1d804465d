"""All models of choices that are tried, in the order of tables."""

from spikeloop.coordinator.interpretation.policy.bayes_models import bayes_models
from spikeloop.coordinator.interpretation.policy.count_models import CountModel
from spikeloop.coordinator.interpretation.policy.model import ChoiceModel
from spikeloop.coordinator.interpretation.policy.persevering import Persevering
from spikeloop.coordinator.interpretation.policy.simple_models import Random, WinStayLoseShift
from spikeloop.coordinator.interpretation.policy.value_models import ValueModel
from spikeloop.tasks.base import TaskFamily


def choice_models(family: TaskFamily) -> list[ChoiceModel]:
    """Return the models for a family of two-armed bandits, "random" first.

    Those at the end have perseveration besides.
    """
    bayes = bayes_models(family)
    return [
        Random(),
        WinStayLoseShift(),
        ValueModel(),
        ValueModel("two rates"),
        ValueModel("forgetting"),
        Persevering(ValueModel()),
        ValueModel("decaying rate"),
        ValueModel("fictive"),
        CountModel("UCB"),
        CountModel("Thompson"),
        CountModel("V, RU, V/TU"),
        *bayes,
        Persevering(CountModel("UCB")),
        Persevering(CountModel("V, RU, V/TU")),
        *map(Persevering, bayes),
    ]
