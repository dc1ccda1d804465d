"""What a learned network or agent does in new tasks: pulls, functions, mazes, one episode."""
