"""Every `ray start` that a user is told to type, or that a file of ours runs, is a modest one.

Without these options Ray reports to its makers what it is used for, and takes 30 % of a machine's
memory for objects, of which a run needs next to nothing.
"""

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from spikeloop.cluster.manifests.kubernetes_manifests import Kubernetes, standing_manifest
from spikeloop.cluster.manifests.slurm_script import SlurmBatch, script
from spikeloop.cluster.ray_backend.local_cluster import OBJECT_STORE_BYTES

ROOT = Path(__file__).parents[2]
STORE = f"--object-store-memory={OBJECT_STORE_BYTES}"
QUIET = "--disable-usage-stats"


def code_of(text: str) -> str:
    """What stands in blocks of code of a page, continued lines joined."""
    fenced = re.findall(r"^```.*?\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    indented = re.findall(r"^ {4}.*\n(?: {4}.*\n)*", text, re.MULTILINE)
    return re.sub(r"\\\n\s*", " ", "\n".join([*fenced, *indented]))


def commands() -> dict[str, str]:
    """Every command line that starts Ray, by where it stands."""
    slurm = script(SlurmBatch(nodes=2, time="90"), "mdp", ["run", "mdp.toml"], Path("runs"), Path())
    compose = (ROOT / "docker-compose.yml").read_text()
    texts = {
        str(page.relative_to(ROOT)): code_of(page.read_text())
        for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"))
    }
    texts["slurm"] = re.sub(r"\\\n\s*", " ", slurm)
    texts["docker-compose.yml"] = re.sub(r"\[ray, start, (.*)\]", r"ray start \1", compose)
    return {
        f"{place}, {number}": line
        for place, text in texts.items()
        for number, line in enumerate(re.findall(r"\bray start\b.*", text))
    }


@pytest.mark.parametrize("option", [QUIET, STORE])
@pytest.mark.parametrize("place", commands())
def test_it_is_quiet_and_takes_little_memory(place: str, option: str) -> None:
    assert option in re.split(r"[\s,]+", commands()[place]), commands()[place]


def test_all_places_were_found() -> None:
    places = {place.partition(",")[0] for place in commands()}
    assert {"slurm", "docker-compose.yml", "docs/how-to/ray_cluster.md"} <= places


def test_so_are_the_pods_of_kubernetes() -> None:
    manifest = standing_manifest("mdp", "2.60.0", Kubernetes())
    *_, cluster = yaml.safe_load_all(manifest)
    spec = cluster["spec"]
    for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"]):
        assert group["rayStartParams"]["object-store-memory"] == str(OBJECT_STORE_BYTES)
        (container,) = group["template"]["spec"]["containers"]
        assert {"name": "RAY_USAGE_STATS_ENABLED", "value": "0"} in container["env"]


@pytest.mark.parametrize("role", ["--head", "--address=HEAD:6379"])
def test_a_node_started_by_hand_is_started_again_whenever_ray_ends(role: str) -> None:
    """Ray ends on every node of a head that is gone; a shell runs the loop of the guide."""
    guide = code_of((ROOT / "docs" / "how-to" / "ray_cluster.md").read_text())
    loops = re.findall(r"^while .*?^done$", guide, re.DOTALL | re.MULTILINE)
    (loop,) = (loop for loop in loops if role in loop)
    program = f"""
        sleep() {{ :; }}
        ray() {{ echo "$@"; n=$((n + 1)); ((n < 3)) || exit 0; return $((n - 1)); }}
        {loop}
    """
    done = subprocess.run(
        ["bash", "-uc", f"n=0\n{program}"],
        env={**os.environ, "USER": "me"},  # which a service need not have
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    first, *others = done.stdout.splitlines()
    assert {"start", "--block", role} <= set(first.split())
    assert others == [first, first]
