"""``sl.check``: whether one's own classes keep the promises that a run relies on."""

from typing import Any

from spikeloop.coordinator.api.brief_errors import brief_errors
from spikeloop.coordinator.api.configure import configure
from spikeloop.coordinator.api.given import Given, Table
from spikeloop.coordinator.check import check_config
from spikeloop.coordinator.check.check_report import CheckReport
from spikeloop.coordinator.strategies.base import Strategy
from spikeloop.tasks.base import TaskFamily
from spikeloop.workers.base import Learner


@brief_errors
def check(
    config: Given | None = None,
    *,
    family: TaskFamily | Table | None = None,
    learner: Learner | Table | None = None,
    strategy: Strategy[Any] | Table | None = None,
    **settings: Any,
) -> CheckReport:
    """Check that a family, a learner and a strategy keep the promises that a run relies on.

        sl.check(family=MyFamily(), learner=sl.TabularTd())

    Same seeds give the same results, neighbours change none, references agree with simulation, a
    strategy is pure, and more; ``spikeloop check`` does the same. Nothing is written.

    Args:
        config: where to begin, as for ``sl.run``.
        family: the tasks.
        learner: what learns them.
        strategy: what searches.
        settings: further settings, as for ``sl.run``.

    Returns:
        What was found, which shows itself as lines; ``.ok`` if no promise is broken.

    Raises:
        ConfigError: a setting is wrong.
    """
    chosen = configure(
        config,
        family=family,
        learner=learner,
        strategy=strategy,
        caller="sl.check(...)",
        **settings,
    )
    return CheckReport(tuple(check_config.check(chosen)))
