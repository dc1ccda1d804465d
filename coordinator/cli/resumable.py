"""Say how to continue a run or a comparison that was interrupted or failed from outside."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from spikeloop.coordinator.formatting import one_line


@contextmanager
def resumable(
    begun: Callable[[], bool], reached: Callable[[], str], how: Callable[[], str]
) -> Iterator[None]:
    """Add to interruptions, and to failures of disk or cluster, that nothing committed is lost.

    Args:
        begun: whether there is a folder to resume.
        reached: how far it came, such as " after generation 3".
        how: to continue, as a clause.
    """
    from spikeloop.cluster.pool import PoolError
    from spikeloop.cluster.signals import Interrupted

    try:
        yield
    except Interrupted as error:
        raise Interrupted(f"interrupted{reached()}, everything committed; {how()}") from error
    except (OSError, PoolError) as error:
        if not begun():
            raise
        raise PoolError(
            f"{one_line(error)}; what is committed is safe, mend this and {how()}"
        ) from error
