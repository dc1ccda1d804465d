"""Manifests for KubeRay agree with the published schemas, are safe, and their command works."""

import base64
import copy
import itertools
import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from deploy.manifests import faults, pod_templates
from hypothesis import given, settings
from hypothesis import strategies as st
from support.command_line import cli
from support.small_comparison import comparison_toml
from support.small_run import small_toml

from spikeloop.cluster.manifests.kubernetes_manifests import (
    MAX_CONFIG_MAP,
    MAX_NAME,
    Kubernetes,
    block,
    key,
    object_name,
    quoted,
    run_manifest,
)
from spikeloop.coordinator.config.load import load, override

ROOT = Path(__file__).parents[3]
RUN_NAMES = st.from_regex(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*", fullmatch=True)
Object = dict[str, Any]
Capture = pytest.CaptureFixture[str]


def made(capsys: Capture, *arguments: str | Path) -> dict[str, Object]:
    """The objects that the command prints, by their kind."""
    assert cli("kubernetes", *arguments) == 0
    objects = list(yaml.safe_load_all(capsys.readouterr().out))
    assert faults(objects) == []
    assert len({one["kind"] for one in objects}) == len(objects)
    return {one["kind"]: one for one in objects}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return small_toml(tmp_path / "small.toml")


def options(**values: object) -> list[str]:
    """Overrides of the table ``[kubernetes]``."""
    return [
        word for key, value in values.items() for word in ("--set", f"kubernetes.{key}={value}")
    ]


OPTIONS = [
    options(),
    options(image="registry.example:5000/a/b@sha256:0af1"),
    options(workers=9, cpus=16, memory="64Gi", head_memory="512Mi"),
    options(namespace="research", network_policy="false"),
    options(claim="my-volume"),
    options(size="2Ti"),
    options(secret="store-keys", token_secret="ray.token"),
]


@pytest.mark.parametrize("mode", [(), ("--standing",), ("--reader",)], ids=str)
def test_all_options_make_valid_manifests(
    config: Path, capsys: Capture, mode: tuple[str, ...]
) -> None:
    for choice in (*OPTIONS, list(itertools.chain(*OPTIONS))):
        made(capsys, config, *mode, *choice)


def test_the_table_of_the_configuration_is_read_and_changes_no_run(
    tmp_path: Path, capsys: Capture
) -> None:
    config = small_toml(tmp_path / "small.toml")
    tables = load(config).tables()
    with config.open("a") as file:
        file.write("\n[kubernetes]\nworkers = 7\n")
    (workers,) = made(capsys, config)["RayJob"]["spec"]["rayClusterSpec"]["workerGroupSpecs"]
    assert workers["replicas"] == 7
    job = made(capsys, config, *options(workers=8))["RayJob"]["spec"]
    assert job["rayClusterSpec"]["workerGroupSpecs"][0]["replicas"] == 8
    assert "kubernetes" not in job["entrypoint"]
    assert load(config).tables() == tables


def test_a_run_has_config_policy_volume_and_job(config: Path, capsys: Capture) -> None:
    sizes = options(workers=3, cpus=8, memory="6Gi", namespace="lab")
    objects = made(capsys, config, *sizes)
    assert list(objects) == ["ConfigMap", "NetworkPolicy", "PersistentVolumeClaim", "RayJob"]
    assert {one["metadata"]["namespace"] for one in objects.values()} == {"lab"}
    spec = objects["RayJob"]["spec"]
    cluster = spec["rayClusterSpec"]
    assert spec["backoffLimit"] > 0
    assert spec["shutdownAfterJobFinishes"] is True
    assert cluster["authOptions"] == {"mode": "token"}
    assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    (workers,) = cluster["workerGroupSpecs"]
    assert workers["replicas"] == workers["minReplicas"] == workers["maxReplicas"] == 3
    assert workers["rayStartParams"]["num-cpus"] == "8"
    first, worker = (template["spec"] for template in pod_templates(objects["RayJob"]))
    assert worker["containers"][0]["resources"]["limits"] == {"cpu": "8", "memory": "6Gi"}
    mounts = {m["mountPath"]: m for m in first["containers"][0]["volumeMounts"]}
    assert mounts.keys() == {"/results", "/config/small.toml"}
    claim = {"persistentVolumeClaim": {"claimName": "small-results"}, "name": "results"}
    assert claim in first["volumes"]
    assert "volumes" not in worker


def test_pods_keep_the_restricted_security_standard(config: Path, capsys: Capture) -> None:
    """The Pod Security Standard "restricted", and no way to the Kubernetes API."""
    pods = []
    for mode in ((), ("--standing",), ("--reader",)):
        for one in made(capsys, config, *mode).values():
            if one["apiVersion"] == "ray.io/v1":
                pods += [template["spec"] for template in pod_templates(one)]
            elif one["kind"] == "Pod":
                pods.append(one["spec"])
    assert len(pods) == 5
    for pod in pods:
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
        for volume in pod.get("volumes", []):
            assert volume.keys() <= {"name", "configMap", "emptyDir", "persistentVolumeClaim"}
        for container in pod["containers"]:
            rules = container["securityContext"]
            assert rules == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
            assert container["resources"]["requests"] == container["resources"]["limits"]


def test_a_standing_cluster_needs_no_configuration(capsys: Capture) -> None:
    objects = made(capsys, "--standing")
    assert list(objects) == ["NetworkPolicy", "PersistentVolumeClaim", "RayCluster"]
    assert objects["RayCluster"]["metadata"]["name"] == "spikeloop"
    first, _ = pod_templates(objects["RayCluster"])
    assert {"name": "SPIKELOOP_RUNS", "value": "/results"} in first["spec"]["containers"][0]["env"]


def test_the_network_policy_chooses_the_pods_of_its_cluster(config: Path, capsys: Capture) -> None:
    for mode, kind in (((), "RayJob"), (("--standing",), "RayCluster")):
        objects = made(capsys, config, *mode)
        policy = objects["NetworkPolicy"]["spec"]
        chosen = policy["podSelector"]["matchLabels"]
        for template in pod_templates(objects[kind]):
            assert chosen.items() <= template["metadata"]["labels"].items()
        own, operator, prometheus = policy["ingress"]
        assert own == {"from": [{"podSelector": {"matchLabels": chosen}}]}
        assert [port["port"] for port in operator["ports"]] == [8265]
        assert [port["port"] for port in prometheus["ports"]] == [8080]
        assert "NetworkPolicy" not in made(capsys, config, *mode, *options(network_policy="false"))


def test_secrets_are_named_and_never_printed(
    config: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = {"RAY_AUTH_TOKEN": "hidden-token", "AWS_SECRET_ACCESS_KEY": "hidden-key"}
    for name, value in hidden.items():
        monkeypatch.setenv(name, value)
    assert cli("kubernetes", config, *options(secret="store", token_secret="mine")) == 0
    text = capsys.readouterr().out
    assert "hidden" not in text
    job = next(one for one in yaml.safe_load_all(text) if one["kind"] == "RayJob")
    assert job["spec"]["rayClusterSpec"]["authOptions"]["secretName"] == "mine"
    first, worker = (t["spec"]["containers"][0] for t in pod_templates(job))
    assert first["envFrom"] == [{"secretRef": {"name": "store"}}]
    assert "envFrom" not in worker


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (options(memory="4GB"), ("[kubernetes] memory", "'4GB'")),
        (options(workers=0), ("[kubernetes] workers", "0")),
        (options(image='"a: b\\nc: d"'), ("[kubernetes] image",)),
        (options(namespace="Lab"), ("[kubernetes] namespace", "'Lab'")),
        (options(secret='"x\\n  y"'), ("[kubernetes] secret",)),
        (options(wrokers=1), ("[kubernetes]", "'wrokers'", "'workers'")),
        (["--set", "kubernetes=3"], ("--set kubernetes",)),
        (["--set", "strategy.sgima=1"], ("[strategy]", "'sigma'")),
        (["--standing", "--reader"], ("--standing", "--reader")),
        (options(claim="none"), ("kubernetes.claim", "run.upload_to")),
        (["--reader", *options(claim="none")], ("--reader", "kubernetes.claim")),
        (["--set", "run.seed=\udcff"], ("--set", "UTF-8")),
    ],
)
def test_errors_are_one_line(
    config: Path, capsys: Capture, arguments: list[str], words: tuple[str, ...]
) -> None:
    assert cli("kubernetes", config, *arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert all(word in shown.err for word in words), shown.err
    assert shown.err.count("\n") == 1


def test_the_manifest_may_go_to_a_file(config: Path, capsys: Capture, tmp_path: Path) -> None:
    assert cli("kubernetes", config) == 0
    shown = capsys.readouterr().out
    assert cli("kubernetes", config, "--out", tmp_path / "run.yaml") == 0
    told = capsys.readouterr().out
    assert "RayJob: small\n" in told and "kubectl apply --server-side -f" in told
    assert (tmp_path / "run.yaml").read_text() == shown


def read(manifest: str) -> list[Object]:
    return list(yaml.safe_load_all(manifest))


def valid() -> dict[str, Object]:
    files = {"run.toml": b"[run]\n", "my_package/part.py": b"X = 1\n", "table.npy": b"\x93NUMPY"}
    objects = read(run_manifest("demo", files, "true", {}, "2.60.0", Kubernetes()))
    return {one["kind"]: one for one in objects}


def cluster(objects: dict[str, Object]) -> Any:
    return objects["RayJob"]["spec"]["rayClusterSpec"]


def container(objects: dict[str, Object]) -> Any:
    return cluster(objects)["headGroupSpec"]["template"]["spec"]["containers"][0]


MISTAKES: dict[str, Callable[[dict[str, Object]], Any]] = {
    "type in the job": lambda o: o["RayJob"]["spec"].update(ttlSecondsAfterFinished="600"),
    "submission mode": lambda o: o["RayJob"]["spec"].update(submissionMode="HttpMode"),
    "name": lambda o: o["RayJob"]["metadata"].update(name="de_mo"),
    "value of a label": lambda o: o["RayJob"]["metadata"]["labels"].update(a="b c"),
    "version": lambda o: cluster(o).update(rayVersion="2.51.0"),
    "no head": lambda o: cluster(o).pop("headGroupSpec"),
    "type of a variable": lambda o: container(o)["env"].append({"name": "A", "value": 1}),
    "mount": lambda o: container(o)["volumeMounts"].append({"name": "no", "mountPath": "/a"}),
    "file": lambda o: container(o)["volumeMounts"][1].update(subPath="other.toml"),
    "key of a file": lambda o: o["ConfigMap"]["data"].update({"a/b": ""}),
    "size of a file": lambda o: o["ConfigMap"]["data"].update(a="x" * (1 << 20)),
    "claim": lambda o: o["PersistentVolumeClaim"]["spec"].update(accessModes="ReadWriteOnce"),
    "policy": lambda o: o["NetworkPolicy"]["spec"].update(ingres=[]),
}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_the_checks_find_planted_mistakes(mistake: Callable[[dict[str, Object]], Any]) -> None:
    assert faults(list(valid().values())) == []
    objects = copy.deepcopy(valid())
    mistake(objects)
    assert faults(list(objects.values())) != []


@given(RUN_NAMES)
def test_any_run_name_becomes_a_name_of_kubernetes(run: str) -> None:
    name = object_name(run)
    assert re.fullmatch(r"[a-z]([a-z0-9-]*[a-z0-9])?", name)
    assert len(name) <= MAX_NAME
    assert object_name(name) == name
    assert len(f"{name}-head-svc") <= 63


def test_names_differ_that_only_look_alike() -> None:
    alike = ["a-b", "a_b", "a.b", "A-B", "-a-b", "a-b-", "a--b", "1", "_1", "x" * 60, "x" * 61]
    assert len({object_name(run) for run in alike}) == len(alike)
    assert object_name("my-run-7") == "my-run-7"
    assert object_name("My_Run") == "my-run-309ffa"


@given(st.lists(st.text(max_size=30), unique=True, max_size=20))
def test_every_file_has_a_key_of_its_own(paths: list[str]) -> None:
    keys = {key(path) for path in [*paths, "a/b.py", "a..b.py", "a.b.py"]}
    assert len(keys) == len({*paths, "a/b.py", "a..b.py", "a.b.py"})
    assert all(re.fullmatch(r"[a-zA-Z0-9_][-._a-zA-Z0-9]{0,200}", one) for one in keys)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\n\r\t #:'\"|>&*{}%"))


@pytest.mark.exhaustive
@settings(max_examples=50)
@given(st.dictionaries(st.sampled_from(["run.toml", "a b.py"]), TEXTS), TEXTS, st.binary())
def test_hostile_texts_stay_texts(files: dict[str, str], command: str, data: bytes) -> None:
    every = {"data.bin": data, **{path: text.encode() for path, text in files.items()}}
    settings = Kubernetes()
    manifest = read(run_manifest("demo", every, command, {"key": command}, "2.60.0", settings))
    plain = read(run_manifest("demo", every, "", {"key": ""}, "2.60.0", settings))
    contents = {**manifest[0].get("data", {}), **manifest[0].get("binaryData", {})}
    texts = {key(path): text for path, text in files.items()}
    assert texts.items() <= contents.items() and contents.keys() == {*texts, "data.bin"}
    job = manifest[-1]["spec"]
    assert job.pop("entrypoint") == plain[-1]["spec"].pop("entrypoint") + command
    assert (job.pop("metadata"), plain[-1]["spec"].pop("metadata")) == (
        {"key": command},
        {"key": ""},
    )
    assert manifest == plain


@given(TEXTS)
def test_blocks_of_lines_are_read_as_they_were(text: str) -> None:
    document = f"a:\n  b: {block(text, 4)}\n  c: {quoted(text)}\n"
    assert yaml.safe_load(document) == {"a": {"b": text, "c": text}}


def arranged(objects: dict[str, Object], root: Path) -> None:
    """Lays the head's files in a folder as its mounts say."""
    files = {name: text.encode() for name, text in objects["ConfigMap"]["data"].items()}
    for name, text in objects["ConfigMap"].get("binaryData", {}).items():
        files[name] = base64.b64decode(text)
    template, _ = pod_templates(objects["RayJob"])
    for mount in template["spec"]["containers"][0]["volumeMounts"]:
        path = root / mount["mountPath"].lstrip("/")
        if "subPath" in mount:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(files[mount["subPath"]])
        else:
            path.mkdir(parents=True)


@pytest.mark.parametrize("name", ["mdp_evolution", "maze_evolution", "mdp_opened"])
def test_the_head_reads_the_same_configuration(name: str, capsys: Capture, tmp_path: Path) -> None:
    path = ROOT / "examples" / f"{name}.toml"
    objects = made(capsys, path, "--set", "run.seed=9", "--set", 'run.name="1e3"')
    arranged(objects, tmp_path)
    words = shlex.split(objects["RayJob"]["spec"]["entrypoint"])
    sets = [words[i + 1] for i, word in enumerate(words) if word == "--set"]
    parsed = load(tmp_path / "config" / f"{name}.toml", dict(map(override, sets)))
    assert parsed.tables() == load(path, {"run.seed": 9, "run.name": "1e3"}).tables()


@pytest.mark.parametrize("kind", ["comparison", "sweep"])
def test_comparisons_and_sweeps_become_jobs_too(kind: str, tmp_path: Path, capsys: Capture) -> None:
    path, grid = (
        tmp_path / "small.toml",
        ["--over", "strategy.population_size=6,12", "--seeds", "2"],
    )
    if kind == "comparison":
        path, grid = comparison_toml(path), []
    else:
        small_toml(path)
    with path.open("a") as file:
        file.write("\n[kubernetes]\nworkers = 7\n")
    objects = made(capsys, path, *grid, *options(cpus=3), "--set", "run.tasks=3")
    arranged(objects, tmp_path / "head")
    spec = objects["RayJob"]["spec"]
    words = shlex.split(spec["entrypoint"])
    command = {"comparison": "compare", "sweep": "sweep"}[kind]
    assert words[words.index("spikeloop.coordinator.cli.job") + 1] == command
    assert [words[i + 1] for i, word in enumerate(words) if word == "--set"] == [
        "run.tasks=3",
        f'{kind}.name="small"',
    ]
    assert (tmp_path / "head" / "config" / "small.toml").read_bytes() == path.read_bytes()
    assert spec["metadata"]["spikeloop.kind"] == kind
    (workers,) = spec["rayClusterSpec"]["workerGroupSpecs"]
    assert (workers["replicas"], workers["rayStartParams"]["num-cpus"]) == (7, "3")
    assert cli("kubernetes", path, *grid, *options(claim="none")) == 2
    assert f"a {kind} is not uploaded" in capsys.readouterr().err


@pytest.fixture
def own_classes(tmp_path: Path) -> Path:
    """A configuration whose learner has a package and a table beside it.

    This process imports a module of a name only once, so each test has its own.
    """
    module = f"own_{tmp_path.name}"
    (tmp_path / "own_package").mkdir()
    (tmp_path / "own_package" / "__init__.py").touch()
    (tmp_path / "own_package" / "rates.py").write_text("GENTLE = 0.1\n")
    (tmp_path / "table.bin").write_bytes(b"\xff\x00\x93")
    (tmp_path / f"{module}.py").write_text(
        "from own_package.rates import GENTLE\n"
        "from spikeloop.workers.learners.tabular.learner import TabularTd\n"
        "class Gentle(TabularTd): ...\n"
    )
    return small_toml(tmp_path / "My run.toml", learner={"kind": f"{module}:Gentle"})


def test_files_are_those_that_submit_would_send(
    own_classes: Path, tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "secret.txt").write_text("hidden")
    (tmp_path / ".gitignore").write_text("secret.txt\n")
    objects = made(capsys, own_classes)
    arranged(objects, tmp_path / "head")
    sent = {p.name for p in (tmp_path / "head" / "config").rglob("*") if p.is_file()}
    own = f"own_{tmp_path.name}.py"
    assert sent >= {"My run.toml", own, "__init__.py", "rates.py", "table.bin"}
    assert "hidden" not in str(objects)
    code = json.loads(objects["RayJob"]["spec"]["metadata"]["spikeloop.code"])
    assert "own classes" in code
    spec = made(capsys, own_classes, "--any-code")["RayJob"]["spec"]
    assert spec["metadata"]["spikeloop.code"] == ""


def test_too_large_files_are_refused(own_classes: Path, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "large.csv").write_text("x" * MAX_CONFIG_MAP)
    assert cli("kubernetes", own_classes) == 2
    message = capsys.readouterr().err
    assert all(word in message for word in ("large.csv", "ConfigMap", "kubernetes.image"))
    (tmp_path / ".rayignore").write_text("*.csv\n")
    assert cli("kubernetes", own_classes) == 0
