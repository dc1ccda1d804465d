from dataclasses import replace

import numpy as np
import pytest
from support.planted_networks import planted_loop, rate_network, timing_network

from spikeloop.coordinator.export.frozen_network import FrozenNetwork
from spikeloop.coordinator.interpretation.carrier import conditions as of
from spikeloop.coordinator.interpretation.carrier.losses import (
    NOTHING,
    RATES,
    SMOOTHING,
    TIMES,
    UNDECIDED,
    VARIANCE,
    Returns,
    verdict,
)
from spikeloop.coordinator.interpretation.carrier.measurement import REPEATED, measure
from spikeloop.coordinator.interpretation.carrier.section import results
from spikeloop.coordinator.stats.bootstrap import Interval

GAIN = Interval(4.0, 3.0, 5.0, 100)
MORE, LESS = Interval(0.2, 0.1, 0.3, 100), Interval(0.0, -0.02, 0.02, 100)
BETWEEN = Interval(0.05, 0.0, 0.1, 100)


@pytest.mark.parametrize(
    ("gain", "jittered", "filtered", "exchanged", "expected"),
    [
        (GAIN, MORE, MORE, MORE, TIMES),
        (GAIN, LESS, LESS, LESS, RATES),
        (GAIN, MORE, LESS, LESS, VARIANCE),
        (GAIN, LESS, MORE, LESS, SMOOTHING),
        (GAIN, MORE, MORE, LESS, UNDECIDED),
        (GAIN, LESS, LESS, MORE, UNDECIDED),
        (GAIN, BETWEEN, MORE, MORE, UNDECIDED),
        (GAIN, LESS, BETWEEN, LESS, UNDECIDED),
        (GAIN, LESS, LESS, BETWEEN, UNDECIDED),
        (Interval(0.1, -0.2, 0.4, 100), MORE, MORE, MORE, NOTHING),
    ],
)
def test_verdicts(
    gain: Interval, jittered: Interval, filtered: Interval, exchanged: Interval, expected: str
) -> None:
    assert verdict(gain, jittered, filtered, exchanged) == expected


def test_losses_are_shares_of_the_gain_and_paired() -> None:
    """Returns that differ by a constant have an interval of no length, however they scatter."""
    intact = 10 + np.random.default_rng(0).normal(0, 2, 50)
    lesion = of.jitter(2)
    lesioned = {("jitter", 2): intact - 3, ("delay", 1.0): intact - 1}
    returns = Returns(intact, np.full(50, 5.0), lesioned, np.random.default_rng(1))
    gain = intact.mean() - 5
    assert returns.gain.value == pytest.approx(gain)
    assert returns.loss(lesion).value == pytest.approx(3 / gain)
    beyond = returns.beyond(lesion, lesion.control)
    assert beyond.value == pytest.approx(2 / gain)
    assert beyond.high - beyond.low < 0.5 * beyond.value


def test_the_planned_comparison_is_within_half_a_decision() -> None:
    tested = of.strengths(1.0)
    assert tested == [1, 2, 5, 10, 20, 50]
    assert [of.planned(steps, tested) for steps in (1, 10, 20, 1000)] == [1, 5, 10, 50]
    assert of.strengths(2.0) == [1, 2, 5, 10, 25]


def test_every_lesion_has_its_control_among_the_conditions() -> None:
    chosen = of.conditions([1, 2, 5])
    delays = {one.steps for one in chosen if one.lesion == of.DELAY}
    assert delays == {0.5, 1.0, 2.0, 2.5, 5.0}
    assert {one.control.steps for one in chosen if one.carrier} == delays


@pytest.mark.parametrize(
    ("network", "expected"), [(timing_network(), TIMES), (rate_network(), RATES)]
)
def test_a_planted_carrier_is_found(network: FrozenNetwork, expected: str) -> None:
    measured = measure(planted_loop(network, 40), 0, lambda line: None)
    assert measured.verdict == expected
    numbers = results(measured).numbers
    assert numbers["repeated"]["value"] == 0  # nothing is random in these tasks and networks
    exchanged = next(one for one in numbers["losses"] if one["lesion"] == of.EQUAL_COUNTS)
    if expected == TIMES:
        assert exchanged["loss"]["low"] > 0.5
    else:
        assert exchanged["loss"]["high"] < 0.05


def test_a_network_that_gains_nothing_gets_no_verdict() -> None:
    network = timing_network()
    silent = replace(network, readout=np.zeros_like(network.readout))
    measured = measure(planted_loop(silent, 12), 0, lambda line: None)
    assert measured.verdict == NOTHING
    assert (REPEATED, 0.0) in measured.returns.lesioned
