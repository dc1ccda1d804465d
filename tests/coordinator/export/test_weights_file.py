"""Weights files: small, whole or refused, read by NumPy alone, trusted no more than a folder."""

import io
import json
import math
import os
import shutil
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.command_line import answer, cli, printed, refused
from support.folders import flipped, folder_contents
from support.random_networks import BANDIT, random_network

from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.export import weights as learned
from spikeloop.coordinator.search.deployment import deployed
from spikeloop.coordinator.store import atomic_files, checksums, safe_npz
from spikeloop.coordinator.store.run_folder import RunFolder, read_run
from spikeloop.coordinator.store.run_store import RunStore

pytestmark = pytest.mark.usefixtures("without_figures")

OTHER = ("--tasks", "4", "--seed", "9", "--inline")
"""Held-out tasks that no run has run."""


@pytest.fixture(scope="module")
def file(finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "small.npz"
    assert cli("export", finished_run, "--to", "weights", "--out", path) == 0
    return path


def test_a_weights_file_holds_the_point_that_the_run_deploys(
    finished_run: Path, file: Path
) -> None:
    store = RunStore.open(finished_run)
    config = read_run(store).config
    known = learned.open_learned(file, trust=False)
    assert known.config.tables() == config.tables()
    assert known.point.tobytes() == deployed(RunFolder(config, store)).tobytes()
    assert (known.generation, known.episodes) == (3, store.total_episodes())
    assert known.transfer == answer("transfer", finished_run, "--inline")


def test_numpy_and_json_suffice_to_read_a_weights_file(finished_run: Path, file: Path) -> None:
    with np.load(file, allow_pickle=False) as archive:
        assert sorted(archive.files) == ["about", "point"]
        about = json.loads(str(archive["about"]))
    assert about["manifest"]["config"] == RunStore(finished_run).manifest()["config"]
    assert about["transfer"]["scores"].keys() == {"default", "random", "learned"}
    assert about["network"] is None  # this learner is no network


def test_a_weights_file_is_scored_as_its_run_and_nothing_is_written(
    copied_run: Path, file: Path, tmp_path: Path
) -> None:
    (tmp_path / "alone").mkdir()
    alone = Path(shutil.copy(file, tmp_path / "alone"))
    expected = answer("transfer", copied_run, *OTHER)
    assert answer("transfer", alone, *OTHER) == expected
    assert folder_contents(alone.parent) == {"small.npz": file.read_bytes()}
    shown = printed("transfer", alone, "--inline")
    assert "Score on 6 held-out tasks" in shown
    assert "learned - default: " in shown


def test_an_unfinished_run_is_exported_as_of_its_last_commit(
    copied_run: Path, tmp_path: Path
) -> None:
    store = RunStore.open(copied_run)
    store.go_back(1)
    assert cli("export", store.folder, "--to", "weights") == 0
    known = learned.open_learned(tmp_path / "small.npz", trust=False)
    assert (known.generation, known.episodes, known.transfer) == (1, store.total_episodes(), None)
    assert known.point.tobytes() == deployed(read_run(store)).tobytes()
    store.go_back(-1)
    assert cli("export", store.folder, "--to", "weights", "--out", tmp_path / "none.npz") == 2


@pytest.mark.parametrize(
    ("last", "n_bytes"), [(0.5, 4), (1 + 2.0**-30, 8), (1e300, 8)], ids=["single", "fine", "large"]
)
def test_a_point_is_kept_to_the_last_bit_in_single_precision_if_that_is_exact(
    tmp_path: Path, last: float, n_bytes: int
) -> None:
    known = random_network(BANDIT)
    known = replace(known, point=np.append(known.point[:-1], last))
    learned.write(tmp_path / "a.npz", known)
    found = learned.open_learned(tmp_path / "a.npz", trust=False)
    assert found.point.tobytes() == known.point.tobytes()
    with np.load(tmp_path / "a.npz") as archive:
        assert archive["point"].itemsize == n_bytes


def test_a_weights_file_is_exported_again_with_the_same_bytes_and_not_overwritten(
    file: Path, tmp_path: Path
) -> None:
    before = file.read_bytes()
    assert cli("export", file, "--to", "weights", "--out", tmp_path / "again.npz") == 0
    assert (tmp_path / "again.npz").read_bytes() == before
    error = refused("export", file, "--to", "weights")
    assert "exists already; choose another with --out" in error
    assert file.read_bytes() == before


# ----------------------------------------------------------------------------------------- damage


def refusal(path: Path) -> str:
    """Return the message with which a weights file is refused."""
    with pytest.raises(ConfigError) as caught:
        learned.open_learned(path, trust=False)
    return str(caught.value)


@pytest.mark.parametrize("step", [997, pytest.param(1, marks=pytest.mark.exhaustive)])
def test_a_flipped_bit_and_a_file_that_was_cut_off_are_refused(
    file: Path, tmp_path: Path, step: int
) -> None:
    data, damaged = file.read_bytes(), tmp_path / "damaged.npz"
    for place in range(0, len(data), step):
        for content in (flipped(data, 8 * place + place % 8), data[:place]):
            damaged.write_bytes(content)
            assert f"{damaged}: damaged" in refusal(damaged)


def test_other_files_are_refused(finished_run: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "plain.npz", point=np.zeros(3))
    assert "plain.npz: damaged" in refusal(tmp_path / "plain.npz")
    shutil.copy(finished_run / "state" / "000001.npz", tmp_path / "state.npz")
    assert "no weights file" in refusal(tmp_path / "state.npz")
    os.mkfifo(tmp_path / "pipe.npz")
    for path in (tmp_path / "missing.npz", Path("/dev/zero"), tmp_path / "pipe.npz"):
        assert str(path) in refused("transfer", path, "--inline")
    for path in (tmp_path / "pipe.npz", Path("/dev/zero"), tmp_path):
        with pytest.raises(ConfigError, match=f"{path}: cannot be read"):
            atomic_files.open_arrays(path, 1)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    with open(tmp_path / "large.npz", "wb") as file:
        file.truncate(learned.LARGEST + 1)  # a hole, which takes no room
    assert "large.npz: cannot be read: it is too large" in refusal(tmp_path / "large.npz")


@pytest.mark.parametrize("name", ["about", "point"])
def test_a_member_that_would_become_large_is_not_unpacked(
    file: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Zeros are a thousandth of their size in a file."""
    arrays, _ = atomic_files.read_arrays(file)
    arrays[name] = np.array("0" * 100_000) if name == "about" else np.zeros(100_000)
    atomic_files.write_arrays(tmp_path / "bomb.npz", arrays, learned.FORMAT, compressed=True)
    monkeypatch.setattr(learned, "LARGEST_ABOUT", 100_000)
    read, unpacked = safe_npz.Arrays.read, []

    def noted(arrays: safe_npz.Arrays, asked: str, largest: int) -> Any:
        array = read(arrays, asked, largest)
        unpacked.append(asked)
        return array

    monkeypatch.setattr(safe_npz.Arrays, "read", noted)
    assert "bomb.npz: damaged" in refusal(tmp_path / "bomb.npz")
    assert name not in unpacked


def test_an_array_with_a_false_size_is_not_read(tmp_path: Path) -> None:
    member = io.BytesIO()
    npy: Any = np.lib.format
    npy.write_array_header_1_0(member, {"shape": (10**15,), "fortran_order": False, "descr": "<f8"})
    with zipfile.ZipFile(tmp_path / "claims.npz", "w") as archive:
        archive.writestr("point.npy", member.getvalue())
        archive.comment = json.dumps({**learned.FORMAT, "sha256": checksums.EMPTY}).encode()
    data = bytearray((tmp_path / "claims.npz").read_bytes())
    checksums.insert(memoryview(data))
    (tmp_path / "claims.npz").write_bytes(data)
    arrays = atomic_files.open_arrays(tmp_path / "claims.npz", 10_000)
    with pytest.raises(ValueError, match="not as large as it says"):
        arrays.read("point", 10**18)


DEEP = "[" * 100_000 + "]" * 100_000


@pytest.mark.parametrize(
    ("about", "point"),
    [
        ("no JSON", None),
        ("{}", None),
        (DEEP, None),
        ({"manifest": 3}, None),
        ({"manifest": {"config": [], "fingerprint": {}}}, None),
        ({"manifest": {"config": {}, "fingerprint": 3}}, None),
        ({"generation": float("nan")}, None),
        ({"generation": -1}, None),
        ({"episodes": None}, None),
        ({"transfer": 1}, None),
        (None, [1.0]),
        (None, ["x"]),
        (None, [math.nan] * 4),
    ],
)
def test_wrong_contents_with_a_right_checksum_are_refused(
    file: Path, tmp_path: Path, about: Any, point: Any
) -> None:
    arrays, _ = atomic_files.read_arrays(file)
    if isinstance(about, dict):
        about = json.dumps({**json.loads(str(arrays["about"])), **about})
    if about is not None:
        arrays["about"] = np.array(about)
    if point is not None:
        arrays["point"] = np.array(point)
    atomic_files.write_arrays(tmp_path / "odd.npz", arrays, learned.FORMAT)
    assert "odd.npz: damaged" in refusal(tmp_path / "odd.npz")


@pytest.mark.parametrize("version", ["2", "4"])
def test_other_versions_are_refused(file: Path, tmp_path: Path, version: str) -> None:
    arrays, _ = atomic_files.read_arrays(file)
    other = {**learned.FORMAT, "version": version}
    atomic_files.write_arrays(tmp_path / "other.npz", arrays, other)
    assert f"version {version} of weights files, this program reads 3" in refusal(
        tmp_path / "other.npz"
    )


# ------------------------------------------------------------------------------------------ trust


def changed(known: learned.Learned, table: str, **values: Any) -> learned.Learned:
    """Give the same point with another configuration in its manifest, as a stranger could."""
    manifest = json.loads(json.dumps(known.manifest))
    manifest["config"][table] |= values
    return replace(known, manifest=manifest)


def test_own_classes_of_a_file_need_trust(
    tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = tmp_path / "ran"
    (tmp_path / "stranger_learned.py").write_text(
        f"open({str(mark)!r}, 'w').close()\n"
        "from spikeloop.workers.learners.tabular.learner import TabularTd as Mine\n"
    )
    monkeypatch.setattr(sys, "path", list(sys.path))
    known = changed(
        learned.open_learned(file, trust=False), "learner", kind="stranger_learned:Mine"
    )
    folder = {"working_dir": str(tmp_path)}
    learned.write(tmp_path / "own.npz", replace(known, manifest={**known.manifest, **folder}))
    message = refused("transfer", tmp_path / "own.npz", *OTHER)
    assert "'stranger_learned:Mine' is a class of its author's own" in message
    assert "--trust" in message
    assert not mark.exists()
    assert cli("transfer", tmp_path / "own.npz", *OTHER, "--trust") == 0
    assert mark.exists()
    del sys.modules["stranger_learned"]


def test_a_file_leads_to_no_cluster_and_no_upload(tmp_path: Path, file: Path) -> None:
    known = learned.open_learned(file, trust=False)
    known = changed(known, "target", kind="ray", address="127.0.0.1:1")
    known = changed(known, "run", upload_to=str(tmp_path / "elsewhere"))
    learned.write(tmp_path / "strange.npz", known)
    message = refused("transfer", tmp_path / "strange.npz")
    assert "would connect to the Ray cluster at 127.0.0.1:1 with your token" in message
    assert "--inline" in message
    assert cli("transfer", tmp_path / "strange.npz", *OTHER) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["strange.npz"]


def test_the_origin_names_run_and_versions(
    tmp_path: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Files are used long after, so other code is no reason to warn, as before a run is resumed."""
    known = learned.open_learned(file, trust=False)
    older = {**known.manifest, "fingerprint": {**known.manifest["fingerprint"], "numpy": "1.0"}}
    learned.write(tmp_path / "older.npz", replace(known, manifest=older))
    origin = learned.open_learned(tmp_path / "older.npz", trust=False).origin
    assert origin.startswith(f"older.npz: learned by run {known.config.run.name} in ")
    assert "numpy 1.0)" in origin
    assert capsys.readouterr().err == ""
