"""``spikeloop watch``: a run or a comparison on a terminal, from its folder alone.

Nothing here takes a lock, starts Ray, or imports what a folder names: who looks on disturbs nobody,
and folders of other people are safe to look at.
"""
