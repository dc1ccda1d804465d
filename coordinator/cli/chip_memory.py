"""``spikeloop chip memory``: what lies where in the plasticity processor's memory."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from spikeloop.coordinator.cli.options import ConfigPath, Json, Sets
from spikeloop.coordinator.errors import ConfigError

if TYPE_CHECKING:
    from spikeloop.workers.chip.memory import MemoryMap


def memory(config: ConfigPath, sets: Sets = None, as_json: Json = False) -> None:
    """Lay out the plasticity processor's memory for a configuration.

    What does not fit is refused, unless learner.check_memory is false. With the strategy on_chip,
    the search that runs on the processor is laid out too.
    """
    from spikeloop.coordinator.api.configure import configure
    from spikeloop.coordinator.strategies.on_chip import OnChip
    from spikeloop.workers.chip.search_memory_map import COMPILED_SEARCH_BYTES
    from spikeloop.workers.learners.chip.agent import ChipAgent

    settings = configure(config, sets=sets)
    learner, interface = settings.learner, settings.family.interface
    if not isinstance(learner, ChipAgent):
        raise ConfigError(f"{config}: learner.kind must be chip, got {learner.kind!r}")
    kind, layout, search = learner.program.kind, learner.memory_map(interface), None
    on_chip = isinstance(settings.strategy, OnChip)
    if on_chip and kind in COMPILED_SEARCH_BYTES:
        search = learner.search_memory_map(interface, settings.run.generations)
    if as_json:
        found = asdict(layout)
        if on_chip:
            found["search"] = search and asdict(search)
        typer.echo(json.dumps(found))
        return
    _print(f"Memory for {kind}", layout)
    typer.echo(f"through the mailbox: {layout.message} bytes before each episode")
    if search is not None:
        _print(f"Memory for a search with {kind}", search)
        typer.echo(f"in the mailbox: {search.message} bytes from the host and of the trace")
    elif on_chip:
        typer.echo(f"a search with {kind} has not been written in C, so its length is not known")


def _print(title: str, layout: "MemoryMap") -> None:
    from spikeloop.coordinator.api import progress
    from spikeloop.coordinator.report.result_table import result_table

    table = result_table(title, "section", "start", "bytes", left="section")
    for section in layout.sections:
        table.add_row(section.name, f"0x{section.start:04x}", str(section.size))
    progress.stream().print(table)
