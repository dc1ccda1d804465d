"""Chaos: real runs on real Ray, disturbed at seeded moments, that must end as undisturbed ones.

``make chaos`` runs it; ``python -m chaos --help`` tells the options.
"""
