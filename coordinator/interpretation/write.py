"""Write the figures of an interpretation to a folder."""

from pathlib import Path

from spikeloop.coordinator.interpretation.interpret import Interpreted
from spikeloop.coordinator.report import figures
from spikeloop.coordinator.store import atomic_files


def write(found: Interpreted, out: Path | None = None) -> list[Path]:
    """Write each figure as SECTION-NAME.png, and give the files.

    Args:
        found: the results.
        out: the folder, which is made if it is missing; by default ``interpretation`` of the run
            folder, or beside the working directory's files the weights file's name with
            ``-interpretation``.
    """
    source = found.subject.learned.source
    folder = out or (
        source / "interpretation" if source.is_dir() else Path(f"{source.stem}-interpretation")
    )
    atomic_files.make_folder(folder)
    return [
        figures.save(drawing.figure, folder / f"{section}-{name}.png")
        for section, results in found.sections.items()
        for name, drawing in results.figures.items()
    ]
