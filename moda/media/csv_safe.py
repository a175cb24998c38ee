"""Tables as files: text that people hand in, read within bounds; cells that a spreadsheet shows and never runs."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from moda.errors import UserError


def read_text(path: Path, called: str, form: str, most: int, fault: type[UserError]) -> str:
    """The text of a UTF-8 file of at most `most` bytes, with or without a byte order mark.

    called: what the file is to the person ("job file"); form: what to save it as ("CSV"). Raises `fault`.
    """
    try:
        if path.stat().st_size > most:
            raise fault(f"The {called} {path.name!r} is larger than {most >> 20} MB: split it.")
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise fault(f"The {called} {path.name!r} cannot be read ({error.strerror or error}): check its path.") from None
    except UnicodeDecodeError:
        raise fault(f"The {called} {path.name!r} is not UTF-8 text: save it as UTF-8 {form}.") from None


def cell(value: Any) -> Any:
    """A spreadsheet cell: numbers as they are; text that a spreadsheet would calculate gets an apostrophe."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, (int, float)):
        return value
    text = "".join(letter if letter >= " " else " " for letter in str(value))
    return "'" + text if text.lstrip()[:1] in ("=", "+", "-", "@", "|", "%") else text


def number(value: float) -> str:
    """A number for a CSV cell, empty where it was not measured."""
    return f"{value:.6g}" if math.isfinite(value) else ""
