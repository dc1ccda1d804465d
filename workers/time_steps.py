"""Converts times to whole numbers of time steps."""


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
