"""Fills the templates of ``cluster/deploy``."""

from collections.abc import Callable
from pathlib import Path

TEMPLATES = Path(__file__).parents[1] / "deploy"


def filled(template: str, filters: dict[str, Callable[..., str]], **values: object) -> str:
    """Return a template's text with these values; one that is missing is an error."""
    import jinja2

    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= filters
    return environment.from_string((TEMPLATES / template).read_text()).render(**values)
