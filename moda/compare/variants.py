"""What is compared: `--vary steps=2,4,10 --vary seed=1,2` -> every combination, everything else shared."""

from __future__ import annotations

import csv
import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from moda.errors import BadSetting, BadVideo
from moda.settings import CONTROLS, Settings

MAX_VARIED = 2
MAX_VARIANTS = 24
MAX_COLUMNS = 6
#: Controls that do nothing while another one has this value.
IDLE: tuple[tuple[tuple[str, ...], str, Any], ...] = (
    (("pose_strength",), "pose_prior", "none"),
    (("pose_prior",), "pose_strength", 0.0),
    (("emotion_strength",), "emotion", ""),
    (("emotion",), "emotion_strength", 0.0),
    (
        ("solver", "schedule", "speech_guidance", "emotion_guidance", "identity_guidance"),
        "preset",
        "reference",
    ),
)


@dataclass(frozen=True)
class Variant:
    """One cell of the comparison.

    name      what it is called in figures, e.g. "steps 4, seed 1".
    key       a safe file name, different for every variant.
    changed   the varied settings and their values; row, column: its place in the grid.
    """

    name: str
    key: str
    settings: Settings
    changed: Mapping[str, Any] = field(default_factory=dict)
    row: int = 0
    column: int = 0


def parse_vary(texts: Sequence[str]) -> dict[str, tuple[Any, ...]]:
    """`["steps=2,4", "seed=1,2"]` -> {"steps": (2, 4), "seed": (1, 2)}, every value checked.

    A value with a comma is quoted: `emotion="calm, tired",happy`. Raises BadSetting with one sentence.
    """
    found: dict[str, tuple[Any, ...]] = {}
    for text in texts:
        name, sign, values = text.partition("=")
        name = known_name(name.strip())
        if not sign or not values.strip():
            raise BadSetting(f"--vary wants NAME=VALUE,VALUE, for example {name}=1,2.")
        if name in found:
            raise BadSetting(f"{name} is varied twice: put all its values into one --vary {name}=...")
        found[name] = tuple(CONTROLS[name].read(value) for value in _split(values))
    check_vary(found)
    return found


def check_vary(vary: Mapping[str, Sequence[Any]]) -> None:
    """Raises BadSetting for too many varied settings, unknown names, bad or repeated values."""
    if len(vary) > MAX_VARIED:
        raise BadSetting(f"At most {MAX_VARIED} settings can be varied at once, not {len(vary)} ({', '.join(vary)}).")
    for name, values in vary.items():
        control = CONTROLS[known_name(name)]
        checked = [control.check(value) for value in values]
        if not checked:
            raise BadSetting(f"{name} is varied without any value: give at least one.")
        for i, value in enumerate(checked):
            if value in checked[:i]:
                raise BadSetting(f"{name} is varied over the same value twice ({show(value)}): name each value once.")


def known_name(name: str) -> str:
    """The name of a setting, dashes or underscores; raises BadSetting with the nearest known one."""
    plain = name.replace("-", "_").lstrip("_")
    if plain in CONTROLS:
        return plain
    near = difflib.get_close_matches(plain, CONTROLS, 1, 0.5)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(CONTROLS)}."
    raise BadSetting(f"There is no setting called {name[:40]!r}; {hint}")


def combine(base: Settings, vary: Mapping[str, Sequence[Any]], fixed: Sequence[str] = ()) -> list[Variant]:
    """Every combination of the varied settings on top of `base`, row by row.

    The setting with more values runs along a row, a second one from row to row. fixed: settings that the person
    also gave a value of their own. Raises BadSetting where values clash, change nothing or are too many.
    """
    check_vary(vary)
    for name in vary:
        if name in fixed:
            raise BadSetting(f"{name} is both fixed and varied: leave out --{name.replace('_', '-')} or its --vary.")
        for idle, by, value in IDLE:
            if name in idle and by not in vary and getattr(base, by) == value:
                raise BadSetting(f"Varying {name} changes nothing while {by} is {show(value)}: set {by} as well.")
    names = sorted(vary, key=lambda name: -len(vary[name]))  # stable: the first given stays in front
    across = names[0] if names else None
    down = names[1] if len(names) > 1 else None
    columns = list(vary[across]) if across else [None]
    rows = list(vary[down]) if down else [None]
    if len(columns) * len(rows) > MAX_VARIANTS:
        raise BadSetting(
            f"{len(columns) * len(rows)} variants are too many for one comparison: vary at most {MAX_VARIANTS}."
        )
    found: list[Variant] = []
    for (row, low), (column, high) in product(enumerate(rows), enumerate(columns)):
        changed = {name: value for name, value in ((across, high), (down, low)) if name is not None}
        name = ", ".join(label(*pair) for pair in changed.items()) or "ours"
        key = safe("_".join(f"{k}-{show(v)}" for k, v in changed.items()) or "ours")
        while key in {v.key for v in found}:
            key += "_"
        found.append(Variant(name, key, base.changed(**changed), changed, row, column))
    return found


def label(name: str, value: Any) -> str:
    """How a setting and its value are called in a figure: "steps 4", "emotion happy"."""
    return f"{name.replace('_', ' ')} {show(value)}"


def show(value: Any) -> str:
    """A value for people: on, none, 0.5, some text."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value) or "none"


def safe(text: str) -> str:
    """A file name for any text: letters, digits, dot, dash and underscore, at most 60."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip(".-")[:60] or "x"


def parse_columns(texts: Sequence[str]) -> dict[str, Path]:
    """`["theirs=clip.mp4"]` -> {"theirs": Path("clip.mp4")}. Raises BadSetting, or BadVideo for a missing file."""
    found: dict[str, Path] = {}
    for text in texts:
        name, sign, path = text.partition("=")
        name = " ".join(name.split())[:60]
        if not sign or not name or not path.strip():
            raise BadSetting("--column wants NAME=VIDEO, for example sadtalker=theirs.mp4.")
        if name in found:
            raise BadSetting(f"Two columns are called {name!r}: give each a name of its own.")
        found[name] = Path(path.strip())
        if not found[name].is_file():
            raise BadVideo(f"The video {Path(path).name!r} of column {name!r} does not exist: check its path.")
    if len(found) > MAX_COLUMNS:
        raise BadSetting(f"At most {MAX_COLUMNS} columns of other systems fit into one comparison, not {len(found)}.")
    return found


def _split(text: str) -> list[str]:
    """Values between commas; quotes hold a value with commas together."""
    values = next(csv.reader([text], skipinitialspace=True, strict=False), [])
    return [value.strip() for value in values]
