"""Helpers of the tests, one idea a file. Classes as users write them are in tests/own_classes."""
