"""Several strategies at equal budget: each tuned by Optuna, then all on the same fresh seeds."""

MANIFEST = "comparison.json"
SCHEMA_VERSION = 3
"""Of the files of a comparison; grows with every change that an old reader would trip over."""
