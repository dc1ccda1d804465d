"""The learning rule of the chip without the chip: the tabular reference."""
