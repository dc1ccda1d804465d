"""A run, a comparison or a sweep as a job of a Ray cluster."""
