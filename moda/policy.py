"""The operator's say: a function of their own that may refuse a request before anything is spoken, planned or drawn.

`MODA_REFUSE=package.module:function` names it. It is called with an `Asked` and returns None to allow the request or
one sentence to refuse it; the person reads that sentence. It is asked on the page, in the API and on the command line
alike, in the thread that does the work, at times in several threads at once. A function that cannot be loaded, fails,
or answers anything else refuses everything: nobody finds out by accident that a blocklist was not in force.
"""

from __future__ import annotations

import functools
import importlib
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from moda.errors import Refused
from moda.settings import Settings

VARIABLE = "MODA_REFUSE"
BROKEN = "This studio cannot check requests at the moment, so it makes nothing; please tell its operator."
_LONGEST = 300
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Asked:
    """One request, without anything about who asks.

    stage: "speak" before a text is spoken, "plan" before motion is sampled, "render" before pictures are drawn (of a
        video or a quick clip; the portrait or the take may have come from elsewhere).
    portrait: the whole picture, (H, W, 3) uint8 RGB, read-only; None when a text is spoken.
    speech: (N,) float32 in -1 to 1 at 16 kHz, read-only; None when a text is spoken or a clip is silent.
    text: what is to be spoken, or the emotion prompt.
    facts: names and numbers, such as model, renderer, voice, the settings as a dict, and face: the box (x0, y0, x1, y1)
        in pixels of the face that is animated.
    """

    stage: Literal["speak", "plan", "render"]
    portrait: np.ndarray | None = None
    speech: np.ndarray | None = None
    text: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


def ask(
    stage: Literal["speak", "plan", "render"],
    portrait: np.ndarray | None = None,
    waveform: np.ndarray | None = None,
    settings: Settings | None = None,
    text: str = "",
    **facts: Any,
) -> None:
    """Asks the operator's function, if one is named; the text is the settings' emotion prompt where none is given.

    Raises Refused with the function's sentence, or with `BROKEN`.
    """
    name = os.environ.get(VARIABLE, "").strip()
    if not name:
        return
    try:
        wave = None if waveform is None else _read_only(waveform)
        told = facts if settings is None else {**facts, "settings": settings.as_dict()}
        said = text if settings is None else settings.emotion
        answer = _loaded(name)(Asked(stage, None if portrait is None else _read_only(portrait), wave, said, told))
        if answer is not None and not (isinstance(answer, str) and answer.strip()):
            raise TypeError(f"it answered {type(answer).__name__}, neither None nor a sentence")
    except Exception:
        log.exception("%s=%s cannot be asked, so every request is refused", VARIABLE, name)
        raise Refused(BROKEN) from None
    if answer is not None:
        raise Refused(_sentence(answer))


@functools.cache
def _loaded(name: str) -> Callable[[Asked], Any]:
    module, _, attribute = name.partition(":")
    found: Callable[[Asked], Any] = getattr(importlib.import_module(module), attribute)
    return found


def _read_only(array: np.ndarray) -> np.ndarray:
    view = array.view()
    view.flags.writeable = False
    return view


def _sentence(answer: str) -> str:
    """One printable line that ends as a sentence does."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in answer).split())[:_LONGEST]
    return line if line[-1:] in (".", "?", "!") else line + "."
