"""The examples that come with Spikeloop, and a copy of one as the beginning of a project.

An example is a TOML file of the folder ``examples``, the modules whose classes it names, and the
weights that were trained with it, where there are some.
"""

import re
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from spikeloop.coordinator.config.setting_errors import nearest
from spikeloop.coordinator.errors import ConfigError

FIRST = "first_search"
"""The example that a project begins with where none is chosen."""


def describe_examples() -> dict[str, str]:
    """Return the names of all examples, in order, and the first line of each one's header."""
    files = {file.name: file for file in _folder().iterdir() if file.name.endswith(".toml")}
    return {
        name.removesuffix(".toml"): files[name].read_text("utf-8").partition("\n")[0].lstrip("# ")
        for name in sorted(files)
    }


def copy_example(name: str, folder: Path) -> list[Path]:
    """Copy an example into a new or empty folder and return the files written, the TOML file first.

    ConfigError if there is no such example, or if something stands in the folder already.
    """
    if name not in (names := describe_examples()):
        hint = nearest(name, names)
        raise ConfigError(f"--example {name}: no such example (spikeloop new --list){hint}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        what = "is not empty" if folder.is_dir() else "is a file"
        raise ConfigError(f"{folder}: {what}; name a new folder")
    files = _files(name)
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        (folder / file.name).write_bytes(file.read_bytes())
    return [folder / file.name for file in files]


def is_comparison(config: Path) -> bool:
    """Tell whether a configuration is one of ``spikeloop compare``."""
    return re.search(r"^\[comparison\]", config.read_text("utf-8"), re.M) is not None


def _files(name: str) -> list[Traversable]:
    """Return the files of an example, the TOML file first.

    Its modules are those of the folder that it names, as ``"module:Class"`` or as ``module.py``.
    """
    config = _folder() / f"{name}.toml"
    named = re.findall(r'"(\w+):\w+"|\b(\w+)\.py\b', config.read_text("utf-8"))
    modules = sorted({first or second for first, second in named})
    others = [_folder() / f"{module}.py" for module in modules]
    weights = _folder() / "trained" / f"{name}.npz"
    return [config, *(file for file in (*others, weights) if file.is_file())]


def _folder() -> Traversable:
    return resources.files("spikeloop") / "examples"
