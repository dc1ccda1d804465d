"""Folders that tests read."""

from pathlib import Path

TESTS = Path(__file__).parents[1]
OWN_CLASSES = TESTS / "own_classes"
"""Learners, families and strategies as users write them: in modules of their own."""
ROOT = TESTS.parent
EXAMPLES = ROOT / "examples"
