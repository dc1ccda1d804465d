"""Counter-based streams: reproducible anywhere, unrelated to each other."""

import itertools

import numpy as np
import pytest
from scipy import stats
from support.statistical_asserts import assert_law, assert_mean

from spikeloop.workers.seeding import Purpose, TaskSet, seeds, stream

ALPHA = 1e-4
SOME = [0, 1, 2, 2**31, 2**32 - 1, 2**32, 2**32 + 1, 2**63]


def first_number(run_seed: int, purpose: Purpose, *coordinates: int) -> int:
    return int(stream(run_seed, purpose, *coordinates).integers(2**63))


def test_any_other_coordinate_gives_other_numbers() -> None:
    """Also coordinates of more than 32 bits, and tuples of other lengths."""
    keys = [
        (run_seed, purpose, coordinates)
        for run_seed in (0, 1, 2**32, 2**32 + 1, 2**64)
        for purpose in Purpose
        for coordinates in [(), *itertools.product(SOME), *itertools.product(SOME, SOME)]
    ]
    numbers = {first_number(seed, purpose, *coordinates) for seed, purpose, coordinates in keys}
    assert len(numbers) == len(keys)


def test_a_longer_request_for_seeds_starts_the_same() -> None:
    few = seeds(3, Purpose.EPISODES, 0, 5, n=4)
    many = seeds(3, Purpose.EPISODES, 0, 5, n=4000)
    np.testing.assert_array_equal(few, many[:4])
    assert many.dtype == np.uint64
    assert np.unique(many).size == many.size


def test_first_draws_of_neighbouring_streams_are_uniform_and_uncorrelated() -> None:
    """Negative control: streams that are seeded by the sum of the coordinates."""
    u = np.array([stream(1, Purpose.TASKS, g, t).random() for g in range(50) for t in range(80)])
    grid = u.reshape(50, 80)
    assert_law(u, stats.uniform.cdf, ALPHA / 3)
    for product in (
        (grid[1:] - 0.5) * (grid[:-1] - 0.5),
        (grid[:, 1:] - 0.5) * (grid[:, :-1] - 0.5),
    ):
        assert_mean(product, 0.0, ALPHA / 3)

    def wrong(g: int, t: int) -> float:
        return np.random.default_rng(g + t).random()

    shifted = np.array([[wrong(g, t) for t in range(80)] for g in range(50)]) - 0.5
    with pytest.raises(AssertionError):
        assert_mean(shifted[1:, :-1] * shifted[:-1, 1:], 0.0, ALPHA / 3)


def test_seeds_are_uniform_in_every_bit() -> None:
    drawn = seeds(2, Purpose.EPISODES, 0, n=4000)
    bits = (drawn[:, None] >> np.arange(64, dtype=np.uint64)) & np.uint64(1)
    for bit in bits.T:
        assert_mean(bit, 0.5, ALPHA / 64)


@pytest.mark.parametrize("wrong", [-1, 2**64])
def test_coordinates_out_of_range_are_refused(wrong: int) -> None:
    with pytest.raises(ValueError, match="coordinates"):
        stream(1, Purpose.TASKS, wrong)


def test_purposes_and_task_sets_keep_their_values() -> None:
    """They are part of a run's identity: a stored run could not be repeated."""
    assert [p.value for p in Purpose][:7] == list(range(7))
    assert [t.value for t in TaskSet] == [0, 1, 2, 3, 4]
