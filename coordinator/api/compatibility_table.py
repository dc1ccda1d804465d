"""Show which learner runs on which family."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from spikeloop.coordinator.config.compatibility import pairs

if TYPE_CHECKING:
    from rich.console import Console

SIGNS = {"runs": "✓", "refused": "–", "depends": "?"}


def rows() -> list[dict[str, Any]]:
    """Give one row a pair: learner, family, whether it "runs", and why not as "reason".

    "runs" is None where it depends on settings: the learner has no defaults that run anywhere.
    """
    found = list(pairs())
    reasons: dict[str, set[str]] = {}
    for pair in found:
        reasons.setdefault(pair.learner, set()).add(pair.refusal)
    undecided = {learner for learner, why in reasons.items() if len(why) == 1 and "" not in why}
    return [
        {
            "learner": pair.learner,
            "family": pair.family,
            "runs": None if pair.learner in undecided else not pair.refusal,
            "reason": pair.refusal,
        }
        for pair in found
    ]


def print_rows(pairs: Sequence[Mapping[str, Any]], console: "Console") -> None:
    """Print a table of learners by families, and below it the reasons."""
    from rich.table import Table

    families = list(dict.fromkeys(pair["family"] for pair in pairs))
    table = Table(title="Learners by families, with their default settings", title_justify="left")
    table.add_column("learner", no_wrap=True)
    for family in families:
        table.add_column(family, justify="center", overflow="fold")
    reasons: dict[tuple[str, str], list[str]] = {}
    for learner in dict.fromkeys(pair["learner"] for pair in pairs):
        own = [pair for pair in pairs if pair["learner"] == learner]
        table.add_row(learner, *(_sign(pair) for pair in own))
        for pair in own:
            if pair["reason"]:
                reason = pair["reason"].removeprefix(f"{learner} ")
                reasons.setdefault((learner, reason), []).append(pair["family"])
    console.print(table)
    for (learner, reason), refused in reasons.items():
        console.print(f"{learner} on {', '.join(refused)}: {reason}", soft_wrap=True)
    console.print(
        f"{SIGNS['runs']} runs   {SIGNS['refused']} refused before anything runs   "
        f"{SIGNS['depends']} depends on settings, of which there are no defaults"
    )


def _sign(pair: Mapping[str, Any]) -> str:
    state = "depends" if pair["runs"] is None else "runs" if pair["runs"] else "refused"
    return SIGNS[state]
