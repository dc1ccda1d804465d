"""What a class promises, and how a broken promise is reported."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np

from spikeloop.coordinator.formatting import one_line, raised_at

Part: TypeAlias = Literal["family", "learner", "strategy"]
C = TypeVar("C")
Promise: TypeAlias = Callable[[C], Iterator[str]]
"""Yields one sentence, with figures and how to mend it, for each way in which a case breaks it."""
Promises: TypeAlias = Mapping[str, Promise[C]]
"""The promises of one kind of class, by the sentence that each of them is."""


class CannotCheck(Exception):
    """A promise says nothing about this class; the message is why."""


@dataclass(frozen=True)
class PromiseResult:
    """Whether one promise is kept.

    Attributes:
        part: the table of the configuration that it is about.
        promise: the promise, as a sentence.
        faults: what was found against it, one sentence each.
        skipped: why it was not checked, or "".
    """

    part: Part
    promise: str
    faults: tuple[str, ...] = ()
    skipped: str = ""

    @property
    def kept(self) -> bool:
        """Whether nothing was found against it."""
        return not self.faults


def examine(part: Part, promises: Promises[C], case: C) -> Iterator[PromiseResult]:
    """Check one promise after the other; an exception of the class is a fault."""
    for sentence, promise in promises.items():
        try:
            yield PromiseResult(part, sentence, tuple(promise(case)))
        except CannotCheck as reason:
            yield PromiseResult(part, sentence, skipped=str(reason))
        except Exception as error:  # the class that is checked may raise anything
            fault = f"raised {type(error).__name__}: {one_line(error)} ({raised_at(error)})"
            yield PromiseResult(part, sentence, (fault,))


def difference(first: Any, second: Any, rtol: float = 0.0) -> str:
    """Say how two arrays differ, or "" if they are the same; nan equals nan.

    ``rtol`` is allowed for relative to the largest magnitude of the two.
    """
    one, two = np.asarray(first), np.asarray(second)
    if one.shape != two.shape:
        return f"shape {one.shape} and {two.shape}"
    if one.dtype.kind not in "fiub" or two.dtype.kind not in "fiub":
        return "" if (one == two).all() else "different values"
    if not one.size:
        return ""
    as_floats = one.astype(np.float64), two.astype(np.float64)
    same = (one == two) | (np.isnan(as_floats[0]) & np.isnan(as_floats[1]))
    largest = max(float(np.abs(array[np.isfinite(array)]).max(initial=0)) for array in as_floats)
    with np.errstate(invalid="ignore"):  # of two infinities
        wrong = ~same & ~(np.abs(as_floats[0] - as_floats[1]) <= rtol * largest)
    if not wrong.any():
        return ""
    where = np.unravel_index(int(np.flatnonzero(wrong)[0]), one.shape)
    return (
        f"{int(wrong.sum())} of {one.size} differ, the first {one[where]:.6g} and {two[where]:.6g}"
    )
