"""``spikeloop slurm``: a run, a comparison or a sweep as a batch job."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from spikeloop.coordinator.cli.options import ConfigPath, Over, ResultsOut, Seeds, Sets
from spikeloop.coordinator.errors import ConfigError


def slurm(
    config: ConfigPath,
    nodes: Annotated[int, typer.Option("--nodes", min=1, max=10_000, help="nodes of the job")],
    time: Annotated[
        str, typer.Option("--time", metavar="HH:MM:SS", help="limit of one start of the job")
    ],
    cpus_per_task: Annotated[
        int | None,
        typer.Option("--cpus-per-task", min=1, help="cores of each node (default: whole nodes)"),
    ] = None,
    mem: Annotated[
        str | None, typer.Option("--mem", metavar="SIZE", help="of each node, such as 4G")
    ] = None,
    partition: Annotated[str | None, typer.Option("--partition", help="of the site")] = None,
    account: Annotated[str | None, typer.Option("--account", help="that pays")] = None,
    out: ResultsOut = None,
    over: Over = None,
    seeds: Seeds = None,
    sets: Sets = None,
    options: Annotated[
        list[str] | None,
        typer.Option("--option", metavar="--NAME=VALUE", help="any other option of sbatch"),
    ] = None,
    setup: Annotated[
        str,
        typer.Option(
            "--setup",
            metavar="FILE_OR_TEXT",
            help="shell lines that activate the environment (default: the installation in use)",
        ),
    ] = "",
    notice: Annotated[
        int,
        typer.Option(
            "--notice", min=1, max=65_535, help="seconds before the limit to commit and requeue"
        ),
    ] = 120,
    patience: Annotated[
        int, typer.Option("--patience", min=1, help="seconds until all nodes must be there")
    ] = 300,
    printed: Annotated[
        bool, typer.Option("--print", help="only print the script and copy its configuration")
    ] = False,
) -> None:
    """Write the batch script of a configuration, and submit it.

    It may be of a run, a comparison or a sweep.
    """
    from spikeloop.cluster.manifests import slurm_script
    from spikeloop.coordinator.api.configure_any import submission
    from spikeloop.coordinator.api.run_folders import folder_for
    from spikeloop.coordinator.config.settings_builder import build
    from spikeloop.coordinator.formatting import command_line
    from spikeloop.coordinator.submit import package

    sent = submission(config, over, seeds, sets)
    name, out = sent.name, out or folder_for(sent.kind)
    values = {
        "nodes": nodes,
        "time": time,
        "cpus_per_task": cpus_per_task,
        "mem": mem,
        "partition": partition,
        "account": account,
        "options": tuple(options or ()),
        "setup": _lines(setup),
        "notice_s": notice,
        "patience_s": patience,
    }
    batch, _ = build(slurm_script.SlurmBatch, values, "command line", "slurm", Path())
    command = [sent.command, str(package.keep(sent, out)), *package.options_of_job(sent)]
    text = slurm_script.script(batch, name, command, out, folder=config.resolve().parent)
    if printed:
        typer.echo(text, nl=False)
        return
    path = slurm_script.write(text, name, out)
    job = slurm_script.submit(path)
    for what, line in (
        ("job", job),
        ("script", shlex.quote(str(path))),
        ("queue", f"squeue --jobs={job}"),
        ("log", shlex.join(["tail", "-F", str(out / f"{name}-{job}.log")])),
        ("watch", command_line("watch", out / name)),
        ("stop", f"scancel {job}"),
    ):
        typer.echo(f"{what + ':':8} {line}")


def _lines(setup: str) -> str:
    """Return the text, or that of the file that it names."""
    meant_as_file = not set(setup) & set(" ;\n") and ("/" in setup or setup.endswith(".sh"))
    if meant_as_file and not Path(setup).is_file():
        raise ConfigError(f"--setup {setup}: no such file")
    try:
        return Path(setup).read_text() if setup and Path(setup).is_file() else setup
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--setup {setup}: cannot be read ({error})") from error
