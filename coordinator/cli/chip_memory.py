"""``spikeloop chip memory``: what lies where in the plasticity processor's memory."""

import json
from dataclasses import asdict

import typer

from spikeloop.coordinator.cli.options import ConfigPath, Json, Sets
from spikeloop.coordinator.errors import ConfigError


def memory(config: ConfigPath, sets: Sets = None, as_json: Json = False) -> None:
    """Lay out the plasticity processor's memory for a configuration.

    What does not fit is refused, unless learner.check_memory is false.
    """
    from spikeloop.coordinator.api import progress
    from spikeloop.coordinator.api.configure import configure
    from spikeloop.coordinator.report.result_table import result_table
    from spikeloop.workers.learners.chip.agent import ChipAgent

    settings = configure(config, sets=sets)
    if not isinstance(settings.learner, ChipAgent):
        raise ConfigError(f"{config}: learner.kind must be chip, got {settings.learner.kind!r}")
    layout = settings.learner.memory_map(settings.family.interface)
    if as_json:
        typer.echo(json.dumps(asdict(layout)))
        return
    table = result_table(
        f"Memory for {settings.learner.program.kind}", "section", "start", "bytes", left="section"
    )
    for section in layout.sections:
        table.add_row(section.name, f"0x{section.start:04x}", str(section.size))
    progress.stream().print(table)
    typer.echo(f"through the mailbox: {layout.message} bytes before each episode")
