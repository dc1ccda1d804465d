"""A user's own model: neurons, synapses and learning rule as Brian2 equations."""
