import ast
import inspect
import subprocess
import sys

import pytest

import spikeloop
from spikeloop.cluster.targets import TARGETS
from spikeloop.coordinator.strategies import STRATEGIES
from spikeloop.tasks import FAMILIES
from spikeloop.workers.learners import LEARNERS

HEAVY = ("numpy", "ray", "matplotlib", "pandas", "numba", "jax", "pyarrow", "pydantic", "rich")


def test_import_spikeloop_imports_nothing_heavy() -> None:
    code = f"import sys, spikeloop; print(*[m for m in {HEAVY} if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == ""


@pytest.mark.parametrize("name", spikeloop.__all__)
def test_every_public_name_is_defined_in_the_home_that_the_table_names(name: str) -> None:
    value = getattr(spikeloop, name)
    home = spikeloop._HOMES.get(name)
    assert home is None or value.__module__ == f"spikeloop.{home}"


def test_no_public_name_is_a_module_of_the_same_name() -> None:
    assert not [name for name in spikeloop.__all__ if inspect.ismodule(getattr(spikeloop, name))]


def test_type_checkers_see_the_same_names_from_the_same_homes() -> None:
    imports = [
        node
        for node in ast.walk(ast.parse(inspect.getsource(spikeloop)))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("spikeloop.")
    ]
    seen = {
        alias.asname: (node.module or "").removeprefix("spikeloop.")
        for node in imports
        for alias in node.names
    }
    assert seen == spikeloop._HOMES


def test_every_class_of_the_tables_is_public() -> None:
    tables = (FAMILIES, LEARNERS, STRATEGIES, TARGETS)
    classes = {cls for table in tables for cls in table.values()}
    assert classes <= {getattr(spikeloop, name) for name in spikeloop.__all__}


def test_dir_lists_the_public_names() -> None:
    assert dir(spikeloop) == sorted(spikeloop.__all__)


def test_an_unknown_name_is_an_attribute_error_that_names_it() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = spikeloop.no_such_name


def test_star_import_gives_the_public_names() -> None:
    names: dict[str, object] = {}
    exec("from spikeloop import *", names)
    assert set(spikeloop.__all__) <= set(names)
