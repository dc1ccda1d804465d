"""The pydantic configuration that every settings model of Spikeloop shares."""

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Empty base of all settings: frozen, strict, no unknown keys, no infinities.

    A settings object *is* the family, learner, strategy or target it describes; there is no second
    configuration class. Use ``Field`` for ranges, and ``type(self).model_validate`` rather than
    ``model_copy`` for changes, because ``model_copy`` skips validation.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
