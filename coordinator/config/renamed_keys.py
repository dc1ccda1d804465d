"""Keys of a configuration that had other names before.

A configuration with an old key is refused in one line that names the new one.
"""

from collections.abc import Mapping, Sequence

RENAMED_KEYS: Mapping[str, str] = {
    "run.copy_to": "upload_to",
    "stop.lives": "episodes",
    "tuning.lives": "episodes",
    "learner.usual_rate_hz": "centering_rate_hz",
    "learner.told_channels": "feedback_channels",
    "learner.told_share": "feedback_share",
    "learner.told_scale": "feedback_scale",
    "learner.shows_told": "shows_feedback",
    "learner.stretch": "truncation",
    "learner.neurons.*.on_told": "on_feedback",
    "learner.synapses.*.on_told": "on_feedback",
}
"""The old key behind its table, "*" for a name of the user's, and the name that it has now."""

SAME_KEYS: Mapping[str, str] = {"strategies": "strategy", "run.curriculum, stage": "family"}
"""Tables with the keys of another one, by how their names begin."""


def new_name(table: str, keys: Sequence[str]) -> str:
    """The name that an unknown key has now, by the keys down to it; "" if it never was a key."""
    for begin, same in SAME_KEYS.items():
        table = same if table.startswith(begin) else table
    found = [table, *keys]
    for old, new in RENAMED_KEYS.items():
        parts = old.split(".")
        if len(parts) == len(found) and all(map(_matches, parts, found)):
            return new
    return ""


def _matches(part: str, key: str) -> bool:
    return part in ("*", key)
