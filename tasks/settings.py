"""The base class of all settings."""

from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

MAX_INTEGER = 2**63 - 1
"""The largest integer that arrays, seeds of generators and columns of tables can hold."""
LEAST, LARGEST = 1e-30, 1e30
"""Magnitudes closer to the limits of double precision overflow when squared or divided by."""


class Settings(BaseModel):
    """Empty base of all settings: frozen and strict, without unknown keys or extreme numbers.

    A settings object *is* the family, learner, strategy or target it describes; there is no second
    configuration class. Use ``Field`` for ranges, and ``type(self).model_validate`` rather than
    ``model_copy`` for changes, because ``model_copy`` skips validation.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    @model_validator(mode="after")
    def _plain_numbers(self) -> Self:
        for key, value in self:
            if isinstance(value, int) and abs(value) > MAX_INTEGER:
                raise ValueError(f"{key} must have at most 64 bits, got {_shortened(value)}")
            if isinstance(value, float) and value and not LEAST <= abs(value) <= LARGEST:
                raise ValueError(
                    f"{key} must be 0 or between {LEAST} and {LARGEST} in magnitude, got {value}"
                )
        return self


def _shortened(value: int) -> str:
    """Describe an integer of any length in a few characters."""
    return f"{'-' if value < 0 else ''}2**{abs(value).bit_length() - 1} or more"
