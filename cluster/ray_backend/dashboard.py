"""Finds a cluster's dashboard, checks that it is Ray's, and shows it the token.

Ray's own client would wait where nothing answers, and shows a token only if ``RAY_AUTH_MODE`` is
set. Here everything that can be wrong raises at once, in one line. Decision 0029 says more.
"""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from spikeloop.cluster.error_lines import first_cause, first_line
from spikeloop.cluster.pool import PoolError
from spikeloop.cluster.ray_backend.auth_token import found_token
from spikeloop.cluster.ray_backend.default_dashboard import require_own
from spikeloop.cluster.ray_backend.exposure import warn_without_token

VARIABLE = "RAY_API_SERVER_ADDRESS"
"""Names the dashboard where no address is given."""
DEFAULT = "http://127.0.0.1:8265"
PATIENCE_S = 10.0
"""A dashboard that does not answer within this time is not there."""
TOKEN = (
    "set RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH to that of the cluster (on its head: "
    "ray get-auth-token)"
)


@dataclass(frozen=True)
class Dashboard:
    """A dashboard that answers.

    Attributes:
        url: its address.
        headers: that show it the token.
        owner: whose it is, in words, where that was asked because no address was given; else "".
    """

    url: str
    headers: Mapping[str, str]
    owner: str


def connect(address: str | None) -> Dashboard:
    """Find the dashboard at an address, and show it the token.

    A cluster that asks for no token causes a warning.

    Args:
        address: ``http://HOST:8265``; by default ``VARIABLE`` or this machine's.

    Raises:
        PoolError: nothing listens there, or it is no Ray dashboard; without an address also if it
            is another account's, or the private cluster of a run.
    """
    given = address or os.environ.get(VARIABLE)
    url = _url(given or DEFAULT)
    _require_listener(url)
    owner = "" if given else str(require_own(url))
    headers: Mapping[str, str] = {}
    if _asks_for_token(url):
        disabled = os.environ.get("RAY_AUTH_MODE", "token").lower() != "token"
        token = "" if disabled else found_token()
        headers = {"Authorization": f"Bearer {token}"} if token else {}
    else:
        warn_without_token(f"the cluster at {url}")
    return Dashboard(url, headers, owner)


def token_refused(url: str, headers: Mapping[str, str]) -> PoolError:
    """Return the error for a token that is missing or another one."""
    if not headers:
        return PoolError(f"the cluster at {url} asks for a token; {TOKEN}")
    return PoolError(f"the cluster at {url} does not accept this token; {TOKEN}")


def _url(address: str) -> str:
    """Return an address as a URL; a bare host means plain HTTP and Ray's port."""
    parts, port = SplitResult("", "", "", "", ""), None
    try:
        parts = urlsplit(address if "://" in address else f"http://{address}")
        port = parts.port or (None if "://" in address else 8265)
        (parts.hostname or "").encode("idna")  # as the system resolves it
    except ValueError:  # no number, an open bracket, or no name of a host
        parts = parts._replace(netloc="")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise PoolError(
            f"{address!r} is not the address of a Ray dashboard; it must be like http://HOST:8265"
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{f':{port}' if port else ''}{parts.path.rstrip('/')}"


def _require_listener(url: str) -> None:
    """Raise PoolError at once if nothing listens at a URL."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        with socket.create_connection((str(parts.hostname), port), timeout=PATIENCE_S):
            return
    except OSError as error:
        raise PoolError(
            f"nothing answers at {url}: {first_line(error)}; is the cluster running, and is this "
            "its dashboard's address? From afar: ssh -L 8265:127.0.0.1:8265 HEAD"
        ) from error


def _asks_for_token(url: str) -> bool:
    """Return whether a Ray dashboard asks for a token; raise PoolError if it is none.

    This answer is public, so no token is shown to anything that does not answer as Ray does.
    """
    import requests

    try:
        answer = requests.get(
            f"{url}/api/authentication_mode", timeout=PATIENCE_S, allow_redirects=False
        )
        return bool(answer.json()["authentication_mode"] != "disabled")
    except requests.exceptions.SSLError as error:
        raise PoolError(f"{url}: no secure connection: {first_line(error)}") from error
    except (requests.RequestException, ValueError, KeyError, TypeError) as error:
        if isinstance(cause := first_cause(error), ConnectionError | TimeoutError):
            raise PoolError(
                f"{url} takes connections, but does not answer ({first_line(cause)}); if this is "
                "an ssh tunnel, it is open and nothing runs behind it: is the cluster running?"
            ) from error
        raise PoolError(
            f"what listens at {url} is no Ray dashboard; is this the address of the head's "
            "dashboard, whose port is 8265 by default?"
        ) from error
