"""Learned spiking networks for programs that know nothing of Spikeloop, one file for each form."""
