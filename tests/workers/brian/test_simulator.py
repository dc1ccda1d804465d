"""Brian2 is imported without changing the process."""

import importlib
import os
import sys
from pathlib import Path

import pytest
from support.child_processes import ended

from spikeloop.workers.brian.simulator import MissingBrian, brian2

PROBE = """
import logging, os, signal, sys, threading, warnings
import numpy as np
from spikeloop.workers.brian.simulator import QUIET_PREFERENCES, brian2

def state():
    return {
        "filters": list(warnings.filters),
        "showwarning": warnings.showwarning,
        "captured": logging._warnings_showwarning,
        "excepthook": sys.excepthook,
        "handler": signal.getsignal(signal.SIGINT),
        "signal": signal.signal,
        "log handlers": list(logging.getLogger("py.warnings").handlers),
        "errors": np.geterr(),
        "temporary files": os.listdir(os.environ["TMPDIR"]),
    }

before = state()
modules = []
thread = threading.Thread(target=lambda: modules.append(brian2()))
thread.start()
thread.join()
after = state()
changed = [name for name in before if before[name] != after[name]]
assert not changed, changed
b2 = modules[0]
assert brian2() is b2
assert all(b2.prefs[name] == value for name, value in QUIET_PREFERENCES.items())
assert b2.prefs["core.default_float_dtype"] is np.float64
b2.prefs.load_preferences()  # the program's own wish
assert b2.prefs["core.default_float_dtype"] is np.float32
"""


IMPORT = """thread = threading.Thread(target=lambda: modules.append(brian2()))
thread.start()
thread.join()"""


def _run(code: str, folder: Path) -> tuple[int, str, str]:
    temporary = folder / "tmp"
    temporary.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary)}
    return ended([sys.executable, "-W", "error", "-c", code], cwd=folder, env=environment)


@pytest.mark.brian
def test_importing_changes_nothing_in_the_process(tmp_path: Path) -> None:
    """In a thread, where Brian2's own import would fail because it sets a signal handler."""
    (tmp_path / "brian_preferences").write_text("core.default_float_dtype = float32\n")
    assert _run(PROBE, tmp_path) == (0, "", "")


@pytest.mark.brian
def test_a_programs_own_import_stays_as_it_is(tmp_path: Path) -> None:
    """Negative control: the same probe around Brian2's own import finds the changes."""
    own = PROBE.replace(IMPORT, "import brian2 as b2\nmodules.append(b2)").replace(
        "assert not changed, changed",
        "hook = sys.excepthook\n"
        "assert brian2() is b2 and b2.prefs['logging.file_log'] and sys.excepthook is hook\n"
        "assert not changed, changed",
    )
    *_, errors = _run("import warnings; warnings.simplefilter('ignore')\n" + own, tmp_path)
    found = errors.splitlines()[-1]
    for name in ("showwarning", "captured", "excepthook", "handler", "temporary files"):
        assert repr(name) in found


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (ModuleNotFoundError("No module named 'brian2'", name="brian2"), ""),
        (ImportError("numpy is outdated"), r" \(numpy is outdated\)"),
    ],
)
def test_the_error_of_a_missing_brian2_names_the_package_or_the_cause(
    error: ImportError, cause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> None:
        raise error

    monkeypatch.delitem(sys.modules, "brian2", raising=False)
    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(MissingBrian, match=rf"^learner x needs Brian2: pip install \S+{cause}$"):
        brian2("learner x")
