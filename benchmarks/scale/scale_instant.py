"""A cluster without processes, to measure the coordinator's own code with any number of workers."""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scale_search import HERE

from spikeloop.cluster.dispatch.actors import Node
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.actor import EpisodeWorker, Payload
from spikeloop.workers.job import JobResult, Tile


class InstantActors:
    """A cluster in this process that has every result at once, and hands out ``batch`` at a time.

    Attributes:
        rows: of each generation: how many turns, workers and calls (both summed over the turns),
            messages, units and episodes there were, and the processor time that they took; what
            this class takes itself is left out.
        serial_s: before each generation but the first: processor time without anything under way.
        commit_s: in each generation but the first: seconds for committing the one before.
    """

    def __init__(self, n_workers: int, cores: int, batch: int) -> None:
        self.rows: list[FloatArray] = []
        self.serial_s: list[float] = []
        self.commit_s: list[float] = []
        self._node = Node("node", n_workers * cores)
        self._n_workers = n_workers
        self._batch = batch
        self._worker = EpisodeWorker(str(HERE))
        self._known: dict[tuple[int, int], JobResult] = {}
        self._calls: dict[int, tuple[str, Any]] = {}
        self._waiting: deque[int] = deque()
        self._n_calls = 0
        self._grid = -1
        self._own_s = 0.0
        self._count = np.zeros(6)
        self._began = self._ended = np.zeros(7)
        self._last = (0.0, 0.0)  # wall and processor time after the last call or result
        self._committed = True

    def now(self) -> float:
        """Time stands still, or calls that wait their turn here would be taken for stragglers."""
        return 0.0

    def nodes(self) -> Sequence[Node]:
        return [self._node]

    def start(self, node: Node, cores: int) -> Any:
        del node, cores
        return object()

    def placed(self, actor: Any) -> bool:
        del actor
        return True

    def holders(self) -> Mapping[str, int]:
        return {}

    def call(self, actor: Any, method: str, *arguments: Any, name: str = "") -> Any:
        """Keeps the call until it is waited for."""
        del actor, name
        if method == "evaluate" and (grid := arguments[0].tiles[0][0]) != self._grid:
            self._begin(grid)
        started = time.thread_time()
        self._n_calls += 1
        self._calls[self._n_calls] = (method, arguments[0] if arguments else None)
        self._waiting.append(self._n_calls)
        self._own_s += time.thread_time() - started
        self._last = (time.perf_counter(), time.thread_time())
        return self._n_calls

    def wait(self, calls: Sequence[Any], timeout_s: float) -> list[Any]:
        del timeout_s
        self._count[:3] += (1, self._n_workers, len(calls))
        return [self._waiting.popleft() for _ in range(min(self._batch, len(self._waiting)))]

    def result(self, call: Any) -> Any:
        started = time.thread_time()
        method, argument = self._calls.pop(call)
        value: Any = None
        if method == "hello":
            value = self._worker.hello()
        elif method == "evaluate":
            value = [self._result(argument, tile) for _, tile in argument.tiles]
            self._count[3:] += (1, len(value), sum(one.tile.n_episodes for one in value))
        self._own_s += time.thread_time() - started
        self._ended = self._reading()
        self._last = (time.perf_counter(), time.thread_time())
        return value

    def kill(self, actor: Any) -> None:
        """There is nothing to end."""

    def share(self, value: Any) -> Any:
        return value

    def episodes_done(self, n_episodes: int) -> None:
        """The reporter is told so right after the last generation was committed, and later."""
        del n_episodes
        if not self._committed:
            self._committed = True
            self._own_s += time.thread_time() - self._last[1]
            self.commit_s.append(time.perf_counter() - self._last[0])

    def _result(self, payload: Payload, tile: Tile) -> JobResult:
        if tile.shape not in self._known:
            self._known[tile.shape] = self._worker.evaluate(payload)[0]
        return replace(self._known[tile.shape], tile=tile)

    def _begin(self, grid: int) -> None:
        if self._grid >= 0:
            self.rows.append(self._ended - self._began)
            self.serial_s.append(time.thread_time() - self._last[1])
            self._committed = False
        self._grid, self._began = grid, self._reading()

    def _reading(self) -> FloatArray:
        return np.array([*self._count, time.thread_time() - self._own_s])
