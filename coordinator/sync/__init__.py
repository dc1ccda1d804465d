"""A run folder and its copy on other storage."""
