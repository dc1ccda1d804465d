"""Durations as text for a screen that is refreshed every second."""

from spikeloop.coordinator.formatting import duration


def span(seconds: float) -> str:
    """For example "0.4 s", "12 s", "12:05", "3:10:00" or "4 days"."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return duration(seconds) if seconds < 48 * 3600 else f"{seconds // 86400:.0f} days"
