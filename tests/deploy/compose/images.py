"""Images under the names that the Dockerfile and the compose file use, made without a registry.

Each is a Debian of its own with the program in question. Of the base image that is Debian's Python
3.13; of Prometheus and PostgreSQL, Debian's packages with the users, folders and commands of the
images they stand for. Grafana is no Debian package and is left out.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import spikeloop
from deploy.compose.engine import Engine

ROOT = Path(__file__).parents[3]
DOCKERFILE = "cluster/deploy/Dockerfile"
OURS = f"spikeloop:{spikeloop.__version__}"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"

PATH = "/usr/lib/postgresql/17/bin:/usr/local/bin:/usr/bin:/bin"
ENTRY = """#!/bin/sh
set -e
umask 077
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    initdb --username="$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" --auth=scram-sha-256 \
        --encoding=UTF8 --locale=C.UTF-8
    echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
    echo "CREATE DATABASE $POSTGRES_USER" | postgres --single -j postgres
fi
exec postgres -c listen_addresses='*'
"""


@dataclass(frozen=True)
class StandIn:
    """One image.

    Attributes:
        packages: of Debian.
        setup: shell commands run in the new system, whose root is ``$1``.
        changes: instructions of a Dockerfile.
    """

    packages: tuple[str, ...]
    setup: str = "true"
    changes: tuple[str, ...] = ()


STAND_INS = {
    "python": StandIn(("python3", "python3-venv", "python3-pip", "python3-dev", "ca-certificates")),
    "prom/prometheus": StandIn(
        ("prometheus",),
        'install -d -o 65534 -g 65534 "$1/prometheus"',
        ("USER 65534", 'ENTRYPOINT ["prometheus"]'),
    ),
    "postgres": StandIn(
        ("postgresql",),
        f"""chroot "$1" usermod --uid 999 postgres
        install -d -o 999 -m 1777 "$1/var/lib/postgresql/data"
        cat > "$1/usr/local/bin/entry" << 'END'\n{ENTRY}END
        chmod 755 "$1/usr/local/bin/entry"
        """,
        (
            f"ENV PATH={PATH} PGDATA=/var/lib/postgresql/data",
            'ENTRYPOINT ["/usr/local/bin/entry"]',
        ),
    ),
}


def provide(engine: Engine, kept: Path) -> None:
    """Makes the stand-ins, or takes those that were kept.

    Args:
        engine: gets them.
        kept: folder of their file systems, one tar file each.
    """
    kept.mkdir(parents=True, exist_ok=True)
    for name, image in STAND_INS.items():
        tar = kept / f"{name.replace('/', '-')}.tar"
        if not tar.exists():
            unfinished = tar.with_suffix(".unfinished.tar")
            setup = kept / "setup.sh"
            setup.write_text(f"set -e\n{image.setup}\n")
            engine.run(
                *("mmdebstrap", "--variant=minbase", f"--include={','.join(image.packages)}"),
                *(f'--customize-hook=sh {setup} "$1"', "trixie", str(unfinished)),
            )
            unfinished.rename(tar)
        changes = [word for change in image.changes for word in ("--change", change)]
        engine.run("docker", "import", *changes, str(tar), _tagged(name))


def build(engine: Engine, folder: Path) -> None:
    """Builds our image from the real Dockerfile.

    This machine's certificates are lent to the build, in case that its package index needs them.

    Args:
        engine: one that shares this machine's network.
        folder: for a file of pip's.
    """
    settings = folder / "pip.conf"
    settings.write_text("[global]\ncert = /run/secrets/ca.pem\n")
    engine.run(
        *("docker", "build", "--network=host", "--progress=plain", "-t", OURS, "-f", DOCKERFILE),
        *("--secret", f"id=pip.conf,src={settings}", "--secret", f"id=ca.pem,src={CERTIFICATES}"),
        ".",
        cwd=ROOT,
    )


def _tagged(name: str) -> str:
    """The image's name with the tag that our files have."""
    files = (ROOT / DOCKERFILE).read_text() + (ROOT / "docker-compose.yml").read_text()
    found = re.search(rf"(?:FROM|image:) ({name}:\S+)", files)
    if found is None:
        raise ValueError(f"neither {DOCKERFILE} nor docker-compose.yml uses the image {name}")
    return found[1]
