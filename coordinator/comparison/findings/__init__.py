"""What a comparison of strategies found: numbers, tests and sentences."""
