"""Learners of one's own, written for one episode: a Python function, or ``begin``, ``act``, ``observe``."""
