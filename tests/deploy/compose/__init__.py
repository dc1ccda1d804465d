"""The compose cluster, started for real on an engine of its own: ``make compose-test``."""
