"""The section ``policy``: which policy choices in two-armed bandits are consistent with."""

from spikeloop.coordinator.interpretation.held_out_choices import why_no_choices
from spikeloop.coordinator.interpretation.policy.study import study
from spikeloop.coordinator.interpretation.policy.tables import shown
from spikeloop.coordinator.interpretation.results import Results
from spikeloop.coordinator.interpretation.section import Note, Section
from spikeloop.coordinator.interpretation.subject import Subject
from spikeloop.tasks.bandit import Bandit
from spikeloop.tasks.restless_bandit import RestlessBandit
from spikeloop.tasks.reversal_bandit import ReversalBandit

MAX_STEPS = 500
"""Pulls of an episode: models are run pull by pull, some hundred thousand times."""


def why_not(subject: Subject) -> str | None:
    """Apply to learners whose choices can be recorded, in bandits of two arms that pay 0 or 1."""
    family: object = subject.learned.config.held_out_family
    if isinstance(family, Bandit | RestlessBandit):
        if family.n_arms != 2 or getattr(family, "rewards", "bernoulli") != "bernoulli":
            return "the models are of two arms with rewards 0 and 1"
    elif not isinstance(family, ReversalBandit):
        return "[family] kind must be bandit, restless_bandit or reversal_bandit"
    if not 2 <= family.n_steps <= MAX_STEPS:
        return f"family.n_steps must be from 2 to {MAX_STEPS}, got {family.n_steps}"
    return why_no_choices(subject.learned)


def interpret(subject: Subject, note: Note) -> Results:
    """Fit models to the choices of held-out episodes, by default 1000, and check the claim.

    Raises:
        ConfigError: fewer than two episodes.
        Unavailable: JAX is not installed, which fits the ceiling.
    """
    return shown(study(subject.learned, subject.episodes(1000), subject.seed, note))


POLICY = Section("which policy the choices in bandits are consistent with", why_not, interpret)
