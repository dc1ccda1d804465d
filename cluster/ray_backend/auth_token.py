"""Checks that this process and a Ray cluster agree on the token, before Ray connects.

Ray reports a wrong token, after half a minute, as a cluster that is not there; and where only this
process has a token, its workers die without a message.
"""

import os
from contextlib import suppress
from pathlib import Path

from spikeloop.cluster.pool import PoolError

CHECK_ALIVE = "/ray.rpc.NodeInfoGcsService/CheckAlive"
"""A call of Ray's head that changes nothing, with an empty message."""
ANSWER_S = 10.0


def found_token() -> str:
    """Return the token where Ray documents that it looks for one; "" if there is none.

    Raises:
        PoolError: RAY_AUTH_TOKEN_PATH names a file that cannot be read or is empty.
    """
    if token := os.environ.get("RAY_AUTH_TOKEN", "").strip():
        return token
    if path := os.environ.get("RAY_AUTH_TOKEN_PATH"):
        with suppress(OSError, UnicodeDecodeError):
            if token := Path(path).read_text().strip():
                return token
        raise PoolError(
            f"the token cannot be read: {path}, which RAY_AUTH_TOKEN_PATH names, cannot be "
            "opened or is empty"
        )
    with suppress(OSError, RuntimeError, UnicodeDecodeError):  # an account may have no home
        return (Path.home() / ".ray" / "auth_token").read_text().strip()
    return ""


def check_token(address: str) -> None:
    """Raise PoolError, with what to do, unless the head at ``HOST:PORT`` accepts Ray's token.

    What does not answer as a head is left to Ray.
    """
    from spikeloop.cluster.ray_backend.private_api import shows_token

    shown = shows_token()
    token = ""
    with suppress(PoolError):
        token = found_token()
    asked = not accepts(address, "")
    where = f"the Ray cluster at {address}"
    if asked and not (shown and token):
        missing = [] if shown else ["RAY_AUTH_MODE=token"]
        missing += [] if token else ["RAY_AUTH_TOKEN to the cluster's token"]
        raise PoolError(
            f"{where} asks for a token and this process shows none; set {' and '.join(missing)}"
        )
    if asked and not accepts(address, token):
        raise PoolError(
            f"{where} does not take this process's token; set RAY_AUTH_TOKEN to the cluster's: "
            "`ray get-auth-token` prints it there"
        )
    if shown and not asked:
        raise PoolError(
            f"{where} asks for no token, but RAY_AUTH_MODE=token is set here, with which its "
            "workers cannot talk to this process; start the cluster with RAY_AUTH_MODE=token and "
            "a token, or, if no other account can reach it, set RAY_AUTH_MODE=disabled here"
        )


def accepts(address: str, token: str, unknown: bool = True) -> bool:
    """Return whether a head accepts this token ("" for none); ``unknown`` if it cannot be asked."""
    import grpc

    shown = (("authorization", f"Bearer {token}"),) if token else ()
    with grpc.insecure_channel(address, options=(("grpc.enable_http_proxy", 0),)) as channel:
        try:
            channel.unary_unary(CHECK_ALIVE)(b"", metadata=shown, timeout=ANSWER_S)
        except grpc.RpcError as error:
            return unknown and bool(error.code() != grpc.StatusCode.UNAUTHENTICATED)
    return True
