"""A signal ends pure work at once and everything else at the next safe place."""

import os
import signal
import sys
import weakref
from collections.abc import Iterator

import pytest

from spikeloop.cluster.signals import Interrupted, StopSignal, ending_signals

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture
def stop() -> Iterator[StopSignal]:
    before = {number: signal.getsignal(number) for number in NUMBERS}
    hook = sys.unraisablehook
    stop = StopSignal()
    stop.install()
    yield stop
    sys.unraisablehook = hook
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_signal_is_noted_and_raised_by_check(stop: StopSignal, number: signal.Signals) -> None:
    stop.check()
    os.kill(os.getpid(), number)
    assert stop.requested
    with pytest.raises(Interrupted):
        stop.check()


@pytest.mark.parametrize("number", NUMBERS)
def test_a_signal_raises_within_raising(stop: StopSignal, number: signal.Signals) -> None:
    with pytest.raises(Interrupted), stop.raising():
        os.kill(os.getpid(), number)
        pytest.fail("the work went on")


def test_raising_does_not_begin_after_a_signal(stop: StopSignal) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(Interrupted), stop.raising():
        pytest.fail("the work began")


@pytest.mark.parametrize("error", [None, ValueError])
def test_after_raising_signals_are_noted_again(
    stop: StopSignal, error: type[Exception] | None
) -> None:
    try:
        with stop.raising():
            if error is not None:
                raise error
    except ValueError:
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    assert stop.requested


class Held:
    """Something that a weak reference can point to."""


@pytest.mark.parametrize("number", NUMBERS)
def test_a_signal_within_a_callback_raises_after_it_and_prints_nothing(
    stop: StopSignal, number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    """Python prints what a callback raises, and goes on: the work would not end."""
    reached = []
    with pytest.raises(Interrupted), stop.raising():
        held = Held()
        watched = weakref.ref(held, lambda reference: os.kill(os.getpid(), number))
        del held
        reached.append(watched)
        for _ in range(10**7):
            pass
        pytest.fail("the work went on")
    assert reached
    assert capsys.readouterr().err == ""


def test_other_errors_in_callbacks_are_printed_as_before(
    stop: StopSignal, capsys: pytest.CaptureFixture[str]
) -> None:
    told: list[object] = []
    sys.unraisablehook = lambda what: told.append(what.exc_value)
    StopSignal().install()
    stop.install()  # once more, as after ``ray.init``
    held = Held()
    watched = weakref.ref(held, lambda reference: 1 / 0)
    del held
    assert watched() is None
    assert [type(error) for error in told] == [ZeroDivisionError]
    assert capsys.readouterr().err == ""


def test_a_process_that_ignores_hangups_goes_on_ignoring_them() -> None:
    before = {number: signal.getsignal(number) for number in NUMBERS}
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        stop = StopSignal()
        stop.install()
        os.kill(os.getpid(), signal.SIGHUP)
        assert not stop.requested
        assert signal.SIGHUP not in ending_signals()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_a_learner_cannot_catch_it_as_one_of_its_errors() -> None:
    assert not issubclass(Interrupted, Exception)
