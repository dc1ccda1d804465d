"""The collector is left as it was found, however a block ends."""

import gc
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from spikeloop.workers.garbage_collection import RARELY, frozen


def state() -> tuple[Any, ...]:
    return gc.isenabled(), gc.get_threshold(), gc.get_freeze_count()


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    enabled, thresholds = gc.isenabled(), gc.get_threshold()
    gc.unfreeze()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)
    (gc.enable if enabled else gc.disable)()


@pytest.mark.parametrize("enabled", [True, False])
def test_a_block_restores_thresholds_and_freezes_nothing_for_longer(enabled: bool) -> None:
    (gc.enable if enabled else gc.disable)()
    gc.set_threshold(123, 4, 5)
    before = state()
    with frozen(RARELY):
        assert gc.get_threshold() == RARELY
        assert gc.get_freeze_count() > 1000
    assert state() == before


def test_an_exception_restores_them_too() -> None:
    before = state()
    with suppress(ZeroDivisionError), frozen(RARELY):
        _ = 1 / 0
    assert state() == before


def test_an_inner_block_keeps_the_thresholds_of_the_outer_one() -> None:
    before = state()
    with frozen(RARELY):
        with frozen():
            assert gc.get_freeze_count() > 1000
        assert gc.get_threshold() == RARELY
    assert state() == before


def test_what_the_program_had_frozen_stays_frozen() -> None:
    gc.freeze()
    n_frozen, thresholds = gc.get_freeze_count(), gc.get_threshold()
    with frozen(RARELY), frozen():
        assert gc.get_threshold() == RARELY
    assert gc.get_threshold() == thresholds
    assert n_frozen == pytest.approx(gc.get_freeze_count(), abs=10)  # frozen ones may die


def test_blocks_of_two_threads_that_overlap_restore_what_was_before_the_first() -> None:
    before = state()
    entered, may_leave = threading.Event(), threading.Event()

    def other() -> None:
        with frozen(RARELY):
            entered.set()
            may_leave.wait(60)

    thread = threading.Thread(target=other)
    with frozen(RARELY):
        thread.start()
        assert entered.wait(60)
    assert gc.get_threshold() == RARELY
    may_leave.set()
    thread.join()
    assert state() == before
