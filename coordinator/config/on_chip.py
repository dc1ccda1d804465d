"""What a search on the chip's plasticity processor needs of the other tables of a configuration.

After code, constants and a seed are written, no word may come from outside until the search ends.
So the host chooses nothing while it goes on: no generation, no candidate, no end.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from spikeloop.coordinator.strategies.on_chip import OnChip
from spikeloop.tasks.base import TaskFamily
from spikeloop.workers.chip.limits import REWARD_ONE_Q7
from spikeloop.workers.chip.mailbox import MAILBOX_BYTES
from spikeloop.workers.chip.ppu.coordinates import unwritable
from spikeloop.workers.chip.ppu.search_memory import MAX_FITNESS
from spikeloop.workers.chip.search_memory_map import COMPILED_SEARCH_BYTES

if TYPE_CHECKING:
    from spikeloop.coordinator.config.run_config import RunConfig


def require_on_chip(config: "RunConfig") -> None:
    """Raise ValueError, one line, where a search with ``on_chip`` could not happen on a chip."""
    if isinstance(config.strategy, OnChip):
        for problem in _problems(config):
            raise ValueError(f"on_chip {problem}")


def _problems(config: "RunConfig") -> Iterator[str]:
    from spikeloop.workers.learners.chip.agent import ChipAgent

    learner, run, interface = config.learner, config.run, config.family.interface
    if not isinstance(learner, ChipAgent):
        yield f'needs learner.kind = "chip", got {learner.kind}'
        return
    if len(learner.chips) > 1:
        yield f"needs one chip in learner.chip, got {len(learner.chips)}"
    if learner.opened:
        yield "needs learner.opened = [], because the processor writes no analog parameters"
    if name := unwritable(config.space):
        yield (
            f"needs a program whose constants the processor can compute, as td_lambda is; "
            f"{learner.program.kind} has {name}, which it cannot"
        )
    for family in (config.family, *config.stages):
        yield from _family_problems(family)
    if run.common_noise:
        yield "needs run.common_noise = false, because a chip's noise does not come twice"
    if run.racing < 1:
        yield "needs run.racing = 1, because all its candidates meet all tasks"
    largest = REWARD_ONE_Q7 * interface.n_steps * run.tasks
    if largest >= MAX_FITNESS:
        yield (
            f"adds rewards up in words that hold {MAX_FITNESS // REWARD_ONE_Q7} rewards, got run."
            f"tasks = {run.tasks} with {interface.n_steps} steps each: take fewer tasks"
        )
    if learner.check_memory and learner.program.kind in COMPILED_SEARCH_BYTES:
        layout = learner.search_memory_map(interface, run.generations)
        if layout.message > MAILBOX_BYTES:
            yield (
                f"keeps two words of each generation in the mailbox, which has {MAILBOX_BYTES} "
                f"bytes; with {run.generations} of them it would take {layout.message}: take fewer "
                "run.generations of more tasks, or set learner.check_memory = false"
            )
        layout.require_fit()
    if config.deploy.finalists > 1 or config.deploy.average > 1:
        yield "deploys the last point, so deploy.finalists and deploy.average must be 1"
    if config.stop.target or config.stop.patience or config.stop.spread:
        yield "ends after its last generation, so [stop] must have no target, patience or spread"


def _family_problems(family: TaskFamily) -> Iterator[str]:
    from spikeloop.workers.chip.ppu.task_maker import MADE, makes

    if not makes(family):
        yield f"needs tasks that the processor can make, which are {MADE}, got {family.kind}"
