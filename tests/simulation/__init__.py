"""The pool on a simulated cluster: virtual time, every failure, and the same again for a seed."""
