import numpy as np
import pytest

from spikeloop.workers.time_steps import whole_steps


@pytest.mark.parametrize("step_ms", [0.001, 0.01, 0.05, 0.1, 0.25, 0.3, 1.0, 10.0])
def test_a_multiple_of_the_step_is_whole_however_it_is_rounded(step_ms: float) -> None:
    for n in (*range(1, 400), 12_345, 1_000_000):
        assert whole_steps(n * step_ms, step_ms) == n
        assert whole_steps(np.nextafter(n * step_ms, 0), step_ms) == n


@pytest.mark.parametrize(
    ("window_ms", "step_ms"), [(20.0, 0.3), (0.5, 1.0), (0.4, 1.0), (1.5, 1.0), (20.001, 0.01)]
)
def test_other_windows_are_refused(window_ms: float, step_ms: float) -> None:
    with pytest.raises(ValueError, match=f"window_ms .*{step_ms:g} ms, got {window_ms:g}"):
        whole_steps(window_ms, step_ms)
