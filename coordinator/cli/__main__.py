"""Runs the command line: ``python -m spikeloop.coordinator.cli``."""

from spikeloop.coordinator.cli.main import main

if __name__ == "__main__":
    main()
