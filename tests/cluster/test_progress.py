"""Lines about a pool that opens: the right words, and few of them."""

import pytest

from spikeloop.cluster.progress import CoreShortage, ProgressLines, StartCounts


class Told:
    """A progress on a clock that a test moves, and what it has told, with the times."""

    def __init__(self) -> None:
        self.now = 0.0
        self.lines: list[tuple[float, str]] = []
        self.progress = ProgressLines(
            lambda line: self.lines.append((self.now, line)), lambda: self.now
        )


@pytest.mark.parametrize(
    ("start_counts", "line"),
    [
        (StartCounts(0, 0, 1), "starting 1 worker: 1 loading"),
        (StartCounts(1, 3, 0), "starting 4 workers: 1 ready, 3 compiling"),
        (StartCounts(1, 2, 3), "starting 6 workers: 1 ready, 2 compiling, 3 loading"),
    ],
)
def test_a_muster_counts_workers_by_how_far_they_are(start_counts: StartCounts, line: str) -> None:
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
def test_a_shortage_names_who_holds_the_cores(shortage: CoreShortage, line: str) -> None:
    assert str(shortage) == f"waiting for cores: {line}"


def test_workers_that_start_quickly_need_no_words() -> None:
    told = Told()
    for told.now in (0.0, 2.0, 4.9):
        told.progress.report_start(StartCounts(0, 2, 0))
    assert told.lines == []


def test_a_slow_start_is_told_in_ever_rarer_lines() -> None:
    """A thousand workers that get ready one after the other in as many seconds: few lines."""
    told = Told()
    for second in range(1000):
        told.now = float(second)
        told.progress.report_start(StartCounts(second, 1000 - second, 0))
    assert [time for time, _ in told.lines] == [5, 15, 35, 75, 155, 315, 635]
    assert told.lines[0][1] == "starting 1000 workers: 5 ready, 995 compiling"


def test_what_has_not_changed_is_not_told_again() -> None:
    told = Told()
    for told.now in range(100):
        told.progress.report_start(StartCounts(0, 4, 0))
    assert len(told.lines) == 1


def test_waiting_is_told_soon_and_so_is_its_end() -> None:
    told = Told()
    for told.now in (0.0, 1.9, 2.0, 50.0):
        told.progress.report_waiting(lambda: CoreShortage(2, 2, 1, {"hog": 2}))
    told.progress.report_workers(lambda: StartCounts(0, 0, 2))
    told.progress.report_workers(lambda: StartCounts(2, 0, 0))
    assert told.lines == [
        (2.0, "waiting for cores: 2 of 2 are used by run 'hog'"),
        (50.0, "starting 2 workers: 2 loading"),
    ]


def test_cores_that_are_missing_for_a_moment_are_not_told_of() -> None:
    told = Told()
    for told.now in (0.0, 1.0, 3.0, 4.0):
        told.progress.report_waiting(lambda: CoreShortage(2, 2, 1, {}))
        told.progress.report_workers(lambda: StartCounts(2, 0, 0))
    assert told.lines == []
