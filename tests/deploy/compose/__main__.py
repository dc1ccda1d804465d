"""``make compose-test``: the compose cluster for real, from bare images to results like a laptop's.

Needs root, Debian's docker.io, docker-buildx, docker-compose and mmdebstrap, and some 6 GB below
``/tmp``. Each step prints a line with its seconds; the first that fails ends the test.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from deploy.compose import images, scenes
from deploy.compose.cluster import Cluster
from deploy.compose.engine import Engine, why_not

STEPS: tuple[Callable[[Cluster], str], ...] = (
    scenes.image_is_closed,
    scenes.kernels_are_warm,
    scenes.comes_up,
    scenes.only_loopback,
    scenes.secrets_are_apart,
    scenes.token_is_needed,
    scenes.submit,
    scenes.prometheus_sees_it,
    scenes.a_worker_dies,
    scenes.the_head_dies,
    scenes.resubmitted_and_done,
    scenes.laptop_run,
    scenes.same_as_the_laptop,
    scenes.comparison_on_postgres,
    scenes.goes_down,
)


def main() -> int:
    options = _options()
    if reason := why_not():
        print(f"skipped: {reason}")
        return 0
    with tempfile.TemporaryDirectory(prefix="sc-", dir="/tmp") as temporary:
        root = options.root or Path(temporary)
        try:
            _test(root, options.bases or root / "bases", Path(temporary), not options.built)
        except Exception as error:
            print(f"FAILED: {type(error).__name__}: {error}")
            if output := getattr(error, "output", ""):
                print(output[-6000:])
            return 1
        finally:
            if options.root is None:
                shutil.rmtree(root / "engine", ignore_errors=True)
    return 0


def _test(root: Path, bases: Path, temporary: Path, build: bool) -> None:
    if build:
        with Engine(root / "engine", network=False) as engine:
            _timed("base images, made of Debian packages", lambda: images.provide(engine, bases))
            _timed("spikeloop's image, built", lambda: images.build(engine, temporary))
    with Engine(root / "engine", network=True) as engine, Cluster(engine, temporary) as cluster:
        print("        grafana is left out: there is no package to make its image of")
        for step in STEPS:
            _timed((step.__doc__ or "").splitlines()[0], partial(step, cluster))


def _timed(words: str, step: Callable[[], str | None]) -> None:
    started = time.monotonic()
    found = step() or ""
    print(f"{time.monotonic() - started:6.1f} s  {words} {found}".rstrip(), flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="deploy.compose", description=__doc__)
    parser.add_argument("--bases", type=Path, help="folder that keeps the base images' files")
    parser.add_argument("--root", type=Path, help="folder that keeps the engine's data")
    parser.add_argument("--built", action="store_true", help="take the images that --root has")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
