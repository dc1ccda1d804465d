"""Interpretation of what a run has learned: the sections that apply to it, one after the other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spikeloop.coordinator.config.setting_errors import nearest, shown
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.interpretation.results import Results
from spikeloop.coordinator.interpretation.section import Note
from spikeloop.coordinator.interpretation.sections import SECTIONS
from spikeloop.coordinator.interpretation.subject import Subject

COMPARED = "rule"
"""The section that compares with ``beside``."""


@dataclass(frozen=True)
class Interpreted:
    """The results of an interpretation.

    Attributes:
        subject: what was interpreted.
        sections: results by the name of their section.
        left_out: why sections that were not asked for by name do not apply, by their name.
    """

    subject: Subject
    sections: Mapping[str, Results]
    left_out: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        """Give the numbers of every section, by its name."""
        return {
            "seed": self.subject.seed,
            "sections": {name: results.numbers for name, results in self.sections.items()},
            "left_out": dict(self.left_out),
        }


def interpret(
    subject: Subject, only: Sequence[str] = (), note: Note = lambda line: None
) -> Interpreted:
    """Run the sections that apply to a subject.

    Args:
        subject: what is interpreted.
        only: names of sections; all that apply if empty.
        note: takes lines on the progress.

    Raises:
        ConfigError: a section that was asked for does not exist or does not apply, or none applies,
            or an option does not fit.
        Unavailable: a package is not installed.
    """
    reasons = {name: SECTIONS[name].why_not(subject) for name in chosen(only)}
    left_out = {name: reason for name, reason in reasons.items() if reason is not None}
    if only and left_out:
        name, reason = next(iter(left_out.items()))
        raise ConfigError(f"{subject.learned.source}: section {name} does not apply: {reason}")
    if len(left_out) == len(reasons):
        shown = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
        raise ConfigError(f"{subject.learned.source}: no section applies ({shown})")
    if subject.beside is not None and reasons.get(COMPARED, "not asked for") is not None:
        raise ConfigError(f"--beside is for the section {COMPARED}, which is not among those run")
    results = {}
    for name in (name for name in reasons if name not in left_out):
        section = SECTIONS[name]
        note(f"{name}: {section.description}")
        results[name] = section.interpret(subject, note)
    return Interpreted(subject, results, left_out)


def chosen(only: Sequence[str]) -> list[str]:
    """Give the names of the sections that were asked for, in the order of the table.

    Raises:
        ConfigError: there is none of that name.
    """
    for name in only:
        if name not in SECTIONS:
            hint = nearest(name, SECTIONS) or f"; there are {', '.join(SECTIONS)}"
            raise ConfigError(f"there is no section {shown(name)}{hint}")
    return [name for name in SECTIONS if not only or name in only]
