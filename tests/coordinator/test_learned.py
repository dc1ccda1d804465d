"""Weights files: small, whole or refused, read by NumPy alone, trusted no more than a folder."""

import io
import json
import os
import shutil
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.command_line import cli
from support.random_networks import BANDIT, random_network, random_network_file
from support.small_run import small_toml

from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.export import weights as learned
from spikeloop.coordinator.search.deployment import deployed
from spikeloop.coordinator.store import atomic_files, checksums, safe_npz
from spikeloop.coordinator.store.manifest import read_config
from spikeloop.coordinator.store.run_store import RunStore

OTHER = ("--tasks", "4", "--seed", "9", "--inline", "--json")
"""Held-out tasks that no run has run."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    assert cli("run", small_toml(folder / "small.toml"), "--out", folder) == 0
    return folder / "small"


@pytest.fixture(scope="module")
def file(run: Path) -> Path:
    assert cli("export", run, "--to", "weights") == 0
    return run.with_name("small.npz")


def test_a_file_holds_what_the_run_deploys(
    run: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = RunStore.open(run)
    config = read_config(store)
    known = learned.open_learned(file, trust=False)
    assert known.config.tables() == config.tables()
    assert known.point.tobytes() == deployed(config, store).tobytes()
    assert (known.generation, known.episodes) == (3, store.total_episodes())
    assert cli("transfer", run, "--inline", "--json") == 0
    assert known.transfer == json.loads(capsys.readouterr().out)


def test_numpy_and_a_reader_of_json_are_enough(run: Path, file: Path) -> None:
    with np.load(file, allow_pickle=False) as archive:
        assert sorted(archive.files) == ["about", "point"]
        about = json.loads(str(archive["about"]))
    assert about["manifest"]["config"] == json.loads((run / "run.json").read_bytes())["config"]
    assert about["transfer"]["scores"].keys() == {"default", "random", "learned"}


def test_a_file_is_scored_as_its_run_and_nothing_is_written(
    run: Path, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = tmp_path / "alone.npz"
    shutil.copy(file, alone)
    before = alone.read_bytes()
    assert cli("transfer", run, *OTHER) == 0
    expected = json.loads(capsys.readouterr().out)
    assert cli("transfer", alone, *OTHER) == 0
    assert json.loads(capsys.readouterr().out) == expected
    assert [path.name for path in tmp_path.iterdir()] == ["alone.npz"]
    assert alone.read_bytes() == before
    assert cli("transfer", alone, "--inline") == 0
    shown = capsys.readouterr().out
    assert "Score on 6 held-out tasks" in shown
    assert "learned - default: " in shown


def test_a_run_on_its_way_is_exported_as_it_stands(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "early")
    store = RunStore.open(tmp_path / "early")
    store.go_back(1)
    assert cli("export", store.folder, "--to", "weights") == 0
    known = learned.open_learned(tmp_path / "early.npz", trust=False)
    assert (known.generation, known.episodes, known.transfer) == (1, store.total_episodes(), None)
    assert known.point.tobytes() == deployed(read_config(store), store).tobytes()
    store.go_back(-1)
    assert cli("export", store.folder, "--to", "weights", "--out", tmp_path / "none.npz") == 2


def test_a_file_can_be_made_from_a_file(file: Path, tmp_path: Path) -> None:
    assert cli("export", file, "--to", "weights", "--out", tmp_path / "again.npz") == 0
    assert (tmp_path / "again.npz").read_bytes() == file.read_bytes()


def test_a_point_is_kept_in_single_precision_where_that_holds_it(tmp_path: Path) -> None:
    known = random_network(BANDIT, n_neurons=100)
    learned.write(tmp_path / "a.npz", known)
    found = learned.open_learned(tmp_path / "a.npz", trust=False)
    assert found.point.tobytes() == known.point.tobytes()
    assert known.point.size > 10_000
    assert (tmp_path / "a.npz").stat().st_size < 4 * known.point.size + 5_000


@pytest.mark.parametrize("last", [1 + 2.0**-30, 1e300])
def test_any_other_point_is_kept_to_the_last_bit(tmp_path: Path, last: float) -> None:
    known = random_network(BANDIT)
    known = replace(known, point=np.append(known.point[:-1], last))
    learned.write(tmp_path / "a.npz", known)
    found = learned.open_learned(tmp_path / "a.npz", trust=False)
    assert found.point.tobytes() == known.point.tobytes()


def test_nothing_is_overwritten(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = file.read_bytes()
    assert cli("export", file, "--to", "weights") == 2
    assert "exists already; choose another with --out" in capsys.readouterr().err
    assert file.read_bytes() == before


# ----------------------------------------------------------------------------------------- damage


def refused(path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """The one line with which two commands refuse a file."""
    lines = set()
    for command in (("transfer", path, "--inline"), ("export", path, "--to", "brian2")):
        capsys.readouterr()
        assert cli(*command) == 2
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.count("\n") == 1
        lines.add(printed.err)
    assert len(lines) == 1
    return lines.pop()


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.9, 0.999])
def test_a_file_that_was_cut_off(
    file: Path, tmp_path: Path, share: float, capsys: pytest.CaptureFixture[str]
) -> None:
    data, cut = file.read_bytes(), tmp_path / "cut.npz"
    cut.write_bytes(data[: int(share * len(data))])
    assert f"{cut}: damaged: it is cut off" in refused(cut, capsys)


def test_any_flipped_bit_is_seen(file: Path, tmp_path: Path) -> None:
    data, flipped = file.read_bytes(), tmp_path / "flipped.npz"
    for place in range(0, len(data), 97):
        changed = bytearray(data)
        changed[place] ^= 1 << place % 8
        flipped.write_bytes(changed)
        with pytest.raises(ConfigError, match=r"flipped\.npz: damaged: "):
            learned.open_learned(flipped, trust=True)


def test_other_archives_are_no_weights_files(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez(tmp_path / "plain.npz", point=np.zeros(3))
    assert "it is cut off or was never whole" in refused(tmp_path / "plain.npz", capsys)
    shutil.copy(run / "state" / "000001.npz", tmp_path / "state.npz")
    assert "no weights file" in refused(tmp_path / "state.npz", capsys)
    assert "not a run folder" in refused(tmp_path / "missing.npz", capsys)
    assert "not a run folder" in refused(Path("/dev/zero"), capsys)
    os.mkfifo(tmp_path / "pipe.npz")
    assert "not a run folder" in refused(tmp_path / "pipe.npz", capsys)
    for path in (tmp_path / "pipe.npz", Path("/dev/zero"), tmp_path):
        with pytest.raises(ConfigError, match=f"{path}: cannot be read: it is no regular file"):
            atomic_files.open_arrays(path, 1)


def test_a_file_without_end_is_not_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open(tmp_path / "large.npz", "wb") as file:
        file.truncate(learned.LARGEST + 1)  # a hole, which takes no room
    assert "large.npz: cannot be read: it is too large: it has more than 1024 MiB" in refused(
        tmp_path / "large.npz", capsys
    )


@pytest.mark.parametrize("name", ["about", "point"])
def test_what_would_become_large_is_not_unpacked(
    file: Path,
    tmp_path: Path,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Zeros are a thousandth of their size in a file."""
    arrays, _ = atomic_files.read_arrays(file)
    arrays[name] = np.array("0" * 100_000) if name == "about" else np.zeros(100_000)
    atomic_files.write_arrays(tmp_path / "bomb.npz", arrays, learned.FORMAT, compressed=True)
    assert (tmp_path / "bomb.npz").stat().st_size < 20_000
    monkeypatch.setattr(learned, "LARGEST_ABOUT", 100_000)
    read, unpacked = safe_npz.Arrays.read, []

    def noted(arrays: safe_npz.Arrays, asked: str, largest: int) -> Any:
        array = read(arrays, asked, largest)
        unpacked.append(asked)
        return array

    monkeypatch.setattr(safe_npz.Arrays, "read", noted)
    assert "bomb.npz: damaged: " in refused(tmp_path / "bomb.npz", capsys)
    assert name not in unpacked


def test_an_array_that_says_to_be_larger_than_it_is_is_not_read(tmp_path: Path) -> None:
    member = io.BytesIO()
    npy: Any = np.lib.format
    npy.write_array_header_1_0(member, {"shape": (10**15,), "fortran_order": False, "descr": "<f8"})
    with zipfile.ZipFile(tmp_path / "claims.npz", "w") as archive:
        archive.writestr("point.npy", member.getvalue())
        archive.writestr("odd.npy", b"")
        archive.comment = json.dumps({**learned.FORMAT, "sha256": checksums.EMPTY}).encode()
    data = bytearray((tmp_path / "claims.npz").read_bytes())
    checksums.insert(memoryview(data))
    (tmp_path / "claims.npz").write_bytes(data)
    arrays = atomic_files.open_arrays(tmp_path / "claims.npz", 10_000)
    with pytest.raises(ValueError, match="not as large as it says"):
        arrays.read("point", 10**18)
    with pytest.raises(KeyError):
        arrays.shape("about")
    with pytest.raises(safe_npz.NOT_ITS_OWN):
        arrays.shape("odd")


DEEP = "[" * 100_000 + "]" * 100_000


@pytest.mark.parametrize(
    ("about", "point"),
    [
        ("no JSON", None),
        ("[]", None),
        ("{}", None),
        (DEEP, None),
        ({"manifest": 3}, None),
        ({"manifest": {}}, None),
        ({"manifest": {"config": []}}, None),
        ({"fingerprint": 3}, None),
        ({"generation": "x"}, None),
        ({"generation": float("inf")}, None),
        ({"generation": float("nan")}, None),
        ({"generation": -1}, None),
        ({"episodes": 1.5}, None),
        ({"episodes": None}, None),
        ({"transfer": 1}, None),
        (None, [1.0]),
        (None, [[]]),
        (None, ["x"]),
        (None, "nan"),
    ],
)
def test_what_is_sealed_but_senseless(
    file: Path, tmp_path: Path, about: Any, point: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    arrays, _ = atomic_files.read_arrays(file)
    if isinstance(about, dict):
        whole = json.loads(str(arrays["about"]))
        if "fingerprint" in about:
            about = {"manifest": {**whole["manifest"], **about}}
        about = json.dumps({**whole, **about})
    if about is not None:
        arrays["about"] = np.array(about)
    if point is not None:
        arrays["point"] = (
            np.full_like(arrays["point"], np.nan) if point == "nan" else np.array(point)
        )
    atomic_files.write_arrays(tmp_path / "odd.npz", arrays, learned.FORMAT)
    assert "odd.npz: damaged: " in refused(tmp_path / "odd.npz", capsys)


def test_later_versions_and_pickles(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arrays, _ = atomic_files.read_arrays(file)
    atomic_files.write_arrays(tmp_path / "later.npz", arrays, {**learned.FORMAT, "version": "3"})
    assert "written with version 3" in refused(tmp_path / "later.npz", capsys)
    with pytest.raises(ValueError, match="Object arrays"):
        atomic_files.write_arrays(tmp_path / "x.npz", {"point": np.array([print])}, learned.FORMAT)


# ------------------------------------------------------------------------------------------ trust

MODULE = """
from pathlib import Path
from typing import Literal
from spikeloop.workers.learners.tabular.learner import TabularTd

Path(__file__).with_name("ran").touch()

class Mine(TabularTd):
    kind: Literal["mine"] = "mine"
"""


@pytest.fixture
def forgetful(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Imports are forgotten after a test, and nobody has begun the runs of others."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
    path = list(sys.path)
    yield
    sys.path[:] = path
    sys.modules.pop("stranger_learned", None)


@pytest.mark.usefixtures("forgetful")
def test_own_classes_of_a_file_need_trust_unless_its_run_was_begun_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "stranger_learned.py").write_text(MODULE)
    toml = small_toml(tmp_path / "small.toml", run={"generations": 1})
    toml.write_text(toml.read_text().replace('"tabular_td"', '"stranger_learned:Mine"'))
    assert cli("run", toml, "--out", tmp_path) == 0
    assert cli("export", tmp_path / "small", "--to", "weights") == 0
    file, mark = tmp_path / "small.npz", tmp_path / "ran"

    def forget() -> None:
        sys.modules.pop("stranger_learned")
        sys.path.remove(str(tmp_path))
        mark.unlink()

    forget()
    assert cli("transfer", file, *OTHER) == 0
    forget()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "somebody else"))
    told = refused(file, capsys)
    assert "'stranger_learned:Mine' is a class of its author's own" in told
    assert "--trust" in told
    assert not mark.exists()
    assert "stranger_learned" not in sys.modules
    assert str(tmp_path) not in sys.path
    assert cli("transfer", file, *OTHER, "--trust") == 0
    assert mark.exists()


@pytest.mark.usefixtures("forgetful")
def test_a_file_leads_to_no_cluster_and_no_place_for_copies(
    tmp_path: Path, run: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = learned.open_learned(file, trust=False)
    config = json.loads(json.dumps(known.config.tables()))
    config["target"] = {"kind": "ray", "address": "127.0.0.1:1"}
    config["run"]["copy_to"] = str(tmp_path / "elsewhere")
    strange = replace(known, manifest={**known.manifest, "config": config})
    learned.write(tmp_path / "strange.npz", strange)
    assert cli("transfer", tmp_path / "strange.npz") == 2
    told = capsys.readouterr().err
    assert "would connect to the Ray cluster at 127.0.0.1:1 with your token" in told
    assert "--inline" in told
    assert cli("transfer", tmp_path / "strange.npz", *OTHER) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["strange.npz"]


def test_a_file_says_where_it_comes_from(
    tmp_path: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Other code is no reason to warn, as it is before a run goes on: files are used long after."""
    known = learned.open_learned(file, trust=False)
    older = {**known.manifest, "fingerprint": {**known.manifest["fingerprint"], "numpy": "1.0"}}
    learned.write(tmp_path / "older.npz", replace(known, manifest=older))
    origin = learned.open_learned(tmp_path / "older.npz", trust=False).origin
    assert origin.startswith(f"older.npz: learned by run {known.config.run.name} in ")
    assert "numpy 1.0)" in origin
    assert capsys.readouterr().err == ""


def test_a_network_is_drawn_the_same_twice(tmp_path: Path) -> None:
    """What the tests of exports start from."""
    one, other = (random_network_file(tmp_path / name, BANDIT) for name in ("a.npz", "b.npz"))
    points = [learned.open_learned(path, trust=False).point for path in (one, other)]
    assert points[0].tobytes() == points[1].tobytes()
