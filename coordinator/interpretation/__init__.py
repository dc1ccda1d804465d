"""What a learned network or agent does in new tasks: tables and figures by kind of task."""
