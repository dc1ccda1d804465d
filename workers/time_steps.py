"""Times as whole numbers of time steps."""

from typing import Self

from pydantic import model_validator

from spikeloop.tasks.settings import Settings


def whole_steps(window_ms: float, step_ms: float, name: str = "window_ms") -> int:
    """Return the time steps of ``step_ms`` in a window, at least one.

    Raises:
        ValueError: the window is no whole number of steps, to a part in 10⁹.
    """
    steps = window_ms / step_ms
    n_steps = round(steps)
    if n_steps < 1 or abs(steps - n_steps) > 1e-9 * steps:
        raise ValueError(
            f"{name} must be a whole number of steps of {step_ms:g} ms, got {window_ms:g}"
        )
    return n_steps


class Windowed(Settings):
    """Base of learners whose network runs for a window of time at each decision."""

    kind: str
    window_ms: float
    step_ms: float

    @model_validator(mode="after")
    def _whole_window(self) -> Self:
        whole_steps(self.window_ms, self.step_ms)
        return self

    @property
    def window_steps(self) -> int:
        """Time steps of one decision."""
        return whole_steps(self.window_ms, self.step_ms)

    @property
    def interaction_s(self) -> float:
        """Seconds of biological time that one decision takes."""
        return self.window_ms * 1e-3
