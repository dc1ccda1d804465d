"""Checks texts of settings that other programs will read by a pattern."""

import re

from pydantic import AfterValidator


def matching(pattern: str, what: str) -> AfterValidator:
    """Return a validator for whole texts; its message says what they must be."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text, re.ASCII):
            raise ValueError(f"must be {what}")
        return text

    return AfterValidator(check)
