"""The number formats that networks compute in, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moda.errors import BadSetting

if TYPE_CHECKING:
    import torch

PRECISIONS = ("float32", "float16", "bfloat16")
AUTO = "auto"


def choose_dtype(precision: str, auto: str) -> torch.dtype:
    """The torch type of that name; what ``auto`` stands for is the caller's to say. Raises BadSetting."""
    check_precision(precision)
    import torch

    found: torch.dtype = getattr(torch, auto if precision == AUTO else precision)
    return found


def check_precision(precision: str) -> None:
    """Raises BadSetting for a name that is none."""
    if precision not in (AUTO, *PRECISIONS):
        raise BadSetting(f"The precision must be auto or one of {', '.join(PRECISIONS)}, not {precision!r}.")
