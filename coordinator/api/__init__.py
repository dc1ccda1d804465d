"""The Python interface: what ``import spikeloop`` offers to notebooks and scripts."""
