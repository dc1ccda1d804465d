"""Checks of finished folders: every file is whole, and every number follows from its episodes."""
