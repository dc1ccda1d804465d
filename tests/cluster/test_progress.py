"""Lines about a pool that opens: the right words, and few of them."""

import pytest

from spikeloop.cluster.progress import CoreShortage, ProgressLines, StartCounts


class Printed:
    """Progress lines on a clock that a test moves, with the times of the lines."""

    def __init__(self) -> None:
        self.now = 0.0
        self.lines: list[tuple[float, str]] = []
        self.progress = ProgressLines(
            lambda line: self.lines.append((self.now, line)), lambda: self.now
        )

    def opening(self, start_counts: StartCounts) -> None:
        """A turn of the loop before the first worker is ready."""
        self.progress.report_workers(lambda: start_counts, opening=True)


@pytest.mark.parametrize(
    ("start_counts", "line"),
    [
        (StartCounts(0, 0, 1), "starting 1 worker: 1 loading"),
        (StartCounts(1, 3, 0), "starting 4 workers: 1 ready, 3 compiling"),
        (StartCounts(1, 2, 3), "starting 6 workers: 1 ready, 2 compiling, 3 loading"),
    ],
)
def test_start_counts_are_written_by_step(start_counts: StartCounts, line: str) -> None:
    assert str(start_counts) == line


@pytest.mark.parametrize(
    ("shortage", "line"),
    [
        (CoreShortage(4, 4, 1, {"hog": 4}), "4 of 4 are used by run 'hog'"),
        (CoreShortage(4, 4, 1, {"b": 2, "a": 2}), "4 of 4 are used by runs 'a', 'b'"),
        (CoreShortage(4, 4, 1, {"hog": 3}), "4 of 4 are used by run 'hog' and others"),
        (CoreShortage(4, 4, 1, {}), "4 of 4 are used by others"),
        (
            CoreShortage(3, 4, 2, {"hog": 3}),
            "3 of 4 are used by run 'hog'; a worker needs 2 on one node",
        ),
    ],
)
def test_a_shortage_names_the_runs_that_hold_cores(shortage: CoreShortage, line: str) -> None:
    assert str(shortage) == f"waiting for cores: {line}"


def test_a_quick_start_prints_nothing() -> None:
    printed = Printed()
    for printed.now in (0.0, 2.0, 4.9):
        printed.opening(StartCounts(0, 2, 0))
    assert printed.lines == []


def test_a_slow_start_prints_rarer_and_rarer_lines() -> None:
    """A thousand workers that get ready one after the other in as many seconds: few lines."""
    printed = Printed()
    for second in range(1000):
        printed.now = float(second)
        printed.opening(StartCounts(second, 1000 - second, 0))
    assert [time for time, _ in printed.lines] == [5, 15, 35, 75, 155, 315, 635]
    assert printed.lines[0][1] == "starting 1000 workers: 5 ready, 995 compiling"


def test_an_unchanged_line_is_not_repeated() -> None:
    printed = Printed()
    for printed.now in range(100):
        printed.opening(StartCounts(0, 4, 0))
    assert len(printed.lines) == 1


def test_waiting_and_its_end_are_printed_soon() -> None:
    printed = Printed()
    for printed.now in (0.0, 1.9, 2.0, 50.0):
        printed.progress.report_waiting(lambda: CoreShortage(2, 2, 1, {"hog": 2}))
    printed.progress.report_workers(lambda: StartCounts(0, 0, 2))
    printed.progress.report_workers(lambda: StartCounts(2, 0, 0))
    assert printed.lines == [
        (2.0, "waiting for cores: 2 of 2 are used by run 'hog'"),
        (50.0, "starting 2 workers: 2 loading"),
    ]


def test_a_moment_without_cores_prints_nothing() -> None:
    printed = Printed()
    for printed.now in (0.0, 1.0, 3.0, 4.0):
        printed.progress.report_waiting(lambda: CoreShortage(2, 2, 1, {}))
        printed.progress.report_workers(lambda: StartCounts(2, 0, 0))
    assert printed.lines == []
