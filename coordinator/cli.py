"""The command line: parse, call, print, and turn every failure into one line and an exit code.

Heavy modules are imported inside the commands, so that ``spikeloop --help`` answers at once.
"""

import io
import json
import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spikeloop.coordinator import remote
from spikeloop.coordinator.chip import app as chip_app
from spikeloop.coordinator.errors import ConfigError, RunFailed
from spikeloop.coordinator.exits import explain, one_line, printable, warn
from spikeloop.coordinator.kubernetes import kubernetes
from spikeloop.coordinator.slurm import slurm
from spikeloop.coordinator.watch.command import watch

if TYPE_CHECKING:
    from spikeloop.coordinator.comparison.config import ComparisonConfig
    from spikeloop.coordinator.config import RunConfig
    from spikeloop.coordinator.store import RunStore

app = typer.Typer(
    name="spikeloop",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(chip_app, name="chip")
app.command()(watch)
app.command()(kubernetes)
app.command()(slurm)

ConfigPath = Annotated[Path, typer.Argument(metavar="CONFIG", help="a TOML file")]
RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="a run folder")]
Sets = Annotated[
    list[str] | None, typer.Option("--set", metavar="TABLE.KEY=VALUE", help="override one value")
]
RUNS = "SPIKELOOP_RUNS"
"""Environment variable: the folder for run folders where ``--out`` names none."""
Workers = Annotated[
    int | None, typer.Option("--workers", min=1, help="local workers (default: all cores)")
]
Inline = Annotated[bool, typer.Option("--inline", help="no Ray: one life after another, here")]
Address = Annotated[
    str | None,
    typer.Option(
        "--address", metavar="HOST:PORT", help="a running Ray cluster; auto: on this machine"
    ),
]
Trust = Annotated[
    bool,
    typer.Option("--trust", help="let it use its author's own classes, cluster and database"),
]
Json = Annotated[bool, typer.Option("--json", help="machine-readable output")]
Debug = Annotated[bool, typer.Option("--debug", help="show the traceback behind an error line")]


@app.callback()
def options(debug: Debug = False) -> None:
    """Learning to learn with spiking networks."""


@app.command()
def run(
    config: ConfigPath,
    sets: Sets = None,
    out: Annotated[Path, typer.Option("--out", envvar=RUNS, help="folder for run folders")] = Path(
        "runs"
    ),
    again: Annotated[
        bool, typer.Option("--resume", help="go on with the run if its folder exists")
    ] = False,
    workers: Workers = None,
    inline: Inline = False,
    address: Address = None,
) -> None:
    """Run one outer loop and end with its transfer to held-out tasks."""
    from spikeloop.coordinator import session

    settings = _load(config, sets, workers, inline, address)
    folder = out / settings.run.name
    store = session.begun(settings, folder, typer.echo) if again else None
    if store is None:
        _drive(settings, folder, 0, lambda r, s: session.start(settings, folder, r, s, again))
        return
    _warn_of_changed_code(store, settings)
    done = max(store.generation(), 0)
    _drive(settings, folder, done, lambda r, s: session.resume(settings, store, r, s))


@app.command()
def resume(
    run: Annotated[str, typer.Argument(metavar="RUN", help="a run folder, or the URI of a copy")],
    after: Annotated[
        int | None,
        typer.Option("--after", min=-1, help="remove all after this generation and live it again"),
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
    from spikeloop.coordinator import session
    from spikeloop.coordinator.trust import require

    folder, copy = Path(run), ""
    if "://" in run:
        from spikeloop.coordinator import copies, places

        folder, copy = copies.fetch(run, out), places.split(run)[0]
    if (folder / "comparison.json").exists():
        from spikeloop.coordinator.comparison import session as comparisons

        if after is not None:
            raise ConfigError("--after is for a run folder; a comparison has no generations")
        config = comparisons.read_config(folder, trust)
        if changes := comparisons.changed_code(config, folder):
            warn(f"{folder} was begun by other code, so results may differ from here on: {changes}")
        config = config.retarget(_retarget(config.first, workers, inline, address).target)
        require(folder, comparisons.reaches(config), trust)
        _compare(folder, lambda r, s: comparisons.resume(config, folder, r, s), config, False)
        return
    store, settings = _open(folder, workers, inline, address, trust, copy)
    done = max(store.generation() if after is None else after, 0)
    _drive(settings, folder, done, lambda r, s: session.resume(settings, store, r, s, after))


@app.command()
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
    from spikeloop.coordinator.comparison import config as comparison_config
    from spikeloop.coordinator.comparison import session as comparisons
    from spikeloop.coordinator.config import override

    settings = comparison_config.load(config, dict(override(text) for text in sets or []))
    settings = settings.retarget(_retarget(settings.first, workers, inline, address).target)
    folder = out / settings.comparison.name
    _compare(folder, lambda r, s: comparisons.start(settings, folder, r, s), settings, as_json)


@app.command()
def transfer(
    run: RunPath,
    tasks: Annotated[int | None, typer.Option("--tasks", min=2, help="held-out tasks")] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="which tasks")] = None,
    workers: Workers = None,
    inline: Inline = False,
    address: Address = None,
    trust: Trust = False,
    as_json: Json = False,
) -> None:
    """Score the default, random and learned Θ of a run on held-out tasks."""
    from spikeloop.cluster.stop import StopSignal
    from spikeloop.coordinator import console, session
    from spikeloop.coordinator.kinds import build
    from spikeloop.coordinator.transfer import transfer_size

    store, config = _open(run, workers, inline, address, trust)
    values = config.transfer.model_dump()
    values |= {k: v for k, v in {"tasks": tasks, "seed": seed}.items() if v is not None}
    settings, _ = build(type(config.transfer), values, str(run), "transfer", Path())
    stop = StopSignal()
    stop.install()
    shown = console.stream(stderr=as_json)
    n_lives = transfer_size(settings)
    with console.ConsoleReporter(config.run.generations, n_lives, shown) as reporter:
        result = session.transfer(config, store, settings, reporter, stop)
    if as_json:
        typer.echo(json.dumps(result.as_json()))
    else:
        console.transfer_table(result, shown)


@app.command()
def policies(
    run: RunPath,
    steps: Annotated[int, typer.Option("--steps", min=1, help="steps in each maze")] = 1000,
    tasks: Annotated[int, typer.Option("--tasks", min=1, max=20, help="new mazes")] = 3,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="which mazes")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="another PNG file")] = None,
    trust: Trust = False,
) -> None:
    """Draw what the default and learned Θ of a run have learned in new mazes."""
    from spikeloop.coordinator import console, session
    from spikeloop.coordinator import policies as mazes

    store, config = _open(run, None, True, None, trust)
    seed = config.transfer.seed if seed is None else seed
    learned = session.recommended(config, store)
    result = mazes.live(config, learned, steps, tasks, seed, str(run))
    path = mazes.draw(result, out or run / "figures" / "policies.png")
    mazes.show(result, console.stream())
    typer.echo(f"figure:  {path}")


@app.command()
def plan(
    config: ConfigPath,
    sets: Sets = None,
    workers: Workers = None,
    inline: Inline = False,
    address: Address = None,
    as_json: Json = False,
) -> None:
    """Say what a run would evaluate and how long it will take, by measuring a few tiles."""
    from spikeloop.cluster.stop import StopSignal
    from spikeloop.coordinator import console, planning

    settings = _load(config, sets, workers, inline, address)
    stop = StopSignal()
    stop.install()
    result = planning.measure(settings, stop)
    if result.lives_failed:
        warn(
            f"{result.lives_failed} of {result.lives_measured} lives that were measured failed, so "
            f"times may be wrong; the first: {result.first_failure}"
        )
    if as_json:
        typer.echo(json.dumps(result.values()))
    else:
        planning.show(result, console.stream())


@app.command("list")
def list_(
    what: Annotated[
        str, typer.Argument(metavar="[families|learners|strategies|targets]", show_default=False)
    ] = "",
    as_json: Json = False,
) -> None:
    """Show what there is, with settings, ranges, units and defaults."""
    from spikeloop.coordinator import console, listing

    entries = listing.entries(what)
    if as_json:
        typer.echo(json.dumps(entries))
    else:
        listing.show(entries, console.stream())


@app.command()
def verify(run: RunPath, trust: Trust = False, as_json: Json = False) -> None:
    """Check every file of a run or a comparison: seals, columns, and that the numbers agree."""
    _trusted(run, trust)
    if (run / "comparison.json").exists():
        from spikeloop.coordinator.comparison import verification as comparisons

        report = comparisons.verify(run, trust)
    else:
        from spikeloop.coordinator import verification
        from spikeloop.coordinator.store import RunStore

        report = verification.verify(RunStore.open(run))
    if as_json:
        typer.echo(json.dumps({"ok": not report.problems, **vars(report)}))
    else:
        for line in (*report.checked, *(f"PROBLEM: {problem}" for problem in report.problems)):
            typer.echo(printable(line))
    if report.problems:
        raise RunFailed(
            f"{run}: {len(report.problems)} problem(s); the first: {report.problems[0]}"
        )


@app.command()
def report(
    folder: Annotated[
        Path, typer.Argument(metavar="RUN_OR_COMPARISON", help="a run's or comparison's folder")
    ],
    out: Annotated[Path | None, typer.Option("--out", help="another HTML file")] = None,
    trust: Trust = False,
) -> None:
    """Write one HTML file that shows a run or a comparison, figures included."""
    from spikeloop.coordinator.analysis.report import write_report

    _trusted(folder, trust)
    typer.echo(f"report:  {write_report(folder, out)}")


@app.command()
def doctor(as_json: Json = False) -> None:
    """Check the installation, compiler, Ray and memory, and say what to do."""
    from spikeloop.cluster.pool import PoolError
    from spikeloop.coordinator import diagnosis

    checks = diagnosis.examine()
    if as_json:
        typer.echo(json.dumps([vars(check) for check in checks]))
    else:
        for check in checks:
            typer.echo(f"{check.state:7} {check.name}: {check.found}")
            if check.advice:
                typer.echo(f"{'':8}-> {check.advice}")
    broken = [check for check in checks if check.state == "broken"]
    if broken:
        raise PoolError(f"{broken[0].name}: {broken[0].found}; {broken[0].advice}")


for command in (remote.submit, remote.status, remote.logs, remote.stop, remote.fetch):
    app.command()(command)


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line and exits with 0 done, 1 failed, 2 config, 3 cluster, 4 interrupted.

    ``--debug`` may stand anywhere and shows the traceback behind an error line.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in arguments
    # Else numba follows a file of the current folder, maybe a stranger's, to a cache of pickles.
    os.environ.setdefault("NUMBA_CACHE_DIR", "")
    if isinstance(sys.stdout, io.TextIOWrapper):  # a path need not be text
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        if any("\0" in argument for argument in arguments):
            raise ConfigError("arguments must not contain the character NUL")
        code = app([a for a in arguments if a != "--debug"], standalone_mode=False) or 0
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  flushed by the interpreter at exit
        code = 0
    except (SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # Interrupted and KeyboardInterrupt are no Exceptions
        if debug:
            traceback.print_exc()
        code = explain(error)
    raise SystemExit(code)


def _load(
    path: Path, sets: list[str] | None, workers: int | None, inline: bool, address: str | None
) -> "RunConfig":
    from spikeloop.coordinator import config

    overrides = dict(config.override(text) for text in sets or [])
    return _retarget(config.load(path, overrides), workers, inline, address)


def _open(
    run: Path,
    workers: int | None,
    inline: bool,
    address: str | None,
    trust: bool,
    copy: str = "",
) -> "tuple[RunStore, RunConfig]":
    from spikeloop.coordinator import manifest
    from spikeloop.coordinator.store import RunStore
    from spikeloop.coordinator.trust import reaches, require

    store = RunStore.open(run)
    config = manifest.read_config(store, trust)
    _warn_of_changed_code(store, config)
    config = _retarget(config, workers, inline, address)
    if copy:  # which the user named, not the folder
        require(run, reaches(config.copied_to("")), trust)
        return store, config.copied_to(copy)
    require(run, reaches(config), trust)
    return store, config


def _trusted(folder: Path, trust: bool) -> None:
    """Loads the own classes of a run or a comparison, if the user wants that."""
    if not trust:
        return
    if (folder / "comparison.json").exists():
        from spikeloop.coordinator.comparison import session

        session.read_config(folder, trust)
    elif (folder / "run.json").exists():
        from spikeloop.coordinator import manifest
        from spikeloop.coordinator.store import RunStore

        manifest.read_config(RunStore.open(folder), trust)


def _warn_of_changed_code(store: "RunStore", config: "RunConfig") -> None:
    from spikeloop.coordinator import manifest

    if changes := manifest.changed_code(store, config):
        warn(
            f"{store.folder} was begun by other code, so results may differ from here on: {changes}"
        )


def _retarget(
    config: "RunConfig", workers: int | None, inline: bool, address: str | None
) -> "RunConfig":
    """Another target chosen on the command line; it changes no result."""
    from dataclasses import replace

    from spikeloop.coordinator.config import TABLES
    from spikeloop.coordinator.kinds import build

    if (workers is not None) + inline + (address is not None) > 1:
        raise ConfigError("--inline, --workers and --address exclude each other")
    if workers is None and not inline and address is None:
        return config
    chosen: dict[str, Any] = {"kind": "inline"}
    if workers is not None:
        chosen = {"kind": "local", "workers": workers}
    elif address is not None:
        chosen = {"kind": "ray", "address": address}
    given = config.tables()["target"]
    values = {**(given if given["kind"] == chosen["kind"] else {}), **chosen}
    target, _ = build(TABLES["target"], values, "command line", "target", Path())
    return replace(config, target=target)


def _drive(config: "RunConfig", folder: Path, done: int, work: Any) -> None:
    """Runs a search with progress, then shows its transfer table, figures and folder."""
    from spikeloop.cluster.pool import PoolError
    from spikeloop.cluster.stop import Interrupted, StopSignal
    from spikeloop.coordinator import console
    from spikeloop.coordinator.store import RunStore
    from spikeloop.coordinator.trust import again

    stop = StopSignal()
    stop.install()
    shown = console.stream()
    try:
        n_lives = console.lives_to_come(config, done)
        with console.ConsoleReporter(config.run.generations, n_lives, shown) as reporter:
            result = work(reporter, stop)
    except Interrupted as error:
        committed = max(RunStore(folder).generation(), 0)
        raise Interrupted(
            f"interrupted after generation {committed}, everything committed; "
            f"resume with: spikeloop resume {again(folder, config)}"
        ) from error
    except (OSError, PoolError) as error:
        if not (folder / "run.json").exists():
            raise
        raise PoolError(
            f"{one_line(error)}; what is committed is safe, mend this and resume with: "
            f"spikeloop resume {again(folder, config)}"
        ) from error
    console.transfer_table(result, shown)
    console.results(folder, sorted((folder / "figures").glob("*.png")), shown)


def _compare(folder: Path, work: Any, config: "ComparisonConfig", as_json: bool) -> None:
    """Holds a comparison with progress, then shows its findings and where its files are."""
    from spikeloop.cluster.pool import PoolError
    from spikeloop.cluster.stop import Interrupted, StopSignal
    from spikeloop.coordinator import console
    from spikeloop.coordinator.comparison import console as shown
    from spikeloop.coordinator.comparison.session import lives_to_come
    from spikeloop.coordinator.trust import again

    stop = StopSignal()
    stop.install()
    printed = console.stream(stderr=as_json)
    try:
        found = work(shown.ComparisonConsole(lives_to_come(config, folder), printed), stop)
    except Interrupted as error:
        raise Interrupted(
            "interrupted, everything finished is kept; resume with: spikeloop resume "
            f"{again(folder, config.first)}"
        ) from error
    except (OSError, PoolError) as error:
        if not (folder / "comparison.json").exists():
            raise
        raise PoolError(
            f"{one_line(error)}; what is finished is safe, mend this and resume with: "
            f"spikeloop resume {again(folder, config.first)}"
        ) from error
    from spikeloop.coordinator.analysis.report import write_report

    report = write_report(folder)
    if as_json:
        typer.echo(json.dumps(found.as_json()))
    else:
        shown.show(found, folder, report, printed)


if __name__ == "__main__":
    main()
