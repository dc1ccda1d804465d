"""Where the user's own classes are defined, and what their source says."""

import ast
import hashlib
import inspect
import linecache
import site
import sys
import sysconfig
from pathlib import Path
from typing import Any

from spikeloop.coordinator.config.run_config import TABLES, RunConfig
from spikeloop.coordinator.config.settings_builder import MAIN, Kinds
from spikeloop.workers.fingerprint import fingerprint
from spikeloop.workers.own_learner.function_learner import FunctionLearner


def own_kinds(config: RunConfig) -> dict[str, str]:
    """Give the ``module:Class`` of each table whose class is the user's own, by the table."""
    kinds = {
        name: rule.name(getattr(config, name))
        for name, rule in TABLES.items()
        if isinstance(rule, Kinds)
    }
    return {name: kind for name, kind in kinds.items() if ":" in kind}


def import_folder(kind: str) -> Path | None:
    """Give the folder from which Python imports an own class's module.

    Workers search it too. It is None for what is installed, and for a notebook that has no module
    beside it. A class of the running script or notebook itself travels to the workers by value, and
    only what it imports is looked for there.
    """
    name = kind.partition(":")[0]
    module = sys.modules[name]
    file = getattr(module, "__file__", None)
    if file is None:
        here = Path.cwd()
        return here if any(here.glob("*.py")) or any(here.glob("*/__init__.py")) else None
    path = Path(file).resolve()
    if any(path.is_relative_to(folder) for folder in _installed()):
        return None
    depth = name.count(".") + (path.name == "__init__.py")
    return path.parents[depth]


def code_of(config: RunConfig) -> dict[str, str]:
    """Give the fingerprint of all code that a run's numbers depend on.

    To what its workers have, that adds a hash of the classes that are defined in the running script
    or notebook.
    """
    own = [kind for kind in own_kinds(config).values() if kind.startswith(f"{MAIN}:")]
    sources = "".join(source(kind) for kind in own)
    return {
        **fingerprint(config.working_dir),
        **({MAIN: hashlib.sha256(sources.encode()).hexdigest()[:12]} if own else {}),
    }


def source(kind: str) -> str:
    """Give the source text of an own class, and its keys with their defaults.

    Of a class that was typed into a plain interpreter there is no text.
    """
    module_name, _, name = kind.partition(":")
    found: Any = getattr(sys.modules[module_name], name)
    fields = getattr(found, "model_fields", {}).items()
    keys = [f"{key} = {field.default!r}" for key, field in fields]
    return "\n".join((kind, _text(found, name), *keys))


def _text(found: Any, name: str) -> str:
    if isinstance(found, type) and issubclass(found, FunctionLearner):
        found = found.function
    try:
        return inspect.getsource(found)
    except (OSError, TypeError):  # a notebook is no file, so Python does not find its classes
        pass
    for member in vars(found).values():
        if not inspect.isfunction(member):
            continue
        text = "".join(linecache.getlines(member.__code__.co_filename))
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ClassDef) and node.name == name:
                return ast.get_source_segment(text, node) or ""
    return ""


def _installed() -> set[Path]:
    """Give the folders of Python's own modules and of installed packages."""
    own = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    folders = [*own, *site.getsitepackages(), site.getusersitepackages()]
    return {Path(folder).resolve() for folder in folders}
