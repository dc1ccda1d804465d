"""One section of an interpretation: the question it answers, where it applies, how it answers."""

from collections.abc import Callable
from dataclasses import dataclass

from spikeloop.coordinator.interpretation.results import Results
from spikeloop.coordinator.interpretation.subject import Subject

Note = Callable[[str], None]
"""Takes one line on how far a long section has come."""


@dataclass(frozen=True)
class Section:
    """One section.

    Attributes:
        description: what it shows, one line.
        why_not: why it does not apply to a subject, one line that names the setting, or None if it
            does; quick, without running an episode.
        interpret: computes the results. It may raise ConfigError for options that do not fit,
            RunFailed, and Unavailable for a package that is not installed.
    """

    description: str
    why_not: Callable[[Subject], str | None]
    interpret: Callable[[Subject, Note], Results]
