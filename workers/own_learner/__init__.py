"""Learners that are written for one episode: a function, or methods begin, act and observe."""
