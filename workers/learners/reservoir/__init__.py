"""Recurrent networks without plasticity, of which the reservoir itself or a readout learns."""
