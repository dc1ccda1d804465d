"""A section of an interpretation as it stands in a run folder, and as it stands in the report."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.report.page import Block, Picture, Table, Text
from spikeloop.coordinator.store import atomic_files
from spikeloop.coordinator.store.run_store import RunStore


class FigureText(BaseModel):
    """The text of a figure: the name of its file is SECTION-NAME.png."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9_]+$")
    caption: str
    about: str


class SectionFile(BaseModel):
    """The contents of ``interpretation/SECTION.json``.

    Attributes:
        section: the name of the section.
        description: what it shows.
        generation: of the run, after which the point was recommended.
        seed: of the held-out tasks.
        numbers: all numbers, by name.
        tables: as shown.
        lines: sentences, as shown.
        figures: their texts.
    """

    model_config = ConfigDict(frozen=True)

    section: str = Field(pattern=r"^[a-z_]+$")
    description: str
    generation: int
    seed: int
    numbers: dict[str, Any]
    tables: list[Table]
    lines: list[str]
    figures: list[FigureText]


def section_files(store: RunStore) -> Iterator[SectionFile]:
    """Read the sections in a run folder; ConfigError that names a file if it is damaged."""
    for path, value in store.sections():
        try:
            yield SectionFile.model_validate(value)
        except ValidationError as error:
            raise ConfigError(f"{path}: damaged: it holds something else") from error


def section_blocks(store: RunStore, generation: int) -> Iterator[Block]:
    """Show all sections that were written, and say of which point those of another point are.

    ``generation`` is the one whose point would be deployed now.
    """
    for found in section_files(store):
        yield Text(f"{found.section}: {found.description}", "lead")
        if found.generation != generation:
            yield Text(f"Of the point recommended after generation {found.generation}.", "note")
        yield from found.tables
        yield from map(Text, found.lines)
        for figure in found.figures:
            path = store.section_path(found.section).with_name(f"{found.section}-{figure.name}.png")
            if path.exists():
                png = atomic_files.read_png(path)
                yield Picture(png, figure.caption, figure.about)
