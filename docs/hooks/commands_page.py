"""The page of the command line, from the commands themselves."""

from collections.abc import Callable
from typing import Any

from markdown_table import table
from typer.cli import get_docs_for_click
from typer.main import get_command

from spikeloop.coordinator.cli.main import app

HEAD = """# The command line

Made from the commands themselves; `spikeloop COMMAND --help` shows the same. `--debug` may stand
anywhere and shows the traceback behind an error line.

Exit codes: 0 done, 1 the run failed, 2 the configuration is wrong, 3 the environment or the cluster
is wrong, 4 interrupted and resumable. An error is one line.
"""


def commands_page(warn: Callable[[str], Any]) -> str:
    """Return the page; a command or an option without help is warned of."""
    group: Any = get_command(app)
    rows, sections = [], []
    for name, command in group.commands.items():
        if command.hidden:
            continue
        first = (command.help or "").split("\n\n")[0].replace("\n", " ")
        if not first:
            warn(f"spikeloop {name} has no help")
        rows.append([f"[`spikeloop {name}`](#spikeloop-{name})", first])
        context = command.make_context(name, [], resilient_parsing=True)
        text = get_docs_for_click(obj=command, ctx=context, name=f"spikeloop {name}", indent=1)
        sections.append(text.replace("**Usage**:\n\n```console\n$ ", "```console\n$ "))
    return "\n".join([HEAD, table(["command", "does"], rows), *sections])
