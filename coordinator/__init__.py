"""What to try next: strategies, outer loop, run store, command line and analysis."""
