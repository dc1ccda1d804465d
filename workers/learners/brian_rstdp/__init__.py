"""Reward-modulated STDP on a Brian2 network of states and actions."""
