"""The chaos can fail: its checks find what is planted, and its plans are functions of the seed."""

import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.child_processes import LIMIT_S, wait_for
from support.small_run import SilentReporter, small_config

from chaos import invariants
from chaos.faults import FAULTS
from chaos.plan import START, plans
from chaos.sandbox import Sandbox, wait_until_gone
from chaos.scenes import SCENES
from chaos.stretched import MARKER, Stretched
from spikeloop.cluster.signals import StopSignal
from spikeloop.coordinator.search import run_session
from spikeloop.coordinator.store import atomic_files
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.workers.learners import TabularTd


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed") / "small"
    run_session.start(small_config(), folder, SilentReporter(), StopSignal())
    return folder


@pytest.fixture
def run(undisturbed: Path, tmp_path: Path) -> Path:
    """A copy, for a test to spoil."""
    return Path(shutil.copytree(undisturbed, tmp_path / "run" / "small"))


def problems(run: Path, undisturbed: Path) -> str:
    return "; ".join(invariants.problems(run, undisturbed, np.random.default_rng(0)))


def spoil(run: Path, table: str, generation: int, **columns: Any) -> None:
    """Writes a part anew with the first row's values replaced."""
    import pyarrow as pa

    path = run / table / f"part-{generation:06d}.parquet"
    part = atomic_files.read_parquet(path)
    frame = part.to_pandas()
    for name, value in columns.items():
        frame.loc[0, name] = value
    atomic_files.write_parquet(path, pa.Table.from_pandas(frame, schema=part.schema))


def test_an_undisturbed_run_has_no_problems(run: Path, undisturbed: Path) -> None:
    assert problems(run, undisturbed) == ""


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"task": 1}, "1 episodes stand twice"),
        ({"status": "timed out", "error": "took too long"}, "1 episodes failed, the first: took"),
        ({"attempts": 0}, "retries of a generation"),
        ({"attempts": 1000}, "retries of a generation"),
    ],
)
def test_a_wrong_row_is_found(
    run: Path, undisturbed: Path, columns: dict[str, Any], words: str
) -> None:
    spoil(run, "episodes", 2, **columns)
    assert words in problems(run, undisturbed)


def test_the_last_bit_of_a_return_is_found(run: Path, undisturbed: Path) -> None:
    value = atomic_files.read_parquet(run / "episodes" / "part-000002.parquet")["return"][0].as_py()
    spoil(run, "episodes", 2, **{"return": np.nextafter(value, np.inf)})
    assert "not the undisturbed run" in problems(run, undisturbed)
    everything = invariants.recomputed(run, np.random.default_rng(0), n_episodes=1000)
    assert len(everything) == 1, everything


def test_a_flipped_byte_is_found(run: Path, undisturbed: Path) -> None:
    path = run / "candidates" / "part-000003.parquet"
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.write_bytes(data)
    assert "damaged" in problems(run, undisturbed)


def test_half_a_commit_is_found(run: Path, undisturbed: Path) -> None:
    (run / "state" / ".000004.npz.tmp").touch()
    assert "left by a commit" in problems(run, undisturbed)
    (run / "state" / ".000004.npz.tmp").unlink()
    (run / "state" / "000003.npz").unlink()
    assert problems(run, undisturbed) != ""


def test_verify_is_asked(run: Path) -> None:
    spoil(run, "candidates", 1, fitness=0.5)
    executable = str(Path(sys.executable).with_name("spikeloop"))
    assert "does not follow" in "; ".join(invariants.verified(run, executable, os.environ))


def test_what_a_run_leaves_behind_is_found_and_ended(tmp_path: Path) -> None:
    with Sandbox(tmp_path / "box", limited=False) as sandbox:
        assert sandbox.processes() == []
        assert sandbox.litter() == []
        # The parent of the orphan is gone at once.
        orphan = "import subprocess; subprocess.Popen(['sleep', '1000'])"
        subprocess.run([sys.executable, "-c", orphan], env=sandbox.environment, check=True)
        # Another one has overwritten its environment with its title.
        subprocess.run([sys.executable, "-c", orphan], env={}, cwd=sandbox.folder, check=True)
        left = sandbox.processes()
        assert [process.name() for process in left] == ["sleep", "sleep"]
        assert wait_until_gone(left, 0.0) is None
        (sandbox.temporary / "spikeloop-abc").mkdir()
        assert sandbox.litter() == [str(sandbox.temporary / "spikeloop-abc")]
    assert wait_until_gone(left, 10.0) is not None
    assert not (tmp_path / "box").exists()


def test_plans_are_functions_of_the_seed() -> None:
    assert plans(50, 1, True) == plans(50, 1, True)
    assert plans(50, 1, True) != plans(50, 2, True)
    assert plans(50, 1, True)[:10] == plans(10, 1, True)[:10], "a failing run replays alone"


def test_plans_deal_every_fault_often_and_leave_each_a_generation() -> None:
    dealt = plans(50, 1, True)
    strikes = [strike for plan in dealt for strike in plan.strikes]
    assert all(len(plan.strikes) >= 3 for plan in dealt)
    counts = Counter(strike.fault for strike in strikes)
    assert counts.keys() == FAULTS.keys()
    assert min(counts.values()) >= 9
    moments = [s.after for plan in dealt[:50] for s in plan.strikes if s.after is not None]
    assert min(moments) == START and max(moments) == SCENES[0].last
    unlimited = {strike.fault for plan in plans(50, 1, False) for strike in plan.strikes}
    assert FAULTS.keys() - unlimited == {"memory", "disk"}


def test_stretched_episodes_are_those_of_the_learner_they_stretch() -> None:
    family = RandomMdp(n_states=3, n_actions=2, n_steps=50)
    stretched = Stretched()
    tasks = family.sample(2, np.random.default_rng(0))
    space = stretched.space(family.interface)
    parameters = space.decode(space.sample(3, np.random.default_rng(1)))
    seeds = np.arange(6, dtype=np.uint64).reshape(3, 2)
    one, other = (one.run_episodes(parameters, tasks, seeds) for one in (stretched, TabularTd()))
    assert one.returns.tobytes() == other.returns.tobytes()
    assert one.curve.tobytes() == other.curve.tobytes()


def test_a_victim_without_workers_is_asked_again(tmp_path: Path) -> None:
    import psutil

    from chaos.faults import Victim

    with Sandbox(tmp_path / "box", limited=False) as sandbox:
        process = subprocess.Popen(["sleep", "1000"], env=sandbox.environment)
        victim = Victim(psutil.Process(process.pid), sandbox, np.random.default_rng(0))
        # For an instant after the program has been started, it shows an empty environment.
        wait_for(process, lambda: MARKER in victim.coordinator.environ())
        assert not FAULTS["worker"].strike(victim)
    process.wait(LIMIT_S)
    assert MARKER in sandbox.environment
    assert not FAULTS["coordinator_paused"].strike(victim)
