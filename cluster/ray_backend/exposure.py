"""Warns of what lets other people run code on a cluster: no token, or an open folder."""

import logging
import os
import stat
from pathlib import Path

logger = logging.getLogger(__name__)

ADVICE = "mkdir -m 700 /tmp/ray-$USER and ray start --temp-dir=/tmp/ray-$USER/r"


def warn_without_token(where: str) -> None:
    """Warn that a cluster, for example "the Ray cluster at ADDRESS", asks for no token."""
    logger.warning(
        "%s asks for no token, so everyone who reaches its ports, every account of its machines "
        "included, can run code on it; start it with RAY_AUTH_MODE=token and a token",
        where,
    )


def warn_of_folder(folder: Path) -> None:
    """Warn if other accounts of this machine can write into Ray's folder of a cluster."""
    if open_to_others(folder):
        logger.warning(
            "other accounts of this machine can write into %s and so run code on the Ray cluster; "
            "start it in a folder of its own: %s",
            folder,
            ADVICE,
        )


def open_to_others(folder: Path) -> bool:
    """Return whether other accounts of this machine can write into a folder.

    In a container whose first process belongs to this account there are no others.
    """
    try:
        if os.stat("/proc/1").st_uid == os.geteuid() != 0:
            return False
    except OSError:  # no container, or no Linux
        pass
    try:
        modes = [path.stat().st_mode for path in (folder, *folder.absolute().parents)]
    except OSError:  # this account cannot even look into it
        return False
    may_write = modes[0] & (stat.S_IWGRP | stat.S_IWOTH)
    return bool(may_write) and all(mode & (stat.S_IXGRP | stat.S_IXOTH) for mode in modes)
