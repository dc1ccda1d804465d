"""What was learned and how it works: values, sentences and figures for Python."""

import io
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from spikeloop.coordinator.api.html import fragment
from spikeloop.coordinator.interpretation.interpret import Interpreted
from spikeloop.coordinator.interpretation.write import write
from spikeloop.coordinator.report.page import Code, Drawing, Table, Text
from spikeloop.coordinator.report.result_table import terminal_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH = 110
"""Characters of a line of the tables."""


class Interpretation:
    """What ``run.interpret`` has found.

    Attributes:
        numbers: all that the sentences and tables say, by section and name, such as
            ``numbers["behaviour"]["episodes"]``.
        left_out: why other sections do not apply, by section.
        figures: figures of matplotlib by section and name;
            ``figures["behaviour"]["spikes"].savefig("spikes.pdf")``.
    """

    def __init__(self, found: Interpreted) -> None:
        self._found = found
        self.numbers: dict[str, Any] = found.as_json()["sections"]
        self.left_out = dict(found.left_out)
        self.figures: dict[str, dict[str, Figure]] = {
            section: {name: drawing.figure for name, drawing in results.figures.items()}
            for section, results in found.sections.items()
        }

    def write(self, folder: str | PathLike[str]) -> list[Path]:
        """Write each section as JSON and its figures as PNG; give the files of the figures."""
        return write(self._found, Path(folder))

    def __repr__(self) -> str:
        return "\n".join(self._text())

    def _repr_html_(self) -> str:
        blocks: list[Text | Table | Drawing | Code] = []
        for name, results in self._found.sections.items():
            blocks.append(Text(name, "lead"))
            blocks += results.tables
            blocks += map(Text, results.lines)
            blocks += results.figures.values()
        blocks += [Text(f"left out: {name}: {why}") for name, why in self.left_out.items()]
        return fragment(blocks)

    def _text(self) -> Iterator[str]:
        for name, results in self._found.sections.items():
            yield name
            for table in results.tables:
                text = io.StringIO()
                Console(file=text, width=WIDTH, force_jupyter=False).print(terminal_table(table))
                yield text.getvalue().rstrip()
            yield from results.lines
        for name, why in self.left_out.items():
            yield f"left out: {name}: {why}"
