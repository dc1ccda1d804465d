"""The emulated HICANN-DLS prototype: neurons, synapses, router and plasticity processor.

All times are chip time, in which everything runs 1000 times faster than in biology. Modules with
kernels import numba; ``limits``, ``analog``, ``mismatch``, ``network`` and ``environment`` do not,
so that settings can be read without it.
"""
