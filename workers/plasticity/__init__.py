"""Plasticity rules: one file per rule, in the chip's integer arithmetic and in floating point."""
