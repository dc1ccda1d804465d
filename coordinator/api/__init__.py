"""What ``import spikeloop`` offers to notebooks and scripts, and the command line's own engine."""
