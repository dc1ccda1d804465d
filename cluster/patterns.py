"""Texts of settings that other programs will read, so that they must follow a pattern."""

import re

from pydantic import AfterValidator


def matching(pattern: str, what: str) -> AfterValidator:
    """A text that follows a pattern as a whole; messages say in words what it must be."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text, re.ASCII):
            raise ValueError(f"must be {what}")
        return text

    return AfterValidator(check)
