"""The commands that run learners: ``run``, ``resume``, ``compare``, ``transfer``."""

import json
import shlex
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spikeloop.coordinator.cli.options import (
    RUNS,
    Address,
    ConfigPath,
    Inline,
    Json,
    LearnedPath,
    Out,
    Sets,
    Trust,
    Workers,
)
from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.formatting import one_line

if TYPE_CHECKING:
    from spikeloop.coordinator.comparison.comparison_config import ComparisonConfig
    from spikeloop.coordinator.config.run_config import RunConfig
    from spikeloop.coordinator.store.run_store import RunStore


def run(
    config: ConfigPath,
    sets: Sets = None,
    out: Out = Path("runs"),
    again: Annotated[
        bool, typer.Option("--resume", help="go on with the run if its folder exists")
    ] = False,
    workers: Workers = None,
    inline: Inline = False,
    address: Address = None,
) -> None:
    """Run one outer loop and end with its transfer to held-out tasks."""
    from spikeloop.coordinator.cli import open as opening
    from spikeloop.coordinator.report.figures import make_figures
    from spikeloop.coordinator.search import run_session
    from spikeloop.coordinator.store import manifest
    from spikeloop.coordinator.store.manifest import warn_of_changes, warn_of_processor

    settings = opening.load_config(config, sets, workers, inline, address)
    folder = out / settings.run.name
    store = run_session.begun(settings, folder, typer.echo) if again else None
    if store is None:
        _drive(
            settings,
            folder,
            0,
            lambda r, s: run_session.start(settings, folder, r, s, again, make_figures),
        )
        return
    if changes := manifest.changed_code(store, settings):
        warn_of_changes(folder, changes)
    warn_of_processor(store, settings)
    done = max(store.generation(), 0)
    _drive(
        settings,
        folder,
        done,
        lambda r, s: run_session.resume(settings, store, r, s, on_end=make_figures),
    )


def resume(
    context: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="a run folder, or the URI of a copy")],
    after: Annotated[
        int | None,
        typer.Option("--after", min=-1, help="remove all after this generation and run it again"),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", envvar=RUNS, help="where to bring a run from its copy")
    ] = Path("runs"),
    workers: Workers = None,
    inline: Inline = False,
    address: Address = None,
    trust: Trust = False,
) -> None:
    """Go on from the last committed generation of a run, or wherever a comparison stands."""
    from spikeloop.coordinator.cli import open as opening
    from spikeloop.coordinator.report.figures import make_figures
    from spikeloop.coordinator.search import run_session
    from spikeloop.coordinator.store.manifest import open_run, warn_of_changes
    from spikeloop.coordinator.store.trust import reaches, require

    folder, copy = Path(run), ""
    given = context.get_parameter_source("out")
    if "://" not in run and given is not None and given.name == "COMMANDLINE":
        raise ConfigError(
            f"--out {out}: a run folder is resumed where it is; name a copy by its URI, such as "
            f"{folder.absolute().as_uri()}, or leave --out away"
        )
    if "://" in run:
        from spikeloop.coordinator.config import uris
        from spikeloop.coordinator.sync import download

        folder, copy = download.fetch(run, out), uris.split(run)[0]
    if (folder / "comparison.json").exists():
        from spikeloop.coordinator.comparison import session as comparisons

        if after is not None:
            raise ConfigError("--after is for a run folder; a comparison has no generations")
        config, trusted = comparisons.read(folder, trust)
        if changes := comparisons.changed_code(config, folder):
            warn_of_changes(folder, changes)
        config = config.retarget(opening.retarget(config.first, workers, inline, address).target)
        require(folder, reaches(config.tables()), trusted)
        _compare(folder, lambda r, s: comparisons.resume(config, folder, r, s), config, False)
        return
    store, settings, trusted = open_run(folder, trust)
    settings = opening.retarget(settings, workers, inline, address)
    named = settings.copied_to("") if copy else settings  # the user named the copy, not the folder
    require(folder, reaches(named.tables()), trusted)
    settings = settings.copied_to(copy) if copy else settings
    done = max(store.generation() if after is None else after, 0)
    place = shlex.join(["spikeloop", "resume", run, "--out", str(out)]) if copy else ""
    _drive(
        settings,
        folder,
        done,
        lambda r, s: run_session.resume(settings, store, r, s, after, make_figures),
        place,
    )


def compare(
    config: ConfigPath,
    sets: Sets = None,
    out: Annotated[Path, typer.Option("--out", envvar=RUNS, help="folder for comparisons")] = Path(
        "comparisons"
    ),
    workers: Workers = None,
    inline: Inline = False,
    address: Address = None,
    as_json: Json = False,
) -> None:
    """Tune each strategy by Optuna at equal budget, then let all search on fresh paired seeds."""
    from spikeloop.coordinator.cli import open as opening
    from spikeloop.coordinator.comparison import comparison_config
    from spikeloop.coordinator.comparison import session as comparisons
    from spikeloop.coordinator.config.load import override

    settings = comparison_config.load(config, dict(override(text) for text in sets or []))
    settings = settings.retarget(opening.retarget(settings.first, workers, inline, address).target)
    folder = out / settings.comparison.name
    _compare(folder, lambda r, s: comparisons.start(settings, folder, r, s), settings, as_json)


def transfer(
    run: LearnedPath,
    tasks: Annotated[int | None, typer.Option("--tasks", min=2, help="held-out tasks")] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="which tasks")] = None,
    workers: Workers = None,
    inline: Inline = False,
    address: Address = None,
    trust: Trust = False,
    as_json: Json = False,
) -> None:
    """Score the default, random and learned Θ of a run on held-out tasks."""
    from spikeloop.cluster.signals import StopSignal
    from spikeloop.coordinator.cli import open as opening
    from spikeloop.coordinator.cli import progress as console
    from spikeloop.coordinator.config.settings_builder import build
    from spikeloop.coordinator.export import weights as learned
    from spikeloop.coordinator.search import run_session
    from spikeloop.coordinator.search.transfer import transfer_size
    from spikeloop.coordinator.store.manifest import open_run
    from spikeloop.coordinator.store.trust import reaches, require

    score: Any
    store: RunStore | None = None
    if run.is_file():
        known = learned.open_learned(run, trust)
        config, trusted = known.config.copied_to(""), known.trusted  # it has nothing to be copied
        score = partial(run_session.transfer_of, point=known.point, source=run)
    else:
        opened, config, trusted = open_run(run, trust)
        store = opened.as_of_now()  # it scores, and names its file by, one and the same point
        score = partial(run_session.transfer, store=store)
    config = opening.retarget(config, workers, inline, address)
    require(run, reaches(config.tables()), trusted)
    values = config.transfer.model_dump()
    values |= {k: v for k, v in {"tasks": tasks, "seed": seed}.items() if v is not None}
    settings, _ = build(type(config.transfer), values, str(run), "transfer", Path())
    stop = StopSignal()
    stop.install()
    shown = console.stream(stderr=as_json)
    if run.is_file():
        shown.print(known.origin, highlight=False, soft_wrap=True)
    n_episodes = transfer_size(settings)
    with console.ConsoleReporter(config.run.generations, n_episodes, shown) as reporter:
        result = score(config, settings=settings, reporter=reporter, stop=stop)
    if as_json:
        typer.echo(json.dumps(result.as_json()))
    else:
        console.transfer_table(result, shown)
        if store is not None:
            console.how_to_read(run_session.transfer_path(config, store, settings), shown)


def _drive(config: "RunConfig", folder: Path, done: int, work: Any, again: str = "") -> None:
    """Runs a search with progress, then shows its transfer table, figures and folder.

    Args:
        config: of the run.
        folder: of the run.
        done: generations that it has behind it.
        work: does it, for a reporter and a stop signal.
        again: the command that goes on with it, if it is not the usual one.
    """
    from spikeloop.cluster.pool import PoolError
    from spikeloop.cluster.signals import Interrupted, StopSignal
    from spikeloop.coordinator.cli import progress as console
    from spikeloop.coordinator.store.run_store import RunStore

    stop = StopSignal()
    stop.install()
    shown = console.stream()
    try:
        n_episodes = console.episodes_to_come(config, done)
        with console.ConsoleReporter(config.run.generations, n_episodes, shown) as reporter:
            result = work(reporter, stop)
    except Interrupted as error:
        committed = max(RunStore(folder).generation(), 0)
        raise Interrupted(
            f"interrupted after generation {committed}, everything committed; "
            f"{_go_on(folder, again)}"
        ) from error
    except (OSError, PoolError) as error:
        if not (folder / "run.json").exists():
            raise
        raise PoolError(
            f"{one_line(error)}; what is committed is safe, mend this and {_go_on(folder, again)}"
        ) from error
    console.transfer_table(result, shown)
    console.results(folder, sorted((folder / "figures").glob("*.png")), shown)
    console.how_to_read(RunStore(folder).part_path("transfer", config.transfer.seed), shown)


def _go_on(folder: Path, command: str) -> str:
    """How to go on with a run; one that was submitted is at home on the cluster."""
    from spikeloop.cluster.ray_backend import job_env
    from spikeloop.coordinator.store.trust import again
    from spikeloop.coordinator.submit.submitted_runs import RUN

    if job_env.metadata().get(RUN):
        return "submit it again"
    return f"resume with: {command or again('resume', folder)}"


def _compare(folder: Path, work: Any, config: "ComparisonConfig", as_json: bool) -> None:
    """Holds a comparison with progress, then shows its findings and where its files are."""
    from spikeloop.cluster.pool import PoolError
    from spikeloop.cluster.signals import Interrupted, StopSignal
    from spikeloop.coordinator.cli import comparison_progress as shown
    from spikeloop.coordinator.cli import progress as console
    from spikeloop.coordinator.comparison.session import episodes_to_come
    from spikeloop.coordinator.store.trust import again

    stop = StopSignal()
    stop.install()
    printed = console.stream(stderr=as_json)
    try:
        found = work(shown.ComparisonConsole(episodes_to_come(config, folder), printed), stop)
    except Interrupted as error:
        raise Interrupted(
            f"interrupted, everything finished is kept; resume with: {again('resume', folder)}"
        ) from error
    except (OSError, PoolError) as error:
        if not (folder / "comparison.json").exists():
            raise
        raise PoolError(
            f"{one_line(error)}; what is finished is safe, mend this and resume with: "
            f"{again('resume', folder)}"
        ) from error
    from spikeloop.coordinator.report.html import write_report

    report = write_report(folder)
    if as_json:
        typer.echo(json.dumps(found.as_json()))
    else:
        shown.show(found, folder, report, printed)
