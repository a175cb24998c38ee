"""What the page says: small pieces of HTML with every value escaped."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import TYPE_CHECKING

from moda.motion.trims import size_variation

if TYPE_CHECKING:
    from moda.conditions.emotion import Emotion
    from moda.evaluate.report import Report
    from moda.motion.takes import Take
    from moda.pipeline import RenderResult


def error(sentence: str) -> str:
    """Something the visitor can mend; announced by screen readers."""
    return f'<div class="say" role="alert"><div class="error">{html.escape(sentence)}</div></div>'


def note(sentence: str) -> str:
    """Neither good nor bad: stopped, or waiting for something."""
    return f'<div class="say" role="status"><div class="note">{html.escape(sentence)}</div></div>'


def good(sentence: str, hints: Iterable[str] = ()) -> str:
    """Done, with hints below."""
    items = "".join(f"<li>{html.escape(hint)}</li>" for hint in hints)
    below = f'<ul class="hints">{items}</ul>' if items else ""
    return f'<div class="say" role="status"><div class="good">{html.escape(sentence)}</div>{below}</div>'


def cues(pairs: Iterable[tuple[str, str]]) -> str:
    """What cues were understood as: (cue, meaning)."""
    items = "".join(
        f"<li><b>[{html.escape(name)}]</b> {html.escape(meaning if meaning != name else '')}</li>"
        for name, meaning in pairs
    )
    return f'<ul class="understood" role="status">{items}</ul>' if items else ""


def step(number: int, title: str, line: str) -> str:
    """The head of a numbered step."""
    return (
        f'<div class="step-head"><b aria-hidden="true">{number}</b><h2>{html.escape(title)}</h2>'
        f"<span>{html.escape(line)}</span></div>"
    )


def boxes(pairs: Iterable[tuple[str, str]]) -> str:
    """A row of figures: (what, value)."""
    cells = "".join(f"<div><strong>{html.escape(v)}</strong>{html.escape(k)}</div>" for k, v in pairs)
    return f'<div class="figures">{cells}</div>'


def take_figures(take: Take, report: Report, sentence: str) -> str:
    """Figures and a plain-words summary of a take."""
    rotation = take.motion.rotation.std(axis=0)
    rows = [
        ("lip sync", _number(report.get("sync_correlation"), "{:.2f}")),
        ("pitch, yaw, roll ±", "{:.1f}° {:.1f}° {:.1f}°".format(*rotation)),
        ("blinks a minute", _number(report.get("blink_rate"), "{:.0f}")),
        ("head size varies", f"{100 * size_variation(take.motion):.1f} %"),
        ("planned in", f"{sum(take.timings.values()):.2f} s"),
    ]
    return f'<div class="say" role="status"><p class="lead">{html.escape(sentence)}</p>{boxes(rows)}</div>'


def render_figures(result: RenderResult) -> str:
    """Length, real-time factor and stage times of a video."""
    rows = [
        ("times real time", f"{1 / result.real_time_factor:.1f}×"),
        ("video", f"{result.duration:.1f} s"),
        ("frames", f"{result.frames}"),
    ]
    stages = " · ".join(f"{stage} {seconds:.2f}\u00a0s" for stage, seconds in result.timings.items())
    line = f"{result.model} + {result.renderer}, seed {result.seed}. Time spent: {stages}."
    return (
        f'<div class="say" role="status"><p class="lead">Your video is ready.</p>{boxes(rows)}'
        f'<p class="quiet">{html.escape(line)}</p></div>'
    )


def mixture(meant: Emotion) -> str:
    """How an emotion text was understood, as bars; the hint where it was not."""
    from moda.motion.emotions import CLASSES

    order = sorted(range(len(CLASSES)), key=lambda k: -float(meant.mixture[k]))
    rows = []
    for k in order[:5]:
        share = 100 * float(meant.mixture[k])
        if share < 1:
            continue
        rows.append(
            f'<div class="bar"><span>{CLASSES[k]}</span><i><b style="width:{share:.0f}%"></b></i>'
            f"<span>{share:.0f} %</span></div>"
        )
    hint = "" if meant.hint is None else f'<div class="hint">{html.escape(meant.hint)}</div>'
    return f'<div class="say bars" role="status">{"".join(rows)}{hint}</div>'


def stretches(sentences: Iterable[str]) -> str:
    """How each stretch of a timed emotion text was understood."""
    rows = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in sentences)
    return f'<div class="say" role="status"><ul class="stretches">{rows}</ul></div>'


def _number(value: float, form: str) -> str:
    return "–" if value != value else form.format(value)
