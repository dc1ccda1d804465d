"""One emulated chip for interactive use: spikes in, spikes and membranes out."""
