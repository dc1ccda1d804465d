"""A process that has run ten thousand episodes holds what it held after two hundred."""

import json
import os
from pathlib import Path

import pytest
from support.child_processes import child

from spikeloop.workers.brian.network_cache import MAX_NETWORKS

TESTS = Path(__file__).parents[2]

pytestmark = [pytest.mark.brian, pytest.mark.exhaustive]


@pytest.mark.parametrize("how", ["same", "rebuilt"])
def test_ten_thousand_episodes_leave_nothing_behind(how: str, tmp_path: Path) -> None:
    """Of 50 networks of one to two MB, the last four are kept and the others go."""
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(TESTS)}
    script = str(TESTS / "support" / "endurance_script.py")
    with child([script, how], tmp_path, env=environment) as process:
        output, errors = process.communicate()
    assert process.returncode == 0, errors
    early, late = json.loads(output)
    assert late["resident"] < 1.1 * early["resident"]
    n_networks = 1 if how == "same" else MAX_NETWORKS
    assert late["populations"] == 2 * n_networks
    for what in ("threads", "open_files", "children"):
        assert late[what] == early[what], what
    assert late["children"] == 0
    assert list(tmp_path.iterdir()) == []
