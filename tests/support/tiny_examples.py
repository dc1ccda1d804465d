"""Settings that make a run or a comparison of examples/ a matter of a second."""

from collections.abc import Mapping

TINY = {
    "run.tasks": 2,
    "family.n_steps": 20,
    "transfer.tasks": 4,
    "transfer.monitor_tasks": 2,
}
TINY_RUN = {
    **TINY,
    "run.generations": 1,
    "transfer.random_points": 2,
    "transfer.random_tasks": 4,
    "strategy.population_size": 4,
}
TINY_COMPARISON = {
    **TINY,
    "comparison.budget": 100,
    "comparison.seeds": 1,
    "tuning.episodes": 0,
}


def set_options(settings: Mapping[str, object]) -> list[str]:
    """Return the settings as options of the command line."""
    return [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
