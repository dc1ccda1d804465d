"""The outer loop of one run, from the first generation to the transfer to new tasks."""
