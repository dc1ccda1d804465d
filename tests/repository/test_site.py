"""The site's notebooks are kept without output, and what a page must not have is found."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mkdocs_hook
import notebooks
import pytest
import python_page
import tables_page
from mkdocs.structure.files import Files
from support.paths import ROOT

import spikeloop

NOTEBOOKS = sorted((ROOT / "docs" / "tutorials").glob("*.ipynb"))


def code_cells(path: Path) -> Iterator[dict[str, Any]]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    yield from (cell for cell in cells if cell["cell_type"] == "code")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_output_and_has_a_short_version(path: Path) -> None:
    assert any("short" in cell["metadata"] for cell in code_cells(path))
    for cell in code_cells(path):
        assert cell["outputs"] == [] and cell["execution_count"] is None
        source = "".join(cell["source"])
        compile(notebooks.shortened(source, cell["metadata"].get("short", {})), path.name, "exec")


def test_the_first_search_has_less_than_60_lines_of_code() -> None:
    (path,) = (path for path in NOTEBOOKS if path.stem == "first_search")
    lines = [line for cell in code_cells(path) for line in cell["source"] if line.strip()]
    assert 20 < len(lines) < 60


def test_a_short_version_of_what_is_not_in_the_cell_is_refused() -> None:
    assert notebooks.shortened("f(a=10, b=2)", {"a=10": "a=1", "b=2": "b=10"}) == "f(a=1, b=10)"
    with pytest.raises(ValueError, match="a=11"):
        notebooks.shortened("f(a=10)", {"a=11": "a=1"})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("![a](../figures/a.png)\n\n*Drawn by `spikeloop run a.toml`.*\n\nText.", ""),
        (
            "![a](../figures/a.png)\n\n*Drawn by hand.*\n\n`spikeloop run a.toml`",
            "names no command",
        ),
        ("![a](../figures/a.png)\n\nBy `make demo`.", "names no command"),
        ("[a](../../workers/space.py) [b](../how-to/index.md#x) [c](https://a.example)", ""),
        ("[a](../../workers/none.py)", "does not exist"),
    ],
)
def test_figures_without_command_and_links_to_nothing_are_found(
    text: str, found: str, caplog: pytest.LogCaptureFixture
) -> None:
    page: Any = SimpleNamespace(file=SimpleNamespace(src_uri="how-to/page.md"))
    config: Any = SimpleNamespace(extra={"repository": "https://a.example/b"})
    mkdocs_hook.on_page_markdown(text, page=page, config=config, files=Files([]))
    assert caplog.messages == [] if not found else found in caplog.text


def test_links_out_of_the_site_lead_to_their_page_or_to_the_repository() -> None:
    page: Any = SimpleNamespace(file=SimpleNamespace(src_uri="how-to/page.md"))
    config: Any = SimpleNamespace(extra={"repository": "https://a.example/b"})
    links = {
        "../../workers/space.py": "https://a.example/b/blob/main/workers/space.py",
        "../../SECURITY.md#versions-and-reports": "../project/security.md#versions-and-reports",
        "../../examples/own_model.toml": "../reference/examples.md#own_modeltoml",
        "../tutorials/own_family.ipynb": "../tutorials/own_family.md",
        "resume.md": "resume.md",
    }
    text = " ".join(f"[a]({link})" for link in links)
    shown = mkdocs_hook.on_page_markdown(text, page=page, config=config, files=Files([]))
    assert shown == " ".join(f"[a]({link})" for link in links.values())


def test_a_column_without_meaning_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    assert "| `episode_seed` | uint64 |" in tables_page.tables_page(warnings.append)
    assert warnings == []
    meanings = {name: text for name, text in tables_page.MEANINGS.items() if name != "return"}
    monkeypatch.setattr(tables_page, "MEANINGS", {**meanings, "no_column": ""})
    tables_page.tables_page(warnings.append)
    assert sorted(text.split(":")[0] for text in warnings) == ["no_column", "return"]


def test_a_public_name_or_method_without_a_docstring_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Public:
        """Has a docstring."""

        def silent(self) -> None:
            pass

    def bare() -> None:
        pass

    monkeypatch.setattr(spikeloop, "__all__", ["Public", "bare"])
    monkeypatch.setattr(spikeloop, "Public", Public, raising=False)
    monkeypatch.setattr(spikeloop, "bare", bare, raising=False)
    warnings: list[str] = []
    python_page.python_page(warnings.append)
    assert [text.split(" ")[0] for text in warnings] == ["Public.silent", "bare"]
