"""Whether this process and a Ray cluster agree on the token, before Ray tries for half a minute.

Ray's own words on a token that does not fit are those for a cluster that is not there, and where
only this side has a token, its workers die without a word.
"""

import os
from contextlib import suppress
from typing import Any

from spikeloop.cluster.error_lines import first_line
from spikeloop.cluster.pool import PoolError

GREETING = "/ray.rpc.NodeInfoGcsService/CheckAlive"
"""A call that changes nothing, with an empty message."""
ANSWER_S = 10.0


def found_token() -> str:
    """The token that Ray finds, whether or not ``RAY_AUTH_MODE`` is set; "" if there is none.

    Raises:
        PoolError: it cannot be read where ``RAY_AUTH_TOKEN_PATH`` points.
    """
    from ray._raylet import AuthenticationTokenLoader  # type: ignore[attr-defined]  # compiled
    from ray.exceptions import AuthenticationError

    loader = AuthenticationTokenLoader.instance()
    loader.reset_cache()  # the environment may have changed since
    try:
        return str(loader.get_raw_token(ignore_auth_mode=True) or "")
    except AuthenticationError as error:
        if path := os.environ.get("RAY_AUTH_TOKEN_PATH"):  # Ray's words go on to give bad advice
            raise PoolError(
                f"the token cannot be read: {path}, which RAY_AUTH_TOKEN_PATH names, cannot be "
                "opened or is empty"
            ) from error
        raise PoolError(f"the token cannot be read: {first_line(error)}") from error
    finally:
        loader.reset_cache()  # a token in it would be shown by Ray, whatever RAY_AUTH_MODE says


def check_token(address: str) -> None:
    """PoolError, with what to do, unless the head at ``HOST:PORT`` takes what Ray will show it.

    Heads that do not answer as such are left to Ray.
    """
    import ray

    inner: Any = ray._raylet
    shown = inner.get_authentication_mode() == inner.AuthenticationMode.TOKEN
    token = ""
    with suppress(PoolError):  # there is no file where RAY_AUTH_TOKEN_PATH points
        token = found_token()
    asked = not _takes(address, "")
    where = f"the Ray cluster at {address}"
    if asked and not shown:
        raise PoolError(
            f"{where} asks for a token and this process shows none; set RAY_AUTH_MODE=token"
            + ("" if token else " and RAY_AUTH_TOKEN to the cluster's token")
        )
    if asked and not token:
        raise PoolError(
            f"{where} asks for a token and there is none here; set RAY_AUTH_TOKEN to it, or "
            "RAY_AUTH_TOKEN_PATH to a file that holds it"
        )
    if asked and not _takes(address, token):
        raise PoolError(
            f"{where} does not take this process's token; set RAY_AUTH_TOKEN to the cluster's: "
            "`ray get-auth-token` prints it there"
        )
    if shown and not asked:
        raise PoolError(
            f"{where} asks for no token, but RAY_AUTH_MODE=token is set here, with which its "
            "workers cannot talk to this process; start the cluster with RAY_AUTH_MODE=token and "
            "a token, or, if nobody else can reach it, set RAY_AUTH_MODE=disabled here"
        )


def needs_none(address: str) -> bool:
    """Whether the head at ``HOST:PORT`` talks to everyone, with a token or without."""
    return _takes(address, "", unknown=False)


def _takes(address: str, token: str, unknown: bool = True) -> bool:
    """Whether a head talks to who shows it this token; ``unknown`` if it cannot be asked."""
    import grpc

    shown = (("authorization", f"Bearer {token}"),) if token else ()
    with grpc.insecure_channel(address, options=(("grpc.enable_http_proxy", 0),)) as channel:
        try:
            channel.unary_unary(GREETING)(b"", metadata=shown, timeout=ANSWER_S)
        except grpc.RpcError as error:
            return unknown and bool(error.code() != grpc.StatusCode.UNAUTHENTICATED)
    return True
