"""Brian2 networks as learners: many lives side by side in one network, each with its own noise."""
