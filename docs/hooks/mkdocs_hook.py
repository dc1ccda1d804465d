"""Make the pages of the site that follow from the code, and links that lead out of ``docs/``.

MkDocs calls the functions that begin with ``on_``.
"""

import logging
import os
import re
import warnings
from pathlib import Path
from typing import Any

from commands_page import commands_page
from compatibility_page import compatibility_page
from metrics_page import metrics_page
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from notebooks import tutorial_files
from python_page import python_page
from repository_pages import PAGES, examples_page, repository_pages
from settings_page import settings_page
from tables_page import tables_page

ROOT = Path(__file__).parents[2]
LOG = logging.getLogger("mkdocs.hooks.site")
FIGURE = re.compile(r"!\[[^\]]*\]\(([^)]*figures/[^)]*)\)\n*((?:\*[^\n]*(?:\n[^\n]+)*)?)")
COMMAND = re.compile(r"`(spikeloop|python|make|benchmarks/)")
GENERATED = {
    "reference/commands.md": commands_page,
    "reference/settings.md": settings_page,
    "reference/python.md": python_page,
    "reference/tables.md": tables_page,
    "reference/metrics.md": metrics_page,
    "reference/compatibility.md": compatibility_page,
    "reference/examples.md": examples_page,
}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the pages of a folder in the place of its name in the navigation."""
    for section in config.nav or []:
        for entries in section.values():
            for entry in entries if isinstance(entries, list) else []:
                if isinstance(entry, dict):
                    entry.update({title: _folder(pages) for title, pages in entry.items()})
    return config


def _folder(pages: Any) -> Any:
    if not isinstance(pages, str) or pages.endswith(".md"):
        return pages
    return sorted(f"{pages}/{path.name}" for path in (ROOT / "docs" / pages).glob("*.md"))


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the generated pages and the executed notebooks."""
    with warnings.catch_warnings():  # Brian2 calls its parser by old names
        warnings.simplefilter("ignore", DeprecationWarning)
        for path, make in GENERATED.items():
            files.append(File.generated(config, path, content=make(LOG.warning)))
    for path, text in repository_pages(ROOT).items():
        files.append(File.generated(config, path, content=text))
    for notebook in [f for f in files if f.src_uri.endswith(".ipynb")]:
        source = Path(str(notebook.abs_src_path))
        for path, content in tutorial_files(source, ROOT, LOG.info).items():
            files.append(File.generated(config, f"tutorials/{path}", content=content))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links to files of the repository to their page here, or else to the repository.

    A figure whose caption, the paragraph in italics below it, names no command is warned of.
    """
    for figure in FIGURE.finditer(markdown):
        if not COMMAND.search(figure[2]):
            LOG.warning("%s: the caption of %s names no command", page.file.src_uri, figure[1])
    here = Path("docs", page.file.src_uri).parent
    page_of = {source: path for path, source in PAGES.items()}

    def replaced(match: re.Match[str]) -> str:
        target, hash_, anchor = match[1].partition("#")
        path = os.path.normpath(here / target)
        if path.startswith("docs/") and path.endswith(".ipynb"):
            return f"]({target.removesuffix('ipynb')}md{hash_}{anchor})"
        if not target or re.match(r"[a-z]+:", target) or path.startswith("docs/"):
            return match[0]
        if not (ROOT / path).exists():
            LOG.warning("%s links to %s, which does not exist", page.file.src_uri, path)
        if path.startswith("examples/") and path.endswith((".toml", ".py")):
            anchor, path = Path(path).name.replace(".", ""), "docs/reference/examples.md"
        elif path in page_of:
            path = f"docs/{page_of[path]}"
        else:
            return f"]({config.extra['repository']}/blob/main/{path}{hash_}{anchor})"
        return f"]({os.path.relpath(path, here)}{'#' if anchor else ''}{anchor})"

    return re.sub(r"\]\(([^)\s]+)\)", replaced, markdown)
