"""A run folder on other storage: uploaded while the run goes on, downloaded again."""
