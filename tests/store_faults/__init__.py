"""Faults of machines that a run folder must outlast; a package, so its fixtures are its own."""
