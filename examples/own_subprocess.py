"""A program of your own as a learner: a process that speaks JSON lines, own_program.py here.

Starting a simulator takes long, so each thread of a worker keeps its process from episode to
episode. A process that fails, or takes too long, is killed: its episode has failed, with the
reason, and the next one starts another process. A worker that dies closes the pipe, by which the
process ends.
"""

import atexit
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

import spikeloop as sl

running = threading.local()
"""``processes``, of this thread, by program."""


def process_of(program: Path) -> subprocess.Popen[str]:
    """Return this thread's process of a program, started if none is running."""
    processes = vars(running).setdefault("processes", {})
    if program in processes and processes[program].poll() is not None:
        end(processes.pop(program))
    if program not in processes:
        pipe, command = subprocess.PIPE, [sys.executable, str(program)]
        processes[program] = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        atexit.register(end, processes[program])
    return processes[program]


def end(process: subprocess.Popen[str]) -> None:
    """Kill a process, and close its pipes."""
    process.kill()
    with suppress(BrokenPipeError), process:
        pass


@contextmanager
def conversation(program: Path, limit_s: float) -> Iterator[Callable[..., dict[str, Any]]]:
    """Give a function that sends a message and returns the answer, for one episode."""
    process = process_of(program)
    late = threading.Timer(limit_s, process.kill)

    def ask(**message: Any) -> dict[str, Any]:
        with suppress(BrokenPipeError):  # it has ended, as the answer says
            process.stdin.write(json.dumps(message) + "\n")
            process.stdin.flush()
        line = process.stdout.readline()
        if not line.endswith("\n"):
            if late.finished.is_set():
                raise TimeoutError(f"{program.name} took longer than {limit_s:g} s")
            raise RuntimeError(f"{program.name} ended with status {process.wait()}")
        return json.loads(line)

    late.start()
    try:
        yield ask
    except BaseException:  # it is in the middle of an episode, and no other may inherit that
        end(process)
        raise
    finally:
        late.cancel()


@sl.learner(
    space={
        "rate": sl.Real(0.01, 1, scale="log", description="learning rate"),
        "epsilon": sl.Real(0, 0.5, 0.1, description="share of random actions"),
    }
)
def simulator(
    theta: sl.Theta,
    task: sl.Task,
    rng: np.random.Generator,
    *,
    program: str = "own_program.py",
    limit_s: float = 30.0,
) -> None:
    """Let the program act; its random numbers come from a seed that it is sent."""
    with conversation(Path(__file__).parent / program, limit_s) as ask:
        seed, n_actions = int(rng.integers(2**63)), task.interface.n_actions
        ask(theta=dict(theta), seed=seed, n_actions=n_actions)
        feedback = None
        for observation in task:
            feedback = task.step(ask(observation=observation, feedback=feedback)["action"])
