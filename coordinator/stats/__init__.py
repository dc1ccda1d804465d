"""Scores and their intervals, tests, and curves over the budget."""
