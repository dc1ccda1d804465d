"""Write generations to the run folder, ``run.commit_every`` of them together.

A commit takes some ten milliseconds however small it is, because it waits for the disk, so short
generations are better written together. The rows are the same, and so is the state after the last
of them, from which the search continues to the same bits.
"""

import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from spikeloop.cluster.pool import WorkerPool
from spikeloop.coordinator.config.stopping import Row, Rule, describe_stop
from spikeloop.coordinator.search import live_metrics, tables
from spikeloop.coordinator.search.generation import Generation, HeldOut, count_failures
from spikeloop.coordinator.search.reporter import GenerationReport, Reporter
from spikeloop.coordinator.store.run_folder import Run
from spikeloop.coordinator.strategies.base import to_arrays


@dataclass(frozen=True)
class _Complete:
    """A generation with all that is written and reported of it.

    Attributes:
        generation: as evaluated.
        held_out: where it was measured.
        table: its row of the table of generations.
        row: the same as plain values.
        rule: the stop rule that fired after it, if any.
    """

    generation: Generation
    held_out: HeldOut | None
    table: pa.Table
    row: Row
    rule: Rule | None


class Commits:
    """Collect complete generations, write them and report the last of those written together.

    The given failures, counted by reason, are reported with the first commit.
    """

    def __init__(
        self, run: Run, pool: WorkerPool, reporter: Reporter, failures: Counter[str]
    ) -> None:
        self._run, self._pool, self._reporter = run, pool, reporter
        self._newest: _Complete | None = None
        self._last: _Complete | None = None
        self._parts: dict[str, list[pa.Table]] = {}
        self._failures = failures.copy()

    def add(self, generation: Generation, held_out: HeldOut | None, rule: Rule | None) -> Row:
        """Take the generation after the last and give its row; nothing is written yet."""
        episodes = generation.episodes
        columns = {
            "generation": generation.number,
            "total_episodes": generation.total_episodes,
            "epoch": generation.epoch,
            "spread": generation.spread,
            **tables.held_out_columns(held_out),
            "stopped": rule,
            "wall_s": generation.wall_s,
            "work_s": episodes.work_s,
            "overhead_s": generation.wall_s - episodes.work_s / self._pool.n_workers,
            "finished": datetime.now(UTC),
        }
        summary = self._run.config.strategy.summary(generation.state)
        table = tables.generation_table(episodes, generation.fitness, summary, columns)
        row: Row = table.to_pylist()[0]
        self._newest = _Complete(generation, held_out, table, row, rule)
        return row

    def catch_up(self) -> None:
        """Make the tables of the newest generation, and write if that is due.

        Called while workers are busy, because large generations take long. A commit is due after
        every ``run.commit_every`` generations, and after each with a held-out score.
        """
        newest, self._newest = self._newest, None
        if newest is None:
            return
        generation, number = newest.generation, newest.generation.number
        config, episodes, fitness = self._run.config, generation.episodes, generation.fitness
        parts = {
            "episodes": tables.episodes_table(episodes, number),
            "candidates": tables.candidates_table(episodes, fitness, config.space, number),
            "generations": newest.table,
        }
        self._failures += count_failures(episodes)
        if newest.held_out is not None:
            parts["curves"] = tables.curves_table(newest.held_out.episodes, number)
            self._failures += count_failures(newest.held_out.episodes)
        for name, table in parts.items():
            self._parts.setdefault(name, []).append(table)
        self._last = newest
        if number % config.run.commit_every == 0 or newest.held_out is not None:
            self.write()

    def write(self) -> None:
        """Write what was collected, if anything; a write that fails is not tried again."""
        last, parts, failures = self._last, self._parts, self._failures
        if last is None:
            return
        self._last, self._parts, self._failures = None, {}, Counter()
        started = time.perf_counter()
        whole = {name: pa.concat_tables(some) for name, some in parts.items()}
        self._run.store.commit(last.generation.number, whole, to_arrays(last.generation.state))
        self._pool.publish(live_metrics.after_commit(last.row, time.perf_counter() - started))
        self._reporter.generation(self._report(last, failures))

    def finish(self) -> None:
        """Write everything."""
        self.catch_up()
        self.write()

    def _report(self, last: _Complete, failures: Counter[str]) -> GenerationReport:
        config, generation = self._run.config, last.generation
        return GenerationReport(
            generation.number,
            float(np.nanmax(generation.fitness)),
            float(np.nanmean(generation.fitness)),
            None if last.held_out is None else last.held_out.score,
            failures,
            config.strategy.summary(generation.state),
            generation.wall_s,
            describe_stop(last.rule, config.stop, last.row) if last.rule else "",
        )
