"""Times in an emotion prompt: "0-3s neutral; 3s- delighted" -> spans, and how two spans blend."""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import dataclass, replace

import numpy as np

from moda.errors import BadText

EXAMPLE = 'write for example "0-3s neutral; 3s- delighted"'

_CLOCK = r"\d+:\d{1,2}(?:\.\d+)?"
_SECONDS = r"\d+(?:\.\d+)?"
_UNIT = r"\s*(?:seconds?|secs?|s)\b"
_DASH = r"\s*(?:-|–|—|\bto\b|\buntil\b)\s*"
# A range needs a unit or a clock somewhere, so that "3-year-old" is no time; "3s-" runs to the end of the speech.
_HEAD = re.compile(
    rf"^\s*(?:from\s+)?(?:"
    rf"(?P<a>{_CLOCK}){_DASH}(?P<b>{_CLOCK})?"
    rf"|(?P<c>{_SECONDS})(?:{_UNIT})?{_DASH}(?P<d>{_SECONDS}){_UNIT}"
    rf"|(?P<e>{_SECONDS}){_UNIT}(?:{_DASH}|\s*:|\s*$|\s+(?=\D))"
    rf")\s*:?\s*",
    re.IGNORECASE,
)
_SEPARATOR = re.compile(r"[;|\n]+|,(?=\s*(?:from\s+)?\d+(?:[.:]\d+)?\s*(?:s\b|secs?\b|seconds?\b|-|–|—))")
# What was surely meant as a time, readable or not ("-1-3s", "0-3x"), but no age ("20-30 years old").
_ATTEMPT = re.compile(
    rf"^\s*(?:from\s+)?[-+]?[\d.:]+(?:e\d+)?\s*[a-z]{{0,3}}{_DASH}(?:[-+]?[\d.:]+(?!\s*-?(?:y|%))|\s|$)", re.IGNORECASE
)
_TIME_INSIDE = re.compile(rf"(?<![\w.:]){_SECONDS}(?:{_UNIT})?{_DASH}{_SECONDS}{_UNIT}", re.IGNORECASE)


@dataclass(frozen=True)
class Span:
    """From `start` to `end` seconds (end may be infinite); `text` None stands for nothing said (neutral)."""

    start: float
    end: float
    text: str | None

    @property
    def when(self) -> str:
        """The times for a person: "0-3 s", "from 3 s"."""
        return f"from {self.start:g} s" if math.isinf(self.end) else f"{self.start:g}-{self.end:g} s"


def is_timed(text: str) -> bool:
    """Whether any part of the text starts with a time, or with what was meant as one."""
    return isinstance(text, str) and any(_HEAD.match(part) or _ATTEMPT.match(part) for part in _parts(text))


def _parts(text: str) -> list[str]:
    return [part for part in _SEPARATOR.split(text) if part.strip()]


def parse(text: str) -> list[Span]:
    """Spans in order of time. Raises BadText for a part without a readable time, a backward span or an overlap."""
    spans = []
    for part in _parts(text):
        head = _HEAD.match(part)
        if not head:
            raise BadText(f"No readable time in {_quoted(part)}; {EXAMPLE}.")
        if _TIME_INSIDE.search(part, head.end()):
            raise BadText(f"Two times stand in {_quoted(part)}; put a semicolon before the second: {EXAMPLE}.")
        start_text = head["a"] or head["c"] or head["e"]
        end_text = head["b"] or head["d"]
        start, end = _seconds(start_text), _seconds(end_text) if end_text else math.inf
        if end <= start:
            raise BadText(f"The emotion {_quoted(part)} ends before it starts; {EXAMPLE}.")
        spans.append(Span(start, end, part[head.end() :].strip()))
    spans.sort(key=lambda span: span.start)
    for index, (first, second) in enumerate(itertools.pairwise(spans)):
        if second.start < first.end:
            if math.isinf(first.end) and second.start > first.start:  # "0s- calm; 3s- angry": the next one ends it
                spans[index] = replace(first, end=second.start)
                continue
            raise BadText(
                f"The emotions {_quoted(first.text or '')} and {_quoted(second.text or '')} overlap at "
                f"{second.start:g} s; let one end before the other starts."
            )
    return spans


def filled(spans: list[Span]) -> list[Span]:
    """The same spans with the time before, between and after them made spans of no text: 0 s to infinity."""
    whole, time = [], 0.0
    for span in spans:
        if span.start > time:
            whole.append(Span(time, span.start, None))
        whole.append(span)
        time = span.end
    if not math.isinf(time):
        whole.append(Span(time, math.inf, None))
    return whole


def weight(span: Span, now: np.ndarray, blend: float) -> np.ndarray:
    """How much of a span shows at each time `now` (s): 1 inside, raised cosines of `blend` s over its borders."""
    rise = np.ones_like(now) if span.start <= 0 else _raised_cosine((now - span.start) / blend)
    fall = np.zeros_like(now) if math.isinf(span.end) else _raised_cosine((now - span.end) / blend)
    return np.clip(rise - fall, 0.0, 1.0)


def _raised_cosine(x: np.ndarray) -> np.ndarray:
    """0 up to x = -1/2, 1 from x = 1/2."""
    return 0.5 - 0.5 * np.cos(np.pi * np.clip(x + 0.5, 0.0, 1.0))


def _seconds(text: str) -> float:
    if ":" not in text:
        return float(text)
    minutes, seconds = text.split(":")
    return 60.0 * int(minutes) + float(seconds)


def _quoted(text: str) -> str:
    text = text.strip()
    return f'"{text if len(text) <= 40 else text[:37] + "..."}"'
