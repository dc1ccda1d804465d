"""Spiking networks and neuromorphic chips that learn to learn.

The code is in four folders, one question each: ``tasks`` (what is to be learned), ``workers``
(who learns it), ``cluster`` (where it runs), ``coordinator`` (what to try next).
"""

__version__ = "0.2.0"
