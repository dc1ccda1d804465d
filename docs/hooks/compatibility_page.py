"""The page that says which learner runs on which family, from what a run checks first."""

from collections.abc import Callable
from typing import Any

from markdown_table import code, table

from spikeloop.coordinator.api.compatibility_table import SIGNS, rows

HEAD = f"""# Which learner runs on which family

With their default settings; made from the check that `run`, `plan` and `check` make before anything
runs. `spikeloop list compatibility` prints the same.

{SIGNS["runs"]} runs, {SIGNS["refused"]} is refused for the reason below the table,
{SIGNS["depends"]} depends on settings that have no default.
"""


def compatibility_page(warn: Callable[[str], Any]) -> str:
    """Return the page."""
    pairs = {(row["learner"], row["family"]): row for row in rows()}
    learners, families = (list(dict.fromkeys(key)) for key in zip(*pairs, strict=True))
    cells = [
        [code(learner), *(_sign(pairs[learner, family]) for family in families)]
        for learner in learners
    ]
    reasons: dict[tuple[str, str], list[str]] = {}
    for (learner, family), row in pairs.items():
        if row["reason"]:
            reasons.setdefault((learner, row["reason"]), []).append(code(family))
    told = [[code(who), ", ".join(where), why] for (who, why), where in reasons.items()]
    return "\n".join(
        [
            HEAD,
            table(["learner", *(code(family) for family in families)], cells),
            table(["learner", "on", "is refused because"], told),
        ]
    )


def _sign(row: dict[str, Any]) -> str:
    return SIGNS["depends" if row["runs"] is None else "runs" if row["runs"] else "refused"]
