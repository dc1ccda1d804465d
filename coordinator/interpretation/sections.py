"""The sections of ``spikeloop interpret``, in the order in which they are shown."""

from collections.abc import Mapping

from spikeloop.coordinator.interpretation.behaviour.section import BEHAVIOUR
from spikeloop.coordinator.interpretation.carrier.section import CARRIER
from spikeloop.coordinator.interpretation.decoding.section import DECODING
from spikeloop.coordinator.interpretation.importance.section import IMPORTANCE
from spikeloop.coordinator.interpretation.memory.section import MEMORY
from spikeloop.coordinator.interpretation.policy.section import POLICY
from spikeloop.coordinator.interpretation.rule.section import RULE
from spikeloop.coordinator.interpretation.section import Section

SECTIONS: Mapping[str, Section] = {
    "behaviour": BEHAVIOUR,
    "carrier": CARRIER,
    "decoding": DECODING,
    "policy": POLICY,
    "rule": RULE,
    "importance": IMPORTANCE,
    "memory": MEMORY,
}
