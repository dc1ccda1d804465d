"""Errors that are meant for the caller come without the inside of this package."""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from spikeloop.cluster.pool import PoolError
from spikeloop.cluster.signals import Interrupted
from spikeloop.coordinator.errors import ConfigError, RunFailed
from spikeloop.workers.base import Unavailable

P = ParamSpec("P")
R = TypeVar("R")


def brief_errors(function: Callable[P, R]) -> Callable[P, R]:
    """Let a public function raise its documented errors without the frames below it.

    What a person has to know is in the message, and the traceback of a learner is added as a note.
    A notebook would show a hundred lines of this package's own above it.
    """

    @functools.wraps(function)
    def call(*arguments: P.args, **keywords: P.kwargs) -> R:
        try:
            return function(*arguments, **keywords)
        except (ConfigError, PoolError, Unavailable, RunFailed, Interrupted) as error:
            if isinstance(error, RunFailed) and error.traceback:
                error.add_note(error.traceback.rstrip())
            raise error.with_traceback(None) from None

    return call
