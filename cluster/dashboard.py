"""The door of a cluster: its head's dashboard, found, recognised, and opened by the token.

Everything that can be wrong with the way there is told at once and in one line; Ray's own client
would wait, or be asked with a token only if ``RAY_AUTH_MODE`` is set.
"""

import os
import socket
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from spikeloop.cluster.pool import PoolError

VARIABLE = "RAY_API_SERVER_ADDRESS"
"""Names the dashboard where no address is given."""
DEFAULT = "http://127.0.0.1:8265"
PATIENCE_S = 10.0
"""A dashboard that does not answer within this time is not there."""
TOKEN = (
    "set RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH to that of the cluster (on its head: "
    "ray get-auth-token)"
)


def reach(address: str | None) -> tuple[str, Mapping[str, str]]:
    """The URL of a dashboard that answers, and the headers that it takes.

    Args:
        address: ``http://HOST:8265``; by default ``VARIABLE`` or this machine's.

    Raises:
        PoolError: nobody listens there, it is no Ray dashboard, or it does not take the token.
    """
    url = _url(address or os.environ.get(VARIABLE) or DEFAULT)
    _knock(url)
    headers = _authorization()
    _greet(url, headers)
    return url, headers


def refused(url: str, status: int, headers: Mapping[str, str]) -> PoolError:
    """What to say when the token is missing (401) or another (403)."""
    if status == 401 and not headers:
        return PoolError(f"the cluster at {url} asks for a token; {TOKEN}")
    return PoolError(f"the cluster at {url} does not accept this token; {TOKEN}")


def first_line(error: object) -> str:
    """The first line of a message that says something.

    That is the last one of a traceback, as the dashboard sends it; of an operating system's error
    its words.
    """
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = str(error).strip().splitlines() or [type(error).__name__]
    if "Traceback (most recent call last)" in lines[0]:
        return next(line.strip() for line in reversed(lines) if line.strip(" ."))
    return lines[0]


def _url(address: str) -> str:
    """An address as a URL; a bare host is one of plain HTTP with Ray's port."""
    parts, port = SplitResult("", "", "", "", ""), None
    try:
        parts = urlsplit(address if "://" in address else f"http://{address}")
        port = parts.port or (None if "://" in address else 8265)
    except ValueError:  # no number, or an open bracket
        parts = parts._replace(netloc="")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise PoolError(
            f"{address!r} is not the address of a Ray dashboard; it must be like http://HOST:8265"
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{f':{port}' if port else ''}{parts.path.rstrip('/')}"


def _knock(url: str) -> None:
    """PoolError at once if nobody listens."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        with socket.create_connection((str(parts.hostname), port), timeout=PATIENCE_S):
            return
    except OSError as error:
        raise PoolError(
            f"nobody answers at {url}: {first_line(error)}; is the cluster running, and is this "
            "its dashboard's address? From afar: ssh -L 8265:127.0.0.1:8265 HEAD"
        ) from error


def _authorization() -> Mapping[str, str]:
    """The header with the token that Ray finds, whether or not ``RAY_AUTH_MODE`` is set."""
    if os.environ.get("RAY_AUTH_MODE", "token").lower() != "token":
        return {}
    from ray._raylet import AuthenticationTokenLoader  # type: ignore[attr-defined]  # compiled
    from ray.exceptions import AuthenticationError

    loader = AuthenticationTokenLoader.instance()
    loader.reset_cache()  # the environment may have changed since
    try:
        token = loader.get_raw_token(ignore_auth_mode=True)
    except AuthenticationError as error:
        raise PoolError(f"the token cannot be read: {first_line(error)}") from error
    loader.reset_cache()  # a token in it would be shown by Ray, whatever RAY_AUTH_MODE says
    return {"Authorization": f"Bearer {token}"} if token else {}


def _greet(url: str, headers: Mapping[str, str]) -> None:
    """PoolError unless a Ray dashboard answers, and takes the token."""
    import requests

    strange = (
        f"what listens at {url} is no Ray dashboard; is this the address of the "
        "head's dashboard, whose port is 8265 by default?"
    )
    try:
        answer = requests.get(
            f"{url}/api/version",
            headers=headers,
            timeout=PATIENCE_S,
            allow_redirects=False,
        )
    except requests.exceptions.SSLError as error:
        raise PoolError(f"{url}: no secure connection: {first_line(error)}") from error
    except (requests.RequestException, ValueError) as error:
        raise PoolError(strange) from error
    if answer.status_code in (401, 403):
        raise refused(url, answer.status_code, headers)
    try:
        if answer.status_code != 200 or "ray_version" not in answer.json():
            raise PoolError(strange)
    except ValueError as error:
        raise PoolError(strange) from error
