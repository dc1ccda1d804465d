"""What a learned network does in new tasks: tables and pictures, one file for each kind of task."""
