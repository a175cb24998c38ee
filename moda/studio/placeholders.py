"""The logo, and what empty places show: quiet line drawings of what will fill them, with one sentence."""

from __future__ import annotations

import html
import math
from collections.abc import Callable

LOGO = (
    '<svg viewBox="0 0 34 34" aria-hidden="true"><rect width="34" height="34" rx="9" fill="#0f766e"/>'
    '<path d="M8 17v2M12.5 12v12M17 8v18M21.5 13v10M26 16v3" stroke="#fff" stroke-width="2.6" '
    'stroke-linecap="round"/></svg>'
)
_FACE = (
    '<svg viewBox="0 0 96 96" aria-hidden="true"><rect x="6" y="6" width="84" height="84" rx="14" '
    'stroke-dasharray="14 70" stroke-dashoffset="7"/><path d="M48 20c-12 0-18 8-18 20 0 14 8 24 18 24s18-10 18-24'
    'c0-12-6-20-18-20zM22 84c2-10 9-15 18-17M74 84c-2-10-9-15-18-17M41 39v1M55 39v1M42 52c4 2 8 2 12 0"/></svg>'
)
_PLAY = '<svg viewBox="0 0 96 96" aria-hidden="true"><circle cx="48" cy="48" r="30"/><path d="M42 36v24l20-12z"/></svg>'
_GRID = (
    '<svg viewBox="0 0 150 96" aria-hidden="true">'
    + "".join(
        f'<rect x="{4 + 50 * k}" y="12" width="42" height="42" rx="5"/><circle cx="{25 + 50 * k}" cy="29" r="8"/>'
        f'<path d="M{12 + 50 * k} 54c1-9 7-13 13-13s12 4 13 13M{4 + 50 * k} 74c8-{8 + 5 * k} 16 {6 + 5 * k} 24-2'
        f's10-{4 + 3 * k} 18 2"/>'
        for k in range(3)
    )
    + "</svg>"
)
_WIDTH, _TALL = 600, 40


def _curve(height: Callable[[float], float]) -> str:
    """A line over the whole lane; `height` is -1 to 1 at each place 0 to 1."""
    points = ((x, _TALL / 2 * (1 - 0.8 * height(x / _WIDTH))) for x in range(0, _WIDTH + 1, 6))
    return '<path d="M' + "L".join(f"{x} {y:.1f}" for x, y in points) + '"/>'


def _loudness(x: float) -> float:
    """Something that looks like two spoken phrases."""
    phrase = max(0.0, math.sin(2 * math.pi * x * 1.5 - 0.4)) ** 0.7
    return phrase * (0.45 + 0.55 * abs(math.sin(31 * x) * math.sin(17 * x + 1)))


def _blink(x: float) -> float:
    return math.exp(-((x / 0.012) ** 2))


def _bars() -> str:
    return "".join(
        f'<path d="M{x} {_TALL / 2 * (1 - 0.9 * _loudness(x / _WIDTH)):.1f}V'
        f'{_TALL / 2 * (1 + 0.9 * _loudness(x / _WIDTH)) + 0.5:.1f}"/>'
        for x in range(4, _WIDTH, 6)
    )


_LANES: tuple[tuple[str, str], ...] = (
    ("Speech", _bars()),
    ("Head", _curve(lambda x: 0.5 * math.sin(7 * x) + 0.25 * math.sin(17 * x + 1))),
    ("Mouth", _curve(lambda x: 1.3 * _loudness(x) * abs(math.sin(40 * x)) - 0.6)),
    ("Eyes", _curve(lambda x: 1.5 * _blink(x - 0.3) + _blink(x - 0.74) - 0.6)),
    ("Brows", _curve(lambda x: 0.4 * math.sin(9 * x + 2) * math.sin(4 * x))),
)  # fmt: skip


def _empty(kind: str, drawing: str, sentence: str, tips: tuple[str, ...] = ()) -> str:
    items = "".join(f"<li>{html.escape(tip)}</li>" for tip in tips)
    below = f"<ul>{items}</ul>" if tips else ""
    return f'<div class="empty {kind}">{drawing}<p>{html.escape(sentence)}</p>{below}</div>'


def face() -> str:
    """Where the chosen face will be, with what makes a good portrait."""
    tips = ("looking at the camera", "lips closed", "face 200 pixels wide or more")
    return _empty("face", _FACE, "The face that will speak", tips)


def waiting_face() -> str:
    """Where the live face will be."""
    return _empty("face", _FACE, "Add a portrait on the Make tab; it looks at you from here.")


def lanes() -> str:
    """Where the trajectories will be: one lane each for speech, head, mouth, eyes and brows."""
    rows = "".join(
        f'<div class="lane"><span>{name}</span><svg viewBox="0 0 {_WIDTH} {_TALL}" preserveAspectRatio="none" '
        f'aria-hidden="true">{line}</svg></div>'
        for name, line in _LANES
    )
    return _empty("lanes", rows, "Preview motion draws head, mouth, eyes and brows here, before any picture is made.")


def stage() -> str:
    """Where the video will be."""
    return _empty("stage", _PLAY, "Your video appears here.")


def grid() -> str:
    """Where a comparison will be."""
    return _empty("grid", _GRID, "Pick a setting and a few values. Portrait, speech and noise are the Make tab's.")
