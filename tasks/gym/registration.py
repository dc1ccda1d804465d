"""Register every family of tasks with Gymnasium, as ``spikeloop/bandit`` and so on."""

from typing import Any

from gymnasium.envs.registration import register, registry
from pydantic import ValidationError

from spikeloop.tasks import FAMILIES
from spikeloop.tasks.base import TaskFamily
from spikeloop.tasks.gym.family_env import FamilyEnv, id_of

ENTRY_POINT = "spikeloop.tasks.gym:make"
"""A name and not the function, so that specifications can be sent to other processes."""


def register_families() -> None:
    """Register an id for every family of the package, unless that was done before."""
    for kind in FAMILIES:
        if id_of(kind) not in registry:
            register(id_of(kind), ENTRY_POINT, kwargs={"family": kind})


def make(
    family: TaskFamily | str, seed: int | None = None, baselines: bool = False, **settings: Any
) -> FamilyEnv:
    """Return the environment of a family, given by its settings, or by its kind and settings.

    Args:
        family: settings of a family, or a kind such as "bandit".
        seed: as ``FamilyEnv`` takes it.
        baselines: as ``FamilyEnv`` takes it.
        settings: of the family, where it is given by its kind; those left out have their defaults.

    Raises:
        ValueError: there is no such kind, or a setting is unknown or out of its range.
        TypeError: settings are given twice.
    """
    if not isinstance(family, str):
        if settings:
            raise TypeError(f"settings are in family already, got {', '.join(settings)} as well")
        return FamilyEnv(family, seed, baselines)
    if family not in FAMILIES:
        raise ValueError(f"family must be one of {', '.join(FAMILIES)}, got {family}")
    try:
        return FamilyEnv(FAMILIES[family](**settings), seed, baselines)
    except ValidationError as error:
        raise ValueError(f"{id_of(family)}: {_in_one_line(error)}") from error


def _in_one_line(error: ValidationError) -> str:
    """For example "n_arms: Input should be greater than or equal to 2, got 1"."""
    found = [
        f"{'.'.join(map(str, one['loc'])) or 'settings'}: {one['msg']}, got {one['input']!r}"
        for one in error.errors()
    ]
    return "; ".join(found)
