"""Pages whose text stands elsewhere in the repository."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PAGES = {
    "project/contributing.md": "CONTRIBUTING.md",
    "project/security.md": "SECURITY.md",
    "project/code_of_conduct.md": "CODE_OF_CONDUCT.md",
    "project/changelog.md": "CHANGELOG.md",
}
"""Page of the site -> file of the repository."""


def repository_pages(root: Path) -> dict[str, str]:
    """Return the pages, with their links as seen from the place of the page."""
    return {path: _moved(root / source, path) for path, source in PAGES.items()}


def _moved(source: Path, path: str) -> str:
    """Return the text of a file, with links as seen from a page below ``docs/``."""
    here = Path("docs", path).parent

    def link(match: re.Match[str]) -> str:
        return f"]({os.path.relpath(match[1], here)})"

    text = source.read_text(encoding="utf-8")
    return re.sub(r"\]\((?![a-z]+:|#)([^)\s]+)\)", link, text)


def examples_page(warn: Callable[[str], Any]) -> str:
    """Return a page with all configurations of ``examples/``."""
    parts = [
        "# Example configurations\n\nThe files of `examples/`. `spikeloop plan FILE` says what a "
        "run of one would cost, `spikeloop run FILE` runs it; those that begin with `compare` are "
        "for `spikeloop compare`.\n"
    ]
    for path in sorted((ROOT / "examples").iterdir()):
        if path.suffix in (".toml", ".py"):
            language = {".toml": "toml", ".py": "python"}[path.suffix]
            text = path.read_text(encoding="utf-8").rstrip()
            parts.append(f"## `{path.name}`\n\n```{language}\n{text}\n```\n")
    return "\n".join(parts)
