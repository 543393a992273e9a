"""Values in messages of one line: errors name what they got."""

from typing import Any

LENGTH = 80


def shown(value: Any) -> str:
    """A value for a message: its repr in one line, if that is short, else the beginning of it."""
    try:
        return clipped(" ".join(line.strip() for line in repr(value).splitlines()), LENGTH)
    except ValueError:  # Python writes no whole number of more than 4300 digits
        return "a number of thousands of digits"


def clipped(text: str, length: int) -> str:
    """The text, cut off after `length` characters."""
    return text if len(text) <= length else f"{text[: length - 4]} ..."
