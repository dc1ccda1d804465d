"""Settings that a learner's Θ can contain: one field gives bounds, unit and default of both.

A searched setting's value is the default of the hyperparameter; one that is not searched is kept.
"""

from typing import Any

from pydantic import Field

from spikeloop.tasks.settings import Settings


def searchable(
    kind: str,
    default: float,
    low: float,
    high: float,
    description: str,
    unit: str = "1",
    scale: str = "linear",
) -> Any:
    """Declare a field of a settings class that can be searched between ``low`` and ``high``.

    ``kind`` is its kind in the learner's own words; unit and scale are as in ``space.Real``.
    """
    extra: dict[str, Any] = {"kind": kind, "low": low, "high": high, "unit": unit, "scale": scale}
    return Field(default=default, ge=low, le=high, description=description, json_schema_extra=extra)


def searchables(settings: type[Settings]) -> dict[str, dict[str, Any]]:
    """Return what can be searched, by setting: the arguments of ``searchable``."""
    return {
        name: {**field.json_schema_extra, "description": field.description or ""}
        for name, field in settings.model_fields.items()
        if isinstance(field.json_schema_extra, dict)
    }
