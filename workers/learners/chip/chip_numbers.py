"""The chips that an agent runs on: one, a list, or a range of them."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

MAX_CHIP = 1_000_000

Number = Annotated[int, Field(ge=0, le=MAX_CHIP)]


def _from_range(value: Any) -> Any:
    """Turn the text "first-last" into the numbers of a range, both ends included."""
    if not isinstance(value, str):
        return value
    found = re.fullmatch(r"\s*(\d{1,7})\s*-\s*(\d{1,7})\s*", value)
    if found is None:
        raise ValueError(f'must be a number, a list, or a range such as "20-29", got {value!r}')
    first, last = map(int, found.groups())
    return list(range(first, min(last, MAX_CHIP) + 1))


ChipNumbers = Annotated[
    Number | Annotated[list[Number], Field(min_length=1, max_length=1000)],
    BeforeValidator(_from_range),
]
"""One chip, or several: a list in a configuration, or a text such as "20-29"."""


def chip_list(chip: int | list[int]) -> tuple[int, ...]:
    """Return the numbers of one or several chips; ValueError if one of them is named twice."""
    chips = (chip,) if isinstance(chip, int) else tuple(chip)
    if len(set(chips)) < len(chips):
        raise ValueError(f"chip must have every number once, got {list(chips)}")
    return chips
