"""The section ``importance``: which hyperparameters decide how good a random point is."""
