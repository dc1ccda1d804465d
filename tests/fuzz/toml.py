"""Values as TOML writes them, absurd ones included."""

import json
from datetime import date, time
from typing import Any


def text_of(tables: dict[str, Any]) -> str:
    """A file of tables; a value that is no table stands before them, where TOML wants it."""
    loose = [f"{key(k)} = {literal(v)}" for k, v in tables.items() if not isinstance(v, dict)]
    for name, keys in tables.items():
        if isinstance(keys, dict):
            loose += [f"[{key(name)}]", *(f"{key(k)} = {literal(v)}" for k, v in keys.items())]
    return "\n".join(loose) + "\n"


def literal(value: Any) -> str:
    """One value."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return key(value)
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key(k)} = {literal(v)}' for k, v in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, date | time):
        return value.isoformat()
    return repr(value)


def key(text: str) -> str:
    """A quoted key or string."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
