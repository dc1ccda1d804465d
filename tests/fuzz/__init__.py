"""Random configurations, command lines and folders: never a traceback, always the right code.

Examples are the same in every session. ``SPIKELOOP_FUZZ=20`` multiplies their number by 20 and
draws them anew each time, for a search of an hour rather than a check of a minute.
"""
