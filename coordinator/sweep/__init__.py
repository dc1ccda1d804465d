"""Many runs in one folder: a grid or a list of settings, each searched with the same seeds."""

SCHEMA_VERSION = 1
"""Version of the files of a sweep; grows with every change that older readers cannot read."""
