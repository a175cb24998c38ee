"""Measures of talking videos and takes: `evaluate_video`, `evaluate_take`, `summary`. Loaded on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from moda.evaluate.report import Report as Report
    from moda.evaluate.report import summary as summary
    from moda.evaluate.takes import evaluate_take as evaluate_take
    from moda.evaluate.videos import evaluate_video as evaluate_video

__all__ = ["Report", "evaluate_take", "evaluate_video", "summary"]

_HOMES = {"Report": "report", "summary": "report", "evaluate_take": "takes", "evaluate_video": "videos"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'moda.evaluate' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"moda.evaluate.{_HOMES[name]}"), name)
