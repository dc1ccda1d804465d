"""Several strategies at equal budget: each tuned by Optuna, then all on the same fresh seeds."""
