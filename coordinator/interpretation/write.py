"""Interpret a subject and write what was found: into its run folder, or into another folder."""

from collections.abc import Sequence
from pathlib import Path

from spikeloop.coordinator.interpretation.interpret import Interpreted, interpret
from spikeloop.coordinator.interpretation.section import Note
from spikeloop.coordinator.interpretation.sections import SECTIONS
from spikeloop.coordinator.interpretation.subject import Subject
from spikeloop.coordinator.report import figures
from spikeloop.coordinator.report.section_file import FigureText, SectionFile
from spikeloop.coordinator.store import atomic_files
from spikeloop.coordinator.store.run_store import RunStore


def interpret_and_write(
    subject: Subject, only: Sequence[str], note: Note, out: Path | None = None
) -> tuple[Interpreted, list[Path]]:
    """Interpret, write, and give the results and the files of the figures.

    Args:
        subject: what is interpreted.
        only: names of sections; all that apply if empty.
        note: takes lines on the progress.
        out: the folder, which is made if it is missing; by default ``interpretation`` of the run
            folder, which is locked meanwhile and whose report shows it then, or, of a weights file
            NAME.npz, ``NAME-interpretation`` here.

    Raises:
        ConfigError: as ``interpret``; or another process writes the run.
    """
    source = subject.run_folder
    if out is not None or source is None:
        found = interpret(subject, only, note)
        return found, write(found, out or Path(f"{subject.learned.source.stem}-interpretation"))
    store = RunStore.open(source)
    with store.locked():
        found = interpret(subject, only, note)
        for name in found.sections:
            store.write_section(name, section_file(found, name).model_dump())
        return found, write_figures(found, store.section_path("").parent)


def write(found: Interpreted, folder: Path) -> list[Path]:
    """Write each section as SECTION.json and its figures, and give the files of the figures."""
    atomic_files.make_folder(folder)
    for name in found.sections:
        atomic_files.write_json(folder / f"{name}.json", section_file(found, name).model_dump())
    return write_figures(found, folder)


def write_figures(found: Interpreted, folder: Path) -> list[Path]:
    """Write each figure as SECTION-NAME.png, and give the files."""
    return [
        figures.save(drawing.figure, folder / f"{section}-{name}.png")
        for section, results in found.sections.items()
        for name, drawing in results.figures.items()
    ]


def section_file(found: Interpreted, name: str) -> SectionFile:
    """Give the contents of a section's file."""
    results = found.sections[name]
    return SectionFile(
        section=name,
        description=SECTIONS[name].description,
        generation=found.subject.learned.generation,
        seed=found.subject.seed,
        numbers=dict(results.numbers),
        tables=list(results.tables),
        lines=list(results.lines),
        figures=[
            FigureText(name=figure, caption=drawing.caption, about=drawing.about)
            for figure, drawing in results.figures.items()
        ],
    )
