"""``spikeloop chip evolve``: a whole search by one emulated chip, written as an ordinary run."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from spikeloop.coordinator.cli.options import Address, Again, ConfigPath, Inline, Out, Sets, Workers
from spikeloop.coordinator.cli.run import run
from spikeloop.coordinator.errors import ConfigError

if TYPE_CHECKING:
    from spikeloop.coordinator.config.run_config import RunConfig


def evolve(
    config: ConfigPath,
    sets: Sets = None,
    out: Out = Path("runs"),
    again: Again = False,
    workers: Workers = None,
    inline: Inline = False,
    address: Address = None,
) -> None:
    """Let one chip search by itself, and write it as a run.

    The configuration has strategy.kind = "on_chip". Workers share the emulation of episodes, which
    follow each other on the chip.
    """
    from spikeloop.coordinator.api.configure import configure
    from spikeloop.coordinator.strategies.on_chip import OnChip

    settings = configure(config, sets=sets)
    if not isinstance(settings.strategy, OnChip):
        raise ConfigError(
            f'{config}: [strategy] kind must be "on_chip", which searches on the chip, got '
            f"{settings.strategy.kind!r}"
        )
    typer.echo(_account(settings), err=True)
    run(config, sets, out, again, workers, inline, address)


def _account(config: "RunConfig") -> str:
    """Say what the host writes before the search, and how long the chip takes."""
    from spikeloop.coordinator.formatting import duration
    from spikeloop.coordinator.search.search_size import generation_episodes, initial_state
    from spikeloop.workers.learners.chip.agent import ChipAgent

    assert isinstance(config.learner, ChipAgent)
    state = initial_state(config)
    n_episodes = generation_episodes(config, state) * config.run.generations
    chip_s = n_episodes * config.family.interface.n_steps * config.learner.interaction_s
    return (
        f"written before the search: {config.space.n_dim} coordinates, seed 0x{state.run:08x}; "
        f"then {n_episodes} episodes, {duration(chip_s)} of chip time"
    )
