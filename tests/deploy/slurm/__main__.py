"""``make slurm-test``: jobs on a real SLURM of two nodes, submitted by the real command.

Each step prints a line with its seconds; the first that fails ends the test with the logs. Episodes
rest (``Stretched``), so that runs last as long as the steps need without heating the processor.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from chaos import stretched
from support.other_account import successes, within
from support.small_run import assert_same_contents, small_toml
from support.small_sweep import assert_same_results

from deploy.slurm.site import NODES, ROOT, Site, enter, missing
from spikeloop.coordinator.store.run_store import RunStore

SPIKELOOP = str(Path(sys.executable).with_name("spikeloop"))
EPISODE_S = 0.125
ENDED = {"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY"}


def main() -> int:
    if reason := missing():
        print(f"skipped: {reason}")
        return 0
    package = Path(__file__).parents[2]
    enter(["-m", "deploy.slurm", *sys.argv[1:]])
    os.chdir(package)
    only = set(sys.argv[1:])
    try:
        started = time.monotonic()
        with Site() as site:
            print(f"{time.monotonic() - started:6.1f} s  two nodes are idle")
            test = Test(site)
            for step in STEPS:
                if only and step.__name__ not in only:
                    continue
                started = time.monotonic()
                found = step(test)
                words = (step.__doc__ or "").splitlines()[0]
                print(f"{time.monotonic() - started:6.1f} s  {words} {found}", flush=True)
    except Exception as error:
        print(f"FAILED: {type(error).__name__}: {error}")
        for log in sorted(
            [*ROOT.glob("home/**/*.log"), *ROOT.glob("*.log"), *ROOT.glob("n*/*.log")]
        ):
            print(f"--- {log}\n{log.read_text(errors='replace')[-4000:]}")
        return 1
    return 0


class Test:
    """The folder of a user on the site, with configurations and runs."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.home = site.shared / "it's mine"  # as unkind as names of folders are
        self.home.mkdir()
        self.runs = self.home / "my runs"
        shutil.copy(Path(stretched.__file__), self.home)

    def config(self, name: str, generations: int, episode_s: float = EPISODE_S) -> str:
        """A run that rests for about 12 times ``episode_s`` a generation on two cores."""
        small_toml(
            self.home / f"{name}.toml",
            run={"name": name, "generations": generations},
            learner={"kind": "stretched:Stretched", "episode_s": episode_s},
        )
        return f"{name}.toml"

    def spikeloop(self, *arguments: str, code: int = 0) -> str:
        """What the command says; RuntimeError if it does not end with ``code``."""
        done = subprocess.run(
            [SPIKELOOP, *arguments],
            cwd=self.home,
            env=self.site.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        if done.returncode != code:
            raise RuntimeError(f"{arguments}: {done.returncode}, {done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def submit(self, config: str, options: str) -> str:
        """Submits a run by the real command and gives the job's number."""
        said = self.spikeloop("slurm", config, "--out", "my runs", *options.split())
        job = said.split()[1]
        check(f"scancel {job}" in said, said)
        return job

    def wait_for(self, job: str, state: str, limit_s: float = 400) -> dict[str, str]:
        """What SLURM says of a job once it is in a state; RuntimeError if it ends otherwise."""

        def reached() -> bool:
            now = self.site.job(job)["JobState"]
            if now in ENDED and now != state:
                raise RuntimeError(f"job {job} is {now}, not {state}")
            return now == state

        self.site.wait(f"job {job} to be {state}", reached, limit_s)
        return self.site.job(job)

    def wait_until_committed(self, job: str, name: str, generation: int) -> None:
        """Returns once a generation of a run is there; RuntimeError if its job ends before."""
        path = self.runs / name / "state" / f"{generation:06d}.npz"

        def reached() -> bool:
            state = self.site.job(job)["JobState"]
            check(state not in ENDED, f"job {job} is {state} before generation {generation}")
            return path.exists()

        self.site.wait(f"generation {generation} of {name}", reached)

    def log(self, name: str, job: str) -> str:
        """What a job has said."""
        return (self.runs / f"{name}-{job}.log").read_text()

    def workers(self, name: str) -> set[str]:
        """The workers that ran a run's episodes, as "host:process"."""
        episodes = RunStore(self.runs / name).table("episodes")
        assert episodes is not None
        return set(episodes.column("worker").to_pylist())

    def files_are_closed(self, job: str, node: str) -> None:
        """Another account can neither read nor replace what Ray has on a node."""
        files = within(ROOT / node / "tmp" / f"spikeloop-{job}")
        check(any(path.name == "working_dir_files" for path in files), f"no Ray in {files[:5]}")
        found = successes(files)
        check(not found, f"another account can: {found[:5]}")

    def nothing_left(self, job: str) -> None:
        """No process, temporary file or token of a job is left on any node."""
        self.site.wait(f"all of job {job} to be gone", lambda: not self.site.left_by(job), 30)
        check(not list(self.runs.glob(".*.token")), "a token is left")

    def same_as_inline(self, name: str, generations: int) -> None:
        """A run equals the one without Ray and without SLURM, and all its files are sound."""
        config = self.config(f"{name}-inline", generations, 0.0)
        self.spikeloop("run", config, "--inline", "--out", "inline")
        assert_same_contents(self.runs / name, self.home / "inline" / f"{name}-inline")
        self.spikeloop("verify", f"my runs/{name}", "--trust")


def check(holds: bool, otherwise: str) -> None:
    if not holds:
        raise RuntimeError(otherwise)


def refused(test: Test) -> str:
    """a wrong configuration and a wrong partition are refused in one line:"""
    command = ["slurm", test.config("wrong", 1), "--out", "my runs", "--nodes=1", "--time=5"]
    said = test.spikeloop(*command, "--set=run.tasks=0", code=2)
    check(said.count("\n") == 1 and not test.runs.exists(), said)
    said = test.spikeloop(*command, "--partition=none", code=3)
    check(said.count("\n") == 1 and "invalid partition" in said, said)
    return said.strip()


def cut(test: Test) -> str:
    """cut by the time limit, queued again, finished, identical:"""
    job = test.submit(test.config("cut", 110), CUT)
    info = test.wait_for(job, "COMPLETED", 1200)
    starts = int(info["Restarts"]) + 1
    check(starts >= 2, "it was never cut")
    log = test.log("cut", job)
    check(log.count("queued again, to go on") == starts - 1, log)
    check(log.count("on n[1-2]") == starts, log)
    test.same_as_inline("cut", 110)
    hosts = sorted({worker.split(":")[0] for worker in test.workers("cut")})
    test.nothing_left(job)
    return f"{starts} starts; episodes were run by {', '.join(hosts)}"


def again(test: Test) -> str:
    """a finished run that is submitted again prints its table and changes nothing"""
    job = test.submit("cut.toml", TWO)
    test.wait_for(job, "COMPLETED")
    check("learned" in test.log("cut", job), test.log("cut", job))
    assert_same_contents(test.runs / "cut", test.home / "inline" / "cut-inline")
    return ""


def swept(test: Test) -> str:
    """a sweep, cut by the time limit, queued again, finished, identical:"""
    grid = ["--over", "strategy.population_size=6,12", "--seeds", "2"]
    said = test.spikeloop(
        *("slurm", test.config("swept", 20), "--out", "my runs", *grid),
        *("--nodes", "1", "--cpus-per-task", "2", "--time", "3", "--notice", "60"),
    )
    job = said.split()[1]
    starts = int(test.wait_for(job, "COMPLETED", 1200)["Restarts"]) + 1
    check(starts >= 2, "it was never cut")
    log = test.log("swept", job)
    check(log.count("queued again, to go on") == starts - 1, log)
    config = test.config("swept", 20, 0.0)
    test.spikeloop("sweep", config, *grid, "--inline", "--out", "inline")
    assert_same_results(test.runs / "swept", test.home / "inline" / "swept")
    test.spikeloop("verify", "my runs/swept", "--trust")
    test.nothing_left(job)
    return f"{starts} starts"


def together(test: Test) -> str:
    """two jobs on the same two nodes do not disturb each other"""
    jobs = {name: test.submit(test.config(name, 12), TWO) for name in ("one", "two")}
    for name, job in jobs.items():
        test.wait_until_committed(job, name, 1)
    states = {test.site.job(job)["JobState"] for job in jobs.values()}
    check(states == {"RUNNING"}, f"they did not run at the same time: {states}")
    for name, job in jobs.items():
        test.wait_for(job, "COMPLETED")
        test.same_as_inline(name, 12)
        test.nothing_left(job)
    return ""


def whole(test: Test) -> str:
    """one whole node, where everything listens on the loopback interface only"""
    job = test.submit(test.config("whole", 20), "--nodes 1 --time 10")
    test.wait_until_committed(job, "whole", 1)
    node = test.site.job(job)["NodeList"]
    public = [
        s for s in test.site.listening(node) if "127.0.0.1" not in s and not OWN & set(s.split('"'))
    ]
    check(not public, f"open to others: {public}")
    test.files_are_closed(job, node)
    test.wait_for(job, "COMPLETED")
    check(len(test.workers("whole")) == 2, "not all of the node's cores had work")
    test.same_as_inline("whole", 20)
    test.nothing_left(job)
    return ""


def no_ray(test: Test) -> str:
    """where Ray cannot start, the job has failed and says why:"""
    folder = f"/tmp/spikeloop-{int(test.site.last_job()) + 1}"  # which Ray would have
    (ROOT / "n1" / folder[1:]).mkdir()
    test.site.on("n1", "mount", "-t", "tmpfs", "tmpfs", folder)  # nobody can remove it
    job = test.submit(test.config("lame", 3), TWO)
    info = test.wait_for(job, "FAILED")
    test.site.on("n1", "umount", folder)
    test.site.on("n1", "rmdir", folder)
    log = test.log("lame", job)
    check(info["ExitCode"] == "3:0" and "Ray cannot be started on n1" in log, log)
    test.nothing_left(job)
    return log.strip().splitlines()[-1]


def cancelled(test: Test) -> str:
    """scancel leaves nothing, and the run can be submitted again"""
    job = test.submit(test.config("stopped", 16), TWO)
    test.wait_until_committed(job, "stopped", 2)
    for node in NODES:
        test.files_are_closed(job, node)
    test.site.ask("scancel", job)
    test.wait_for(job, "CANCELLED")
    test.nothing_left(job)
    check(test.site.job(job)["Restarts"] == "0", "it was queued again")
    job = test.submit("stopped.toml", TWO)
    test.wait_for(job, "COMPLETED")
    test.same_as_inline("stopped", 16)
    return ""


def preempted(test: Test) -> str:
    """preempted by a more urgent job, queued again, finished, identical"""
    job = test.submit(test.config("patient", 24), "--nodes 2 --cpus-per-task 2 --time 10")
    test.wait_until_committed(job, "patient", 2)
    urgent = ["--partition=urgent", "--nodes=2", "--exclusive", "--time=1", "--output=/dev/null"]
    test.site.ask("sbatch", *urgent, "--wrap=true")
    info = test.wait_for(job, "COMPLETED")
    check(int(info["Restarts"]) >= 1, "it was not preempted")
    test.same_as_inline("patient", 24)
    test.nothing_left(job)
    return ""


def stuck(test: Test) -> str:
    """a run that commits nothing within the limit is not queued without end:"""
    config = test.config("stuck", 3, 20.0)
    job = test.submit(config, CUT)
    info = test.wait_for(job, "FAILED")
    log = test.log("stuck", job)
    check(info["ExitCode"] == "4:0" and "no generation was committed" in log, log)
    test.nothing_left(job)
    return f"{info['Restarts']} restarts"


def starved(test: Test) -> str:
    """where Ray is killed as for want of memory, the job has failed, says so, and is not queued:"""
    job = test.submit(test.config("starved", 60), f"{TWO} --mem 1500M")
    test.wait_until_committed(job, "starved", 1)
    test.site.kill_of(job, "raylet")
    info = test.wait_for(job, "FAILED")
    log = test.log("starved", job)
    check((info["ExitCode"], info["Restarts"]) == ("3:0", "0"), str(info))
    last = log.strip().splitlines()[-1]
    check("out of memory" in last and "--mem (now: 1500M)" in last, log)
    test.nothing_left(job)
    return last


OWN = {"srun", "slurmd", "slurmstepd"}
TWO = "--nodes 2 --cpus-per-task 1 --time 10"
CUT = "--nodes 2 --cpus-per-task 1 --time 3 --notice 60"
STEPS: tuple[Callable[[Test], str], ...] = (
    *(refused, cut, again, swept, together, whole, no_ray, cancelled, preempted, stuck),
    starved,
)

if __name__ == "__main__":
    sys.exit(main())
