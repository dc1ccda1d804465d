"""What a learned network or agent does in new tasks: values, sentences and figures for Python."""

import io
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from spikeloop.coordinator.api.html import fragment
from spikeloop.coordinator.interpretation.interpret import write_figures
from spikeloop.coordinator.interpretation.results import Results
from spikeloop.coordinator.report.page import Code, Drawing, Text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH = 110
"""Characters of a line of the tables."""


class Interpretation:
    """What ``run.interpret`` has found.

    Attributes:
        numbers: all that the sentences and tables say, by name.
        figures: figures of matplotlib by name; ``figures["spikes"].savefig("spikes.pdf")``.
    """

    def __init__(self, results: Sequence[Results]) -> None:
        self._results = results
        self.numbers: dict[str, Any] = {k: v for part in results for k, v in part.numbers.items()}
        self.figures: dict[str, Figure] = {
            k: v for part in results for k, v in part.figures.items()
        }

    def write(self, folder: str | PathLike[str]) -> list[Path]:
        """Write all figures as PNG into a folder, which is made if it is missing."""
        return write_figures(self._results, Path(folder))

    def __repr__(self) -> str:
        return "\n".join([*self._tables(), *self._lines()])

    def _repr_html_(self) -> str:
        return fragment(
            [
                *(Code(table) for table in self._tables()),
                *(Text(line) for line in self._lines()),
                *(Drawing(figure, "", name) for name, figure in self.figures.items()),
            ]
        )

    def _lines(self) -> list[str]:
        return [line for part in self._results for line in part.lines]

    def _tables(self) -> list[str]:
        shown = []
        for table in (table for part in self._results for table in part.tables):
            text = io.StringIO()
            Console(file=text, width=WIDTH, force_jupyter=False).print(table)
            shown.append(text.getvalue().rstrip())
        return shown
