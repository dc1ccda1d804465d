"""``spikeloop watch``: a run, a comparison or a sweep on a terminal, from its folder alone.

Nothing here takes a lock, starts Ray or imports a class that a folder names. So watching disturbs
no run, and folders of other people are safe to look at.
"""
