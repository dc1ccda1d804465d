"""The plasticity processor: its scalar and its vector unit, as far as the programs need them."""
