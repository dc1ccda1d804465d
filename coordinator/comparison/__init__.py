"""Compares strategies at equal budget: each tuned by Optuna, then all on the same fresh seeds."""

FINAL = "final"
"""Folder of the rows of the final phase, <variant>/<seed>.json, and of their held-out episodes."""
FINDINGS = "findings.json"
"""File of the statistics and sentences, written last."""
SCHEMA_VERSION = 3
"""Version of the files of a comparison; grows with every change that older readers cannot read."""
