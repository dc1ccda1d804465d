"""Keys of a configuration that had other names before.

A file with an old key is refused in one line that names the new one.
"""

from collections.abc import Mapping

RENAMED_KEYS: Mapping[str, str] = {
    "run.copy_to": "upload_to",
    "stop.lives": "episodes",
    "tuning.lives": "episodes",
    "learner.usual_rate_hz": "centering_rate_hz",
    "learner.told_channels": "feedback_channels",
    "learner.told_share": "feedback_share",
    "learner.shows_told": "shows_feedback",
    "learner.neurons.*.on_told": "on_feedback",
    "learner.synapses.*.on_told": "on_feedback",
}
"""The old key with its table, "*" for a name of the user's, and the name that it has now."""


def new_name(table: str, keys: list[str]) -> str:
    """The name that an unknown key has now; "" if it never was one.

    Args:
        table: of the configuration; one strategy of a comparison is a table of its own.
        keys: from the table down to the key.
    """
    kind = "strategy" if table.startswith("strategies.") else table
    for old, new in RENAMED_KEYS.items():
        parts = old.split(".")
        found = [kind, *keys]
        if len(parts) == len(found) and all(
            part in ("*", key) for part, key in zip(parts, found, strict=True)
        ):
            return new
    return ""
