"""Folders that are no run's: any JSON as ``run.json``, any bytes as the files beside it."""

import json
import shutil
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fuzz.promise import examples, own_folder, run_and_check
from fuzz.values import HUGE, texts
from spikeloop.coordinator.store import atomic_files

plain = (
    st.none()
    | st.booleans()
    | st.integers(-2, 5)
    | st.sampled_from(HUGE)
    | st.floats()
    | texts
    | st.sampled_from(("\ud800", "\0", "/", "..", "schema_version", "config", "run"))
)
values = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
COMMANDS = (
    ("resume", "--inline"),
    ("verify",),
    ("verify", "--json"),
    ("transfer", "--inline"),
    ("interpret",),
    ("report",),
)
FILES = (
    "state/000000.npz",
    "state/000001.npz",
    "generations/part-000001.parquet",
    "episodes/part-000001.parquet",
    "transfer/part-000000.parquet",
    "state",
    "figures",
    "report.html",
    ".lock",
)


@st.composite
def changed(draw: st.DrawFn, value: Any) -> Any:
    """A JSON value in which one of the values at any depth is another, or gone."""
    if not value or not isinstance(value, dict | list) or draw(st.integers(0, 5)) == 0:
        return draw(values)
    copy = dict(value) if isinstance(value, dict) else list(value)
    at = draw(st.sampled_from(sorted(copy) if isinstance(copy, dict) else range(len(copy))))
    if draw(st.integers(0, 7)) == 0:
        del copy[at]
    else:
        copy[at] = draw(changed(copy[at]))
    return copy


@examples(12)
@given(st.data())
def test_another_manifest_in_a_run_folder(run: Path, data: st.DataObject) -> None:
    command, *options = data.draw(st.sampled_from(COMMANDS))
    with own_folder():
        shutil.copytree(run, "it")
        manifest: Any = atomic_files.read_json(Path("it/run.json"))
        for _ in range(data.draw(st.integers(1, 2))):
            manifest = data.draw(changed(manifest))
        try:
            atomic_files.write_json(Path("it/run.json"), manifest)
        except (AttributeError, UnicodeEncodeError):  # no object, or text that no checksum is of
            Path("it/run.json").write_text(json.dumps(manifest))
        run_and_check(command, "it", *options)


@examples(60)
@given(st.data())
def test_any_files(data: st.DataObject) -> None:
    command, *options = data.draw(st.sampled_from(COMMANDS))
    names = data.draw(st.lists(st.sampled_from(FILES), max_size=3))
    with own_folder() as folder:
        Path("it").mkdir()
        manifest = data.draw(st.sampled_from(("run.json", "comparison.json")))
        text = data.draw(st.binary(max_size=20) | values.map(json.dumps).map(str.encode))
        Path("it", manifest).write_bytes(text)
        for name in names:
            path = folder / "it" / name
            if not path.exists() and path.parent.is_dir():
                path.write_bytes(data.draw(st.binary(max_size=30)))
        run_and_check(command, "it", *options)


@examples(50)
@given(st.binary(max_size=30) | values.map(json.dumps).map(str.encode))
def test_any_file_as_a_calibration(content: bytes) -> None:
    with own_folder():
        Path("chip.json").write_bytes(content)
        assert (
            run_and_check("chip", "inspect", "--calibration", "chip.json", "--out", "to").code == 2
        )
