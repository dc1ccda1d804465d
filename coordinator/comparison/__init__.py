"""Compares strategies at equal budget: each tuned by Optuna, then all on the same fresh seeds."""

SCHEMA_VERSION = 3
"""Version of the files of a comparison; grows with every change that older readers cannot read."""
