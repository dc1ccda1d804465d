"""What is interpreted: a learned point, and how many new tasks of which seed it meets."""

from dataclasses import dataclass
from pathlib import Path

from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.export.weights import Learned


@dataclass(frozen=True)
class Subject:
    """A learned network, rule or agent, and the new tasks that it is to meet.

    Attributes:
        learned: the learned point with the configuration of its run.
        seed: of the held-out tasks.
        n_episodes: episodes that were asked for; None where each section takes its own default.
        maze_steps: steps of each episode in a maze that were asked for; None for the default.
        beside: a learned point of another rule, to compare with; None without one.
    """

    learned: Learned
    seed: int
    n_episodes: int | None = None
    maze_steps: int | None = None
    beside: Learned | None = None

    def episodes(self, default: int, least: int = 2) -> int:
        """Give the number of episodes that were asked for, or a section's default.

        Raises:
            ConfigError: fewer than ``least``, too few to resample.
        """
        n_episodes = self.n_episodes or default
        if n_episodes < least:
            raise ConfigError(
                f"--episodes must be at least {least}, over which to resample, got {n_episodes}"
            )
        return n_episodes

    @property
    def run_folder(self) -> Path | None:
        """The run folder, or None for a weights file."""
        return self.learned.source if self.learned.source.is_dir() else None
