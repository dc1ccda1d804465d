"""Episodes of a learned LSNN in NumPy, whose spikes and state can be changed on the way."""
