"""Learned weights for other programs, one file for each form."""
