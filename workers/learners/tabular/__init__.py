"""The learning rule of the chip without the chip: a tabular reference."""
