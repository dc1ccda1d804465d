"""Addresses of storage: an absolute path, or a URI of an object store.

    /mnt/shared/runs                                    a folder, by its absolute path
    file:///mnt/shared/runs                             the same
    s3://bucket/prefix?region=eu-central-1              an object store, Amazon's or another one's:
    s3://bucket/prefix?endpoint_override=127.0.0.1:9000&scheme=http
    gs://bucket/prefix                                  Google's

Credentials come from the environment or from the files of the store's own tools, never from an
address, because a run keeps that in its ``run.json``.
"""

import re
from urllib.parse import parse_qsl, unquote, urlsplit

OPTIONS = {
    "s3": ("endpoint_override", "scheme", "region", "force_virtual_addressing"),
    "gs": ("endpoint_override", "scheme", "retry_limit_seconds"),
    "file": (),
}
"""Schemes, and what may stand after the ? of each. None of it is a secret."""


def is_address(text: str) -> bool:
    """Whether a text is meant as an address rather than as a name or a relative path."""
    return "://" in text or text.startswith("/")


def require_address(text: str) -> None:
    """ValueError that says what is wrong, without quoting it, unless a text is an address."""
    kind = scheme(text)
    if not is_address(text) or kind not in OPTIONS:
        known = ", ".join(f"{name}://" for name in OPTIONS)
        raise ValueError(f"must be an absolute path, or begin with one of {known}")
    if "://" not in text:
        return
    try:
        parts = urlsplit(text)
        _ = parts.port
        options = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError as error:
        raise ValueError(f"must be a URI: {error}") from error
    if "@" in parts.netloc and not (kind == "gs" and parts.netloc.startswith("anonymous@")):
        raise ValueError(
            "must hold no credentials; give them in the environment (AWS_ACCESS_KEY_ID, "
            "AWS_SECRET_ACCESS_KEY) or in ~/.aws/credentials"
        )
    for key, _value in options:
        if key not in OPTIONS[kind]:
            known = f" but {', '.join(OPTIONS[kind])}" if OPTIONS[kind] else ""
            raise ValueError(f"must have no option {key!r} after the ?{known}")
    if parts.fragment or any(part in (".", "..") for part in unquote(parts.path).split("/")):
        raise ValueError("must have no # and no . or .. in its path")
    if kind == "file" and (parts.netloc not in ("", "localhost") or not parts.path):
        raise ValueError("must be file:/// and an absolute path")
    if kind in ("s3", "gs") and not re.fullmatch(r"(anonymous@)?[A-Za-z0-9._-]+", parts.netloc):
        raise ValueError(f"must be {kind}:// and the name of a bucket")


def split(text: str) -> tuple[str, str]:
    """The address above a folder's, and the folder's name; ValueError if the path is empty."""
    base, question, options = text.partition("?") if "://" in text else (text, "", "")
    kind, colon, rest = base.rpartition("://")
    host, _, path = rest.partition("/")
    above, _, name = path.rstrip("/").rpartition("/")
    if not name:
        raise ValueError("must end with a name")
    return f"{kind}{colon}{host}/{above}{question}{options}", name


def scheme(text: str) -> str:
    """The scheme of an address; "file" for a path."""
    return text.partition("://")[0].lower() if "://" in text else "file"
