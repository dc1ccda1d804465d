"""Run the command line in this process."""

import pytest

from spikeloop.coordinator.cli.main import main


def cli(*arguments: object) -> int:
    """Run a command and return its exit code."""
    with pytest.raises(SystemExit) as exit_:
        main([str(argument) for argument in arguments])
    code = exit_.value.code or 0
    assert isinstance(code, int)
    return code


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    """Return the standard error, which must be a single line."""
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1, errors
    return errors
