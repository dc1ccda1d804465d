"""The steps of the test, in the order in which a user would meet them. Each says what it found."""

import os
import re

from support.small_run import assert_same_contents

from deploy.compose.cluster import HEAD, Cluster
from deploy.compose.images import OURS
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.verification.verify_run import verify

RUN = "compose"
GENERATIONS = 30  # long enough to be disturbed twice on a fast machine
SETS = [
    f"run.name={RUN}",
    f"run.generations={GENERATIONS}",
    "strategy.population_size=12",
    "family.n_steps=4000",
    "transfer.tasks=40",
    "transfer.random_points=10",
    "transfer.random_tasks=10",
]
CONFIG = ["examples/mdp_evolution.toml", *(word for text in SETS for word in ("--set", text))]
STORAGE = "postgresql+psycopg://spikeloop@postgres/spikeloop"

COUNT = """
import psycopg
connection = psycopg.connect("postgresql://spikeloop@postgres/spikeloop")
print(connection.execute("select count(*) from trials").fetchone()[0])
"""


def check(holds: bool, otherwise: str) -> None:
    if not holds:
        raise RuntimeError(otherwise)


def image_is_closed(cluster: Cluster) -> str:
    """the image runs as user 1000 and holds no secret:"""
    sizes = "{{.Size}} {{.Config.User}} {{json .Config.Env}}"
    size, user, env = cluster.engine.run(
        "docker", "image", "inspect", "--format", sizes, OURS
    ).stdout.split(" ", 2)
    check(user == "1000", f"the image's user is {user}")
    check("TOKEN" not in env and "PASSWORD" not in env, env)
    history = cluster.engine.run("docker", "history", "--no-trunc", OURS).stdout
    check("cert =" not in history, "the build's pip.conf is in the history")
    found = _in_image(
        cluster,
        "sh",
        "-c",
        "ls -A /run/secrets /etc/pip.conf /token /credentials 2>/dev/null; id -u",
    )
    check(found.split()[-1] == "1000" and "ca.pem" not in found, found)
    return f"{int(size) / 1e6:.0f} MB"


def kernels_are_warm(cluster: Cluster) -> str:
    """a new container compiles nothing:"""
    said = _in_image(cluster, "spikeloop", "run", *CONFIG, "--inline", "--set", "run.generations=1")
    loaded, saved = said.count("data loaded from"), said.count("data saved to")
    check(loaded > 0 and saved == 0, f"{loaded} kernels loaded, {saved} compiled: {said[-2000:]}")
    return f"{loaded} kernels loaded"


def laptop_run(cluster: Cluster) -> str:
    """the same run in one process, without a cluster:"""
    cluster.laptop.mkdir()
    os.chown(cluster.laptop, 1000, 1000)
    said = cluster.engine.run(
        *("docker", "run", "--rm", "--network=none", "--shm-size=256m", "--init"),
        *("--volume", f"{cluster.laptop}:/results", OURS, "run", *CONFIG, "--inline"),
    ).stdout
    return _learned(said)


def comes_up(cluster: Cluster) -> str:
    """docker compose up: head, 3 workers and prometheus are healthy:"""
    services = ("--scale", "worker=3", "head", "worker", "prometheus")
    cluster.compose("up", "--no-build", "--detach", "--wait", *services)
    check(len(cluster.workers()) == 3, "there are not 3 workers")
    return _memory(cluster)


def only_loopback(cluster: Cluster) -> str:
    """no published port listens beyond loopback:"""
    listening = cluster.engine.run("ss", "-ltnH").stdout.splitlines()
    places = sorted({line.split()[3] for line in listening})
    check(bool(places), "nothing listens at all")
    check(all(place.startswith("127.") for place in places), f"listening: {places}")
    return ", ".join(places)


def secrets_are_apart(cluster: Cluster) -> str:
    """each container sees its own secrets alone:"""
    look = ("sh", "-c", "ls -A /token /credentials 2>/dev/null | grep -v '^/' | xargs")
    seen = {name: cluster.compose("exec", "-T", name, *look).strip() for name in ("head", "worker")}
    check(seen == {"head": "pgpass auth_token", "worker": "auth_token"}, str(seen))
    return str(seen)


def token_is_needed(cluster: Cluster) -> str:
    """without the token: 401 over HTTP, exit code 3 for a run that would join"""
    url = f"{HEAD}/api/jobs/"
    token = cluster.head("cat", "/token/auth_token")
    answers = [cluster.answer(url), cluster.answer(url, "0" * 64), cluster.answer(url, token)]
    check(answers[0] == 401 and answers[1] in (401, 403) and answers[2] == 200, str(answers))
    network = ("--network=spikeloop_default", "--env", "RAY_AUTH_MODE=token")
    stranger = ("--env", f"RAY_AUTH_TOKEN={'0' * 64}")
    done = cluster.engine.run(
        *("docker", "run", "--rm", *network, *stranger, OURS, "run", *CONFIG),
        *("--address", "head:6379", "--out", "/tmp"),
        check=False,
    )
    check(done.returncode == 3 and "token" in done.stdout, f"{done.returncode}: {done.stdout}")
    return str(answers)


def submit(cluster: Cluster) -> str:
    """spikeloop submit on this machine:"""
    said = cluster.user("submit", *CONFIG)
    cluster.wait("generation 1", lambda: cluster.committed(RUN) >= 1)
    return said.splitlines()[0]


def prometheus_sees_it(cluster: Cluster) -> str:
    """prometheus finds all nodes and the run's metrics:"""
    cluster.wait(
        "4 nodes in Prometheus", lambda: sum(cluster.ask_prometheus('up{job="ray"}').values()) == 4
    )
    query = f'ray_spikeloop_generation{{run="{RUN}"}}'
    cluster.wait(
        "the run's metrics", lambda: max(cluster.ask_prometheus(query).values(), default=0) >= 1
    )
    names = cluster.ask_prometheus('count by (__name__) ({__name__=~"ray_spikeloop_.*"})')
    return f"{len(names)} metrics of spikeloop, generation {cluster.committed(RUN)} is committed"


def a_worker_dies(cluster: Cluster) -> str:
    """docker kill of a worker: the run goes on"""
    at = cluster.committed(RUN)
    cluster.engine.run("docker", "kill", cluster.workers()[0])
    cluster.wait("2 more generations", lambda: cluster.committed(RUN) >= at + 2)
    return f"from generation {at} to {cluster.committed(RUN)}"


def the_head_dies(cluster: Cluster) -> str:
    """docker kill of the head during the run, docker compose up again:"""
    at = cluster.committed(RUN)
    check(at < GENERATIONS - 2, f"too late, the run is at generation {at}")
    cluster.compose("kill", "head")
    services = ("--scale", "worker=3", "head", "worker", "prometheus")
    cluster.compose("up", "--no-build", "--detach", "--wait", *services)
    check(cluster.committed(RUN) < GENERATIONS, "the run was over already")
    return f"killed after generation {at}"


def resubmitted_and_done(cluster: Cluster) -> str:
    """the same spikeloop submit goes on with the run:"""
    at = cluster.committed(RUN)
    cluster.user("submit", *CONFIG, "--follow")
    done = cluster.committed(RUN)
    check(done == GENERATIONS, f"the run ended at generation {done}")
    return f"from generation {at} to {done}"


def same_as_the_laptop(cluster: Cluster) -> str:
    """spikeloop fetch: all tables equal those of the laptop's run, bit for bit"""
    cluster.user("fetch", RUN, "--out", str(cluster.fetched))
    here, there = cluster.fetched / RUN, cluster.laptop / RUN
    assert_same_contents(here, there)
    found = verify(RunStore(here))
    check(not found.problems, f"{found.problems}")
    episodes = RunStore(here).table("episodes")
    assert episodes is not None
    hosts = {str(worker).split(":")[0] for worker in episodes.column("worker").to_pylist()}
    return f"{episodes.num_rows} episodes on {len(hosts)} containers"


def comparison_on_postgres(cluster: Cluster) -> str:
    """a small comparison, its studies in PostgreSQL:"""
    cluster.compose("--profile", "comparison", "up", "--no-build", "--detach", "--wait", "postgres")
    small = [
        *("comparison.name=small", "comparison.budget=96", "comparison.seeds=2"),
        *("tuning.episodes=192", "tuning.tasks=4", f"tuning.storage={STORAGE}", "run.tasks=2"),
        *("run.tile_tasks=2", "family.n_steps=100", "transfer.tasks=4", "transfer.monitor_tasks=4"),
    ]
    sets = [word for text in small for word in ("--set", text)]
    said = cluster.head(
        *("spikeloop", "compare", "examples/compare_mdp.toml", *sets),
        *("--address", "auto", "--out", "/results/comparisons"),
    )
    rows = cluster.head("python", "-c", COUNT)
    check(int(rows) > 0, said)
    left = cluster.head(
        "sh", "-c", "ls /results/comparisons/small; cat /results/comparisons/*/*.json"
    )
    check(
        "study.db" not in left and cluster.head("cat", "/credentials/pgpass")[-64:] not in left,
        left,
    )
    return f"{int(rows)} trials"


def goes_down(cluster: Cluster) -> str:
    """docker compose down:"""
    cluster.compose("--profile", "comparison", "down")
    return ""


def _in_image(cluster: Cluster, *command: str) -> str:
    """What a command says in a new container, numba's cache talking too."""
    return str(
        cluster.engine.run(
            *("docker", "run", "--rm", "--network=none", "--env", "NUMBA_DEBUG_CACHE=1"),
            *("--env", "SPIKELOOP_RUNS=/tmp", "--entrypoint", command[0], OURS, *command[1:]),
        ).stdout
    )


def _learned(said: str) -> str:
    """The score of the learned Θ, as a run's table has it."""
    found = re.search(r"│ learned\s+│\s+(\S+)", said)
    return f"score {found[1]}" if found else ""


def _memory(cluster: Cluster) -> str:
    """What each container takes."""
    form = "{{.Name}} {{.MemUsage}}"
    lines = cluster.engine.run("docker", "stats", "--no-stream", "--format", form).stdout
    used = [line.split()[:2] for line in lines.splitlines()]
    return ", ".join(f"{name.removeprefix('spikeloop-')} {size}" for name, size in sorted(used))
