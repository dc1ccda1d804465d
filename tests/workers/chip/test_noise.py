"""The generators inside the kernels give published sequences."""

import numpy as np

from spikeloop.workers.chip.limits import N_NEURONS
from spikeloop.workers.chip.noise import GOLDEN, seed_words, splitmix64, xorshift32


def test_splitmix64_gives_its_reference_sequence_from_zero() -> None:
    counters = [int(GOLDEN) * k % 2**64 for k in (1, 2, 3)]
    assert [int(splitmix64(np.uint64(c))) for c in counters] == [
        0xE220A8397B1DCDAF,
        0x6E789E6AA1B965F4,
        0x06C45D188009454F,
    ]


def test_xorshift32_is_marsaglias_recurrence() -> None:
    x, mask = 2463534242, 0xFFFFFFFF  # the seed of the paper's example
    for _ in range(1000):
        y = x ^ (x << 13) & mask
        y ^= y >> 17
        y ^= (y << 5) & mask
        assert int(xorshift32(np.uint32(x))) == y
        x = y


def test_words_of_a_seed_differ_and_a_longer_request_starts_the_same() -> None:
    short, long = np.empty(5, dtype=np.uint32), np.empty(N_NEURONS + 1, dtype=np.uint32)
    seed_words(np.uint64(7), short)
    seed_words(np.uint64(7), long)
    np.testing.assert_array_equal(short, long[:5])
    assert np.unique(long).size == long.size
    seed_words(np.uint64(8), short)
    assert not np.isin(short, long).any()
