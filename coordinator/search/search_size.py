"""Count what a search will cost: candidates, episodes of a generation, generations at most."""

from typing import Any

from spikeloop.coordinator.config import racing_schedule
from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.strategies.base import n_candidates as n_candidates_of
from spikeloop.workers.seeding import Purpose, stream


def initial_state(config: RunConfig, generation: int | None = None) -> Any:
    """Give the strategy's state before the search, or before a generation that restarts it.

    A search starts at the default or a random point, as ``run.start`` says; a restart, which draws
    from a random stream of its own, always starts at a random point.
    """
    space = config.space
    if generation is None:
        rng = stream(config.run.seed, Purpose.INIT)
        default = config.run.start == "default"
        start = space.default_point() if default else space.sample(1, rng)[0]
    else:
        rng = stream(config.run.seed, Purpose.INIT, generation)
        start = space.sample(1, rng)[0]
    return config.strategy.init(space, rng=rng, start=start)


def n_candidates(config: RunConfig, state: Any = None) -> int:
    """Count the candidates of the generation that follows a state, or of the first one."""
    return n_candidates_of(config.strategy, initial_state(config) if state is None else state)


def generation_episodes(config: RunConfig, state: Any = None) -> int:
    """Count the episodes of the generation that follows a state, or of the first one."""
    return racing_schedule.n_episodes(n_candidates(config, state), config.run.edges)


def generation_jobs(config: RunConfig) -> int:
    """Count the jobs of the first round of a generation, which may all run at the same time."""
    run = config.run
    return -(-n_candidates(config) // run.tile_candidates) * -(-run.edges[0] // run.tile_tasks)


def max_generations(config: RunConfig) -> int:
    """Count the generations at most, each as large as the first.

    Raises:
        ConfigError: the budget does not suffice for one generation.
    """
    if not config.stop.episodes:
        return config.run.generations
    needed = generation_episodes(config)
    if config.stop.exhausted(0, needed):
        raise ConfigError(
            f"[stop] episodes must be at least {needed}, what one generation costs, got "
            f"{config.stop.episodes}"
        )
    return min(config.run.generations, config.stop.episodes // needed)
