"""Random command lines over all commands and options, with paths to all that a disk may hold."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from hypothesis import given
from hypothesis import strategies as st
from support.small_run import small_toml

from fuzz.promise import examples, own_folder, run_and_check
from fuzz.values import texts
from spikeloop.coordinator.cli.main import app

COMMANDS: Any = typer.main.get_command(app)
"""What typer makes of the command line, for its commands and options."""
ODD = os.fsdecode(b"n\xff\n")
"""A name with a line break and a byte that is no text."""
PATHS = (
    "small.toml",
    "broken.toml",
    "binary",
    "folder",
    "folder/inner",
    "dangling",
    "loop",
    ODD,
    f"{ODD}/small.toml",
    "small.toml/x",
    "nowhere",
    "x" * 300,
    "",
    ".",
    "..",
    "/",
    "/dev/null",
    "/dev/full",
    "/dev/zero",
    "-",
    "--",
)
SETS = (
    "run.seed=3",
    "run.generations=1",
    "run.tasks=-1",
    "run.name=../up",
    "run.name=here",
    "run=3",
    "run.=3",
    "=",
    ".=.",
    "strategy.optimizer.kind=adam",
    "strategy.sigma.x=1",
    "strategy.sigma=nan",
    "target.kind=",
    f"run.seed=0x{'f' * 5000}",
    f"run.seed={'9' * 5000}",
    f"strategy.{'a.' * 3000}a=1",
    f"strategy.sigma={'[' * 3000}",
    "family.kind=a:b",
    "family.kind=:",
    "family.kind=.:x",
    "family.kind=\\ud800",
)
odd_text = st.text(max_size=8) | texts | st.sampled_from(("nan", "1e9", "\0", "--help", "\udcff"))
numbers = (
    st.integers(-2, 40) | st.integers() | st.sampled_from((2**31, 2**63, 2**80, -(2**63)))
).map(str)


def zoo(folder: Path) -> None:
    """Fills a folder with every kind of thing that a path may lead to."""
    small_toml(folder / "small.toml")
    (folder / "broken.toml").write_text("[run\n")
    (folder / "binary").write_bytes(bytes(range(256)))
    (folder / "folder" / "inner").mkdir(parents=True)
    (folder / ODD).mkdir()
    small_toml(folder / ODD / "small.toml")
    (folder / "dangling").symlink_to("nowhere at all")
    (folder / "loop").symlink_to("loop")


def leaves(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of every command."""
    for name, command in group.commands.items():
        if isinstance(command, typer.core.TyperGroup):
            yield from leaves(command, (*path, name))
        else:
            yield (*path, name)


ALL = tuple(path for path in leaves(COMMANDS) if path != ("doctor",))
"""All commands but the one that starts Ray and takes no path."""


@st.composite
def lines(draw: st.DrawFn) -> list[str]:
    """A command with its arguments and some of its options, and now and then something else."""
    words = draw(st.sampled_from(ALL))
    if words[0] == "chip" and draw(st.integers(0, 9)):  # takes a second where it works
        words = draw(st.sampled_from(ALL[:4]))
    command = COMMANDS
    for word in words:
        command = command.commands[word]
    found = list(words)
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            found += draw(st.lists(value_of(parameter), min_size=0, max_size=2))
        else:
            for _ in range(draw(st.sampled_from((0, 0, 1, 1, 2)))):
                found.append(parameter.opts[0])
                if not getattr(parameter, "is_flag", False) and draw(st.integers(0, 9)):
                    found.append(draw(value_of(parameter)))
    for _ in range(draw(st.sampled_from((0, 0, 0, 1, 2)))):
        found.insert(draw(st.integers(0, len(found))), draw(odd_text))
    return found


def value_of(parameter: Any) -> st.SearchStrategy[str]:
    """Words for an argument or option, by its type."""
    kinds: dict[Any, st.SearchStrategy[str]] = {Path: st.sampled_from(PATHS), int: numbers}
    likely = kinds.get(parameter.bare_type, st.sampled_from(SETS))
    return likely | likely | likely | odd_text


@examples(40)
@given(lines())
def test_command_lines(words: list[str]) -> None:
    with own_folder() as folder:
        zoo(folder)
        run_and_check(*words)
