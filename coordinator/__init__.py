"""What to try next: strategies, the outer loop, the run store, the command line and the analysis."""
