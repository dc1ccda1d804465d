"""Who learns: learners, plasticity rules, the chip emulator, and the pure function ``evaluate``."""
