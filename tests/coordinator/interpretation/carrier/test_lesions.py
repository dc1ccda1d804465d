import numpy as np
import pytest
from support.statistical_asserts import assert_frequencies, assert_mean, rng

from spikeloop.coordinator.interpretation.carrier.lesions import (
    Delay,
    ExchangedTrains,
    Filter,
    Jitter,
    Resampling,
)
from spikeloop.coordinator.interpretation.closed_loop.axons import Axons, Carrier, Intact
from spikeloop.tasks.base import FloatArray

DELAYS = np.array([1, 3])
LATEST = 40


def arrivals(carrier: Carrier, spikes: FloatArray) -> FloatArray:
    """(LATEST, n_episodes, 2) what arrives, of spikes sent at time 0."""
    axons = Axons(DELAYS, len(spikes), carrier.longest)
    arrived = []
    for step in range(LATEST):
        arrived.append(axons.arriving().copy())
        carrier.send(axons, spikes if step == 0 else np.zeros_like(spikes))
        axons.advance()
    return np.stack(arrived)


def test_intact_spikes_arrive_after_their_neurons_delay() -> None:
    arrived = arrivals(Intact(), np.array([[1.0, 1.0], [0.0, 1.0]]))
    assert [tuple(place) for place in np.argwhere(arrived)] == [(1, 0, 0), (3, 0, 1), (3, 1, 1)]


@pytest.mark.parametrize(("mean", "late"), [(2.0, (2, 2)), (2.5, (3, 2)), (0.5, (1, 0))])
def test_a_delay_of_half_a_step_is_one_step_in_every_other_episode(
    mean: float, late: tuple[int, int]
) -> None:
    arrived = arrivals(Delay(mean), np.ones((2, 2)))
    for episode, more in enumerate(late):
        np.testing.assert_array_equal(np.argwhere(arrived[:, episode, 0]), [[1 + more]])
        np.testing.assert_array_equal(np.argwhere(arrived[:, episode, 1]), [[3 + more]])
    assert arrived.sum() == 4


def test_jitter_is_uniform_and_loses_no_spike() -> None:
    arrived = arrivals(Jitter(4, rng(1)), np.ones((2000, 2)))
    assert arrived.sum() == 4000
    late = arrived[1:6, :, 0].sum(axis=1)
    assert_frequencies(late, np.full(5, 0.2), 1e-4, control=[0.3, 0.2, 0.2, 0.15, 0.15])
    intact = arrivals(Intact(), np.ones((3, 2)))
    np.testing.assert_array_equal(arrivals(Jitter(0, rng(1)), np.ones((3, 2))), intact)


def test_the_filter_keeps_a_spikes_area_and_has_the_mean_delay_of_its_control() -> None:
    arrived = arrivals(Filter(3.0), np.ones((1, 2)))[:, 0, 0]
    assert arrived.sum() == pytest.approx(1.0, abs=1e-4)
    assert arrived @ np.arange(LATEST) - 1 == pytest.approx(3.0, abs=1e-2)


def test_resampled_spikes_are_poisson_of_the_filtered_rate() -> None:
    filtered = arrivals(Filter(3.0), np.ones((1, 2)))[2, 0, 0]
    arrived = arrivals(Resampling(3.0, rng(2)), np.ones((4000, 2)))[2, :, 0]
    assert filtered == pytest.approx(0.1875)
    assert set(np.unique(arrived)) <= {0.0, 1.0, 2.0, 3.0, 4.0}
    assert_mean(arrived, filtered, 1e-4, control=0.25)
    assert_mean((arrived - filtered) ** 2, filtered, 1e-4, control=filtered * (1 - filtered) / 2)


def test_exchanged_trains_keep_every_count_and_every_train() -> None:
    spikes = (rng(3).random((6, 40, 3)) < 0.2).astype(float)
    exchange = ExchangedTrains(rng(4))
    found = exchange(spikes)
    np.testing.assert_array_equal(found.sum(axis=0), spikes.sum(axis=0))
    for neuron in range(3):
        trains = [sorted(map(tuple, some[:, :, neuron].T)) for some in (found, spikes)]
        assert trains[0] == trains[1]
    assert (found != spikes).any(axis=0).sum() == exchange.n_moved > 20
    anything = ExchangedTrains(rng(4), equal_counts=False)(spikes)
    assert (anything.sum(axis=0) != spikes.sum(axis=0)).mean() > 0.3
