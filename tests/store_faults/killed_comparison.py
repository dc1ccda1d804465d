"""Commands of comparisons that kill their own process at the n-th thing that they make durable."""

import functools
import os
import signal
from collections.abc import Callable, Sequence
from typing import Any

from store_faults.warm import Child, Ended


def killed(deadline: int, arguments: Sequence[str]) -> Ended:
    """How a command ended that dies at a moment; what it gives back is how many there were.

    Args:
        deadline: the moment, 0 for never. At even ones it dies after the thing is durable, at odd
            ones before.
        arguments: of the command line.
    """
    return Child(functools.partial(_command, deadline, arguments)).ended()


def _command(deadline: int, arguments: Sequence[str]) -> int:
    from optuna.storages import RDBStorage

    from spikeloop.coordinator.cli.main import main
    from spikeloop.coordinator.store import atomic_files

    count, after = 0, deadline % 2 == 0

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **keywords: Any) -> Any:
            nonlocal count
            count += 1
            if count == deadline and not after:
                os.kill(os.getpid(), signal.SIGKILL)
            result = function(*arguments, **keywords)
            if count == deadline and after:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return call

    atomic_files.write_bytes = counted(atomic_files.write_bytes)
    for name in dir(RDBStorage):
        if name.startswith(("set_", "create_")):
            setattr(RDBStorage, name, counted(getattr(RDBStorage, name)))
    try:
        main(list(arguments))
    except SystemExit as exit_:
        if exit_.code:
            raise
    return count
