"""The published strategies, faults included, to show what the faults cost."""
