"""Write generations to the run folder, ``run.commit_every`` of them together.

A commit takes some ten milliseconds however small it is, because it waits for the disk, so short
generations are better written together. The rows are the same, and so is the state after the last
of them, from which the search continues to the same bits.
"""

import time
from collections import Counter

import pyarrow as pa

from spikeloop.cluster.pool import WorkerPool
from spikeloop.coordinator.config.stopping import Row, describe_stop
from spikeloop.coordinator.search import live_metrics, tables
from spikeloop.coordinator.search.generation import Generation, count_failures
from spikeloop.coordinator.search.reporter import GenerationReport, Reporter
from spikeloop.coordinator.store.run_folder import RunFolder
from spikeloop.coordinator.strategies.base import to_arrays


class Commits:
    """Collect complete generations, write them and report the last of those written together.

    The given failures, counted by reason, are reported with the first commit.
    """

    def __init__(
        self, run: RunFolder, pool: WorkerPool, reporter: Reporter, failures: Counter[str]
    ) -> None:
        self._run, self._pool, self._reporter = run, pool, reporter
        self._newest: tuple[Generation, pa.Table] | None = None
        self._last: tuple[Generation, Row] | None = None
        self._parts: dict[str, list[pa.Table]] = {}
        self._failures = failures.copy()

    def add(self, generation: Generation) -> Row:
        """Take the generation after the last and give its row; nothing is written yet."""
        summary = self._run.config.strategy.summary(generation.state)
        table = tables.generation_table(generation, summary, self._pool.n_workers)
        self._newest = generation, table
        return _row(table)

    def catch_up(self) -> None:
        """Make the tables of the newest generation, and write if that is due.

        Called while workers are busy, because large generations take long. A commit is due after
        every ``run.commit_every`` generations, and after each with a held-out score.
        """
        if self._newest is None:
            return
        (generation, table), self._newest = self._newest, None
        config, number, held_out = self._run.config, generation.number, generation.held_out
        parts = {
            "episodes": tables.episodes_table(generation.episodes, number),
            "candidates": tables.candidates_table(generation, config.space),
            "generations": table,
        }
        self._failures += count_failures(generation.episodes)
        if held_out is not None:
            parts["curves"] = tables.curves_table(held_out.episodes, number)
            self._failures += count_failures(held_out.episodes)
        for name, part in parts.items():
            self._parts.setdefault(name, []).append(part)
        self._last = generation, _row(table)
        if number % config.run.commit_every == 0 or held_out is not None:
            self.write()

    def write(self) -> None:
        """Write what was collected, if anything; a write that fails is not tried again."""
        if self._last is None:
            return
        (last, row), self._last = self._last, None
        parts, self._parts = self._parts, {}
        failures, self._failures = self._failures, Counter()
        started = time.perf_counter()
        whole = {name: pa.concat_tables(some) for name, some in parts.items()}
        self._run.store.commit(last.number, whole, to_arrays(last.state))
        self._pool.publish(live_metrics.after_commit(row, time.perf_counter() - started))
        held_out = None if last.held_out is None else last.held_out.score
        stopped = describe_stop(last.rule, self._run.config.stop, row) if last.rule else ""
        self._reporter.generation(
            GenerationReport(last.number, row["best"], row["mean"], held_out, failures, stopped)
        )

    def finish(self) -> None:
        """Write everything."""
        self.catch_up()
        self.write()


def _row(table: pa.Table) -> Row:
    row: Row = table.to_pylist()[0]
    return row
