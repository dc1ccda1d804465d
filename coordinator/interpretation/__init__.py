"""What a learned network does in new tasks: tables and figures, one file for each kind of task."""
