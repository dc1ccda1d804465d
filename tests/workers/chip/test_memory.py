"""The count of the processor's memory has the published maxima as its limits."""

from contextlib import nullcontext
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from spikeloop.tasks.mdp import RandomMdp
from spikeloop.workers.chip.environment import Environment, environments
from spikeloop.workers.chip.memory import (
    DATA_BYTES,
    data_bytes,
    environment_bytes,
    require_memory,
)


class Inner(NamedTuple):
    table_q7: NDArray[np.int8]
    mode: int


class Data(NamedTuple):
    inner: Inner
    sums: NDArray[np.int32]
    random: NDArray[np.int64]
    counts_u10: NDArray[np.int64]
    weight_u6: int
    gain_q7: int
    bias_q15: int
    offset_i16: int
    clock_u64: int
    used: bool
    steps: np.int16


def test_numbers_count_at_the_width_of_their_name_else_their_own_or_a_word() -> None:
    data = Data(
        inner=Inner(np.zeros(5, dtype=np.int8), 1),  # 5 + 4
        sums=np.zeros((2, 3), dtype=np.int32),  # 24
        random=np.zeros(1, dtype=np.int64),  # 4
        counts_u10=np.zeros(3, dtype=np.int64),  # 6
        weight_u6=3,  # 1
        gain_q7=-1,  # 1
        bias_q15=0,  # 2
        offset_i16=-5,  # 2
        clock_u64=0,  # 4
        used=True,  # 1
        steps=np.int16(7),  # 2
    )
    assert data_bytes(data) == 5 + 4 + 24 + 4 + 6 + 1 + 1 + 2 + 2 + 4 + 1 + 2


def mdp(n_states: int, n_actions: int) -> Environment:
    family = RandomMdp(n_states=n_states, n_actions=n_actions)
    return environments(family.sample(1, np.random.default_rng(1)))[0]


def test_there_is_no_floating_point() -> None:
    with pytest.raises(TypeError, match="reward must be an integer, the processor has no float64"):
        data_bytes(mdp(2, 2))


def test_the_environment_counts_as_its_tables_on_the_chip_do() -> None:
    environment = mdp(6, 8)
    tables = environment.cumulative_u16.nbytes + environment.signal_q7.nbytes
    assert environment_bytes(6, 8) == tables == 1152


def published(n_states: int, n_actions: int) -> tuple[int, int]:
    """Sizes in the published program: weights and traces as bytes, counts and P as words."""
    return 2 * n_states * n_actions + 4 * n_actions, 5 * n_actions * n_states**2


@pytest.mark.parametrize(
    ("n_states", "n_actions", "fits"),
    [(10, 5, True), (17, 2, True), (6, 8, True), (11, 5, False), (18, 2, False)],
)
def test_the_published_maxima_fit_and_one_state_more_does_not(
    n_states: int, n_actions: int, fits: bool
) -> None:
    with nullcontext() if fits else pytest.raises(ValueError, match="take fewer states or actions"):
        require_memory(*published(n_states, n_actions))


def test_the_memory_limit_is_exact_and_refused_in_one_line() -> None:
    require_memory(DATA_BYTES - 1000, 1000)
    with pytest.raises(ValueError) as failure:
        require_memory(DATA_BYTES - 1000, 1001)
    assert str(failure.value) == (
        "the plasticity processor needs 3033 bytes of memory (program 2032, environment 1001) and "
        "has 3032 beside its code: take fewer states or actions, or set learner.check_memory = "
        "false"
    )
