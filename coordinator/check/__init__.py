"""Check that families, learners and strategies keep the promises that a run relies on.

The contract tests of the built-in classes and ``spikeloop check`` for a user's own share these
functions.
"""
