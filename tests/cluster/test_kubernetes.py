"""Manifests for KubeRay: valid by the published schemas, safe, and the command in them works."""

import base64
import copy
import inspect
import itertools
import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from deploy.manifests import faults, pod_templates
from hypothesis import given, settings
from hypothesis import strategies as st
from support.ray_head import TOKEN, ray_head
from support.small_run import assert_same_contents, small_toml

from spikeloop.cluster.manifests.kubernetes_manifests import (
    MAX_CONFIG_MAP,
    MAX_NAME,
    object_name,
    run_objects,
    standing_objects,
)
from spikeloop.cluster.manifests.kubernetes_pods import CONFIG, RESULTS, Kubernetes, key
from spikeloop.coordinator.cli.kubernetes import as_yaml, kubernetes
from spikeloop.coordinator.cli.main import main
from spikeloop.coordinator.config.load import load, override

ROOT = Path(__file__).parents[2]
RUN_NAMES = st.from_regex(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*", fullmatch=True)
Object = dict[str, Any]
Capture = pytest.CaptureFixture[str]


def cli(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as exit_:
        main(["kubernetes", *map(str, arguments)])
    return int(exit_.value.code or 0)


def made(capsys: Capture, *arguments: str | Path) -> dict[str, Object]:
    """The objects that the command prints, by their kind."""
    assert cli(*arguments) == 0
    objects = list(yaml.safe_load_all(capsys.readouterr().out))
    assert faults(objects) == []
    assert len({one["kind"] for one in objects}) == len(objects)
    return {one["kind"]: one for one in objects}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return small_toml(tmp_path / "small.toml")


def test_help_tells_the_defaults_that_there_are() -> None:
    told = {}
    for option in inspect.signature(kubernetes).parameters.values():
        help_ = option.annotation.__metadata__[0].help
        if found := re.search(r"\[default: (\S+)\]", help_ or ""):
            told[option.name] = found[1]
    fields = Kubernetes.model_fields
    assert told == {
        name: str(fields[name].default)
        for name in ("image", "workers", "cpus", "memory", "head_memory", "size")
    }


OPTIONS: list[tuple[tuple[str, ...], ...]] = [
    ((), ("--image", "registry.example:5000/a/b@sha256:0af1")),
    ((), ("--workers", "9", "--cpus", "16", "--memory", "64Gi", "--head-memory", "512Mi")),
    ((), ("--namespace", "research"), ("--no-network-policy",)),
    ((), ("--claim", "my-volume"), ("--size", "2Ti")),
    ((), ("--secret", "store-keys", "--token-secret", "ray.token")),
]


@pytest.mark.parametrize("mode", [(), ("--standing",), ("--reader",)], ids=str)
def test_all_options_make_valid_manifests(
    config: Path, capsys: Capture, mode: tuple[str, ...]
) -> None:
    for choice in itertools.product(*OPTIONS):
        if sum(map(bool, choice)) in (0, 1, len(choice)):
            made(capsys, config, *mode, *itertools.chain(*choice))


def test_a_run_has_all_it_needs(config: Path, capsys: Capture) -> None:
    objects = made(
        capsys, config, "--workers", "3", "--cpus", "8", "--memory", "6Gi", "--namespace", "lab"
    )
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
    assert mounts.keys() == {RESULTS, f"{CONFIG}/small.toml"}
    claim = {"persistentVolumeClaim": {"claimName": "small-results"}, "name": "results"}
    assert claim in first["volumes"]
    assert "volumes" not in worker


def test_pods_may_do_nothing_but_compute(config: Path, capsys: Capture) -> None:
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
    assert {"name": "SPIKELOOP_RUNS", "value": RESULTS} in first["spec"]["containers"][0]["env"]


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
        assert "NetworkPolicy" not in made(capsys, config, *mode, "--no-network-policy")


def test_secrets_are_named_and_never_told(
    config: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = {"RAY_AUTH_TOKEN": "hidden-token", "AWS_SECRET_ACCESS_KEY": "hidden-key"}
    for name, value in hidden.items():
        monkeypatch.setenv(name, value)
    assert cli(config, "--secret", "store", "--token-secret", "mine") == 0
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
        (("--memory", "4GB"), "memory must be a size such as 512Mi or 4Gi, got '4GB'"),
        (("--workers", "0"), "workers must be >= 1"),
        (("--image", "a: b\nc: d"), "image must be an image such as"),
        (("--namespace", "Lab"), "namespace must be small letters"),
        (("--secret", "x\n  y"), "secret must be small letters"),
        (("--set", "strategy.sgima=1"), "did you mean 'sigma'"),
        (("--standing", "--reader"), "exclude each other"),
        (("--claim", "none"), "run.upload_to"),
        (("--claim", "none", "--reader"), "--claim none has none"),
        (("--set", "run.seed=\udcff"), "must be text in UTF-8"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    config: Path, capsys: Capture, arguments: tuple[str, ...], words: str
) -> None:
    assert cli(config, *arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert words in shown.err
    assert shown.err.count("\n") == 1


def test_the_manifest_may_go_to_a_file(config: Path, capsys: Capture, tmp_path: Path) -> None:
    assert cli(config) == 0
    shown = capsys.readouterr().out
    assert cli(config, "--out", tmp_path / "run.yaml") == 0
    told = capsys.readouterr().out
    assert "RayJob: small\n" in told and "kubectl apply --server-side -f" in told
    assert (tmp_path / "run.yaml").read_text() == shown


def valid() -> dict[str, Object]:
    files = {"run.toml": b"[run]\n", "my_package/part.py": b"X = 1\n", "table.npy": b"\x93NUMPY"}
    objects = run_objects("demo", files, "true", {}, "2.60.0", Kubernetes())
    return {one["kind"]: one for one in objects}


def cluster(objects: dict[str, Object]) -> Any:
    return objects["RayJob"]["spec"]["rayClusterSpec"]


def container(objects: dict[str, Object]) -> Any:
    return cluster(objects)["headGroupSpec"]["template"]["spec"]["containers"][0]


MISTAKES: dict[str, Callable[[dict[str, Object]], Any]] = {
    "key of the job": lambda o: o["RayJob"]["spec"].update(backofLimit=1),
    "type in the job": lambda o: o["RayJob"]["spec"].update(ttlSecondsAfterFinished="600"),
    "submission mode": lambda o: o["RayJob"]["spec"].update(submissionMode="HttpMode"),
    "name": lambda o: o["RayJob"]["metadata"].update(name="de_mo"),
    "length of the name": lambda o: o["RayJob"]["metadata"].update(name="d" * 48),
    "key of the metadata": lambda o: o["RayJob"]["metadata"].update(label={}),
    "type of a label": lambda o: o["RayJob"]["metadata"]["labels"].update(a=1),
    "value of a label": lambda o: o["RayJob"]["metadata"]["labels"].update(a="b c"),
    "key of the cluster": lambda o: cluster(o).update(workerGroupSpec=[]),
    "mode of the token": lambda o: cluster(o)["authOptions"].update(mode="tokens"),
    "version": lambda o: cluster(o).update(rayVersion="2.51.0"),
    "no head": lambda o: cluster(o).pop("headGroupSpec"),
    "start parameter": lambda o: cluster(o)["headGroupSpec"].update(rayStartParams={"num-cpus": 0}),
    "type of a group": lambda o: cluster(o)["workerGroupSpecs"][0].update(replicas="4"),
    "key of a group": lambda o: cluster(o)["workerGroupSpecs"][0].update(replica=4),
    "key of a container": lambda o: container(o).update(volumeMount=[]),
    "type of a variable": lambda o: container(o)["env"].append({"name": "A", "value": 1}),
    "mount": lambda o: container(o)["volumeMounts"].append({"name": "no", "mountPath": "/a"}),
    "file": lambda o: container(o)["volumeMounts"][1].update(subPath="other.toml"),
    "key of a file": lambda o: o["ConfigMap"]["data"].update({"a/b": ""}),
    "type of a file": lambda o: o["ConfigMap"]["data"].update(a=1),
    "size of a file": lambda o: o["ConfigMap"]["data"].update(a="x" * (1 << 20)),
    "claim": lambda o: o["PersistentVolumeClaim"]["spec"].update(accessModes="ReadWriteOnce"),
    "policy": lambda o: o["NetworkPolicy"]["spec"].update(ingres=[]),
}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_the_checks_notice_planted_mistakes(mistake: Callable[[dict[str, Object]], Any]) -> None:
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


@given(RUN_NAMES, RUN_NAMES)
def test_different_runs_have_different_names(one: str, other: str) -> None:
    assert (object_name(one) == object_name(other)) == (one == other)


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


@settings(max_examples=50)
@given(st.dictionaries(st.sampled_from(["run.toml", "a b.py"]), TEXTS), TEXTS, st.binary())
def test_hostile_texts_stay_texts(files: dict[str, str], command: str, data: bytes) -> None:
    every = {"data.bin": data, **{path: text.encode() for path, text in files.items()}}
    objects = run_objects("demo", every, command, {"key": command}, "2.60.0", Kubernetes())
    assert list(yaml.safe_load_all(as_yaml(objects))) == objects


@pytest.mark.parametrize("text", ["1e3", "0x1F", "y", "no", "null", "~", "1:20", "2.60.0", "=", ""])
def test_texts_that_look_like_numbers_are_quoted(text: str) -> None:
    """Readers of YAML differ in what they take for a number or a truth value."""
    line = as_yaml([{"value": text}]).splitlines()[1]
    assert re.fullmatch(r"value: (\"|').*\1", line)


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
    read = load(tmp_path / "config" / f"{name}.toml", dict(map(override, sets)))
    assert read.tables() == load(path, {"run.seed": 9, "run.name": "1e3"}).tables()


def own_classes(folder: Path, module: str) -> Path:
    """A configuration whose learner has a package and a table beside it.

    This process imports a module of a name only once, so each test has its own.
    """
    (folder / "own_package").mkdir(parents=True)
    (folder / "own_package" / "__init__.py").touch()
    (folder / "own_package" / "rates.py").write_text("GENTLE = 0.1\n")
    (folder / "table.bin").write_bytes(b"\xff\x00\x93")
    (folder / f"{module}.py").write_text(
        "from pathlib import Path\n"
        "from own_package.rates import GENTLE\n"
        "from spikeloop.workers.learners.tabular.learner import TabularTd\n"
        "TABLE = Path(__file__).with_name('table.bin').read_bytes()\n"
        "assert TABLE == b'\\xff\\x00\\x93'\n"
        "class Gentle(TabularTd): ...\n"
    )
    return small_toml(folder / "My run.toml", learner={"kind": f"{module}:Gentle"})


@pytest.mark.ray
def test_the_job_of_the_manifest_runs(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Submitted as the operator does, to a real head whose folders lie as the mounts say."""
    config = own_classes(tmp_path / "source", "gentle_job")
    options = ["--set", "run.name=First_Run", "--set", "strategy.sigma=0.3"]
    objects = made(capsys, config, *options)
    assert objects["RayJob"]["metadata"]["name"].startswith("first-run-")
    arranged(objects, tmp_path)
    spec = objects["RayJob"]["spec"]
    entrypoint = spec["entrypoint"].replace(f"cd {CONFIG} ", f"cd {tmp_path}{CONFIG} ")
    assert entrypoint != spec["entrypoint"]
    request = {
        "entrypoint": entrypoint,
        "submission_id": spec["jobId"],
        "metadata": spec["metadata"],
    }
    bearer = {"x-ray-authorization": f"Bearer {TOKEN}"}
    monkeypatch.setenv("RAY_AUTH_TOKEN", TOKEN)
    with ray_head(cores=1) as cluster:
        answer = requests.post(f"{cluster.url}/api/jobs/", json=request, headers=bearer, timeout=60)
        assert answer.ok, answer.text
        for command in (
            ["logs", "First_Run", "--follow"],
            ["fetch", "First_Run", "--out", str(tmp_path / "fetched")],
        ):
            with pytest.raises(SystemExit) as exit_:
                main([*command, "--address", cluster.url])
            shown = capsys.readouterr()
            assert not exit_.value.code, shown
    with pytest.raises(SystemExit) as exit_:
        main(["run", str(config), *options, "--inline", "--out", str(tmp_path / "here")])
    assert not exit_.value.code
    assert_same_contents(tmp_path / "fetched" / "First_Run", tmp_path / "here" / "First_Run")


def test_what_goes_along_is_what_submit_would_send(tmp_path: Path, capsys: Capture) -> None:
    config = own_classes(tmp_path, "gentle_sent")
    (tmp_path / "secret.txt").write_text("hidden")
    (tmp_path / ".gitignore").write_text("secret.txt\n")
    objects = made(capsys, config)
    arranged(objects, tmp_path / "head")
    sent = {p.name for p in (tmp_path / "head" / "config").rglob("*") if p.is_file()}
    assert sent >= {"My run.toml", "gentle_sent.py", "__init__.py", "rates.py", "table.bin"}
    assert "hidden" not in str(objects)
    code = json.loads(objects["RayJob"]["spec"]["metadata"]["spikeloop.code"])
    assert "own classes" in code
    assert made(capsys, config, "--any-code")["RayJob"]["spec"]["metadata"]["spikeloop.code"] == ""


def test_what_is_too_large_is_refused_with_a_way_out(tmp_path: Path, capsys: Capture) -> None:
    config = own_classes(tmp_path, "gentle_large")
    (tmp_path / "large.csv").write_text("x" * MAX_CONFIG_MAP)
    assert cli(config) == 2
    assert "most of them large.csv, and a ConfigMap holds 1000000" in (
        err := capsys.readouterr().err
    )
    assert "an image of your own (--image)" in err
    (tmp_path / ".rayignore").write_text("*.csv\n")
    assert cli(config) == 0


def test_standing_clusters_take_any_name() -> None:
    for name in ("spikeloop", "A_b", "x" * 80):
        assert faults(standing_objects(name, "2.60.0", Kubernetes())) == []
