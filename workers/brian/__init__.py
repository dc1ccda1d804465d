"""Brian2 networks as learners: many episodes side by side in one network, with own noise."""
