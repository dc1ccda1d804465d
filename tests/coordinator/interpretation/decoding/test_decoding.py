import numpy as np
from support.random_networks import QUADRATIC, random_network

from spikeloop.coordinator.interpretation.decoding import features as of
from spikeloop.coordinator.interpretation.decoding.measurement import (
    ANSWER,
    LATENTS,
    PERMUTED,
    POSTERIOR,
    UNTRAINED,
)
from spikeloop.coordinator.interpretation.decoding.section import DECODING
from spikeloop.coordinator.interpretation.subject import Subject


def test_a_network_of_random_weights_answers_by_its_counts_and_knows_no_coefficients() -> None:
    subject = Subject(random_network({**QUADRATIC, "n_steps": 3}), 0, 60)
    assert DECODING.why_not(subject) is None
    found = DECODING.interpret(subject, lambda line: None)
    numbers = found.numbers
    assert [one["target"] for one in numbers["targets"]] == [LATENTS, POSTERIOR, ANSWER]
    answer = numbers["targets"][-1]["explained"]
    assert answer[of.COUNTS]["low"] > 0.3
    assert answer[PERMUTED]["value"] < 0.15
    latents = numbers["targets"][0]["explained"]
    assert latents[of.COUNTS]["low"] < 0.15
    assert UNTRAINED in latents
    over_time = numbers["over_time"]
    assert over_time["target"] == LATENTS
    assert over_time["decisions"] == [1, 2, 3]
    assert np.shape(over_time["explained"]) == (3, 3)
