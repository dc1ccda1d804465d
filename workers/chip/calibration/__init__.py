"""Codes that make up for the mismatch of a chip, found by measuring it."""
