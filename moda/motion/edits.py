"""Edits: local changes of trajectories in time, kept beside the motion and undone at will.

An :class:`Edit` says where (lane), what (kind), when (start and length in seconds) and how much. Edits come after the
trims and are applied in the order of the list: each sees what those before it left, so two shifts of the same stretch
add up, and a scale after a shift scales the shifted curve. Everything outside an edit's stretch stays as it was, to the
bit; inside, the change rises and falls smoothly. Undo and redo are therefore surgery on a list.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moda.errors import BadSetting
from moda.motion.lanes import LANES, MAIN, lane_parts

MAX_EDITS = 2000
MAX_FILE = 4 * 1024 * 1024


@dataclass(frozen=True)
class Kind:
    """What a kind of edit does. lanes: where it may be used; amount: default, lowest, highest; length: default, s."""

    help: str
    lanes: tuple[str, ...]
    amount: tuple[float, float, float]
    length: float


_ANY = tuple(LANES)

KINDS: dict[str, Kind] = {
    "shift": Kind("moves the stretch up or down by amount (units of the action, or degrees)", _ANY, (0.3, -60, 60), 1),
    "scale": Kind("multiplies what differs from rest by amount", _ANY, (1.5, 0, 4), 1),
    "hold": Kind("holds the first value of the stretch; amount 1 wholly, 0 not at all", _ANY, (1, 0, 1), 1),
    "smooth": Kind("calms the stretch with a Gaussian of amount seconds", _ANY, (0.12, 0.02, 1), 1),
    "nod": Kind("nods amount degrees down (negative: up), once or about twice a second", ("head",), (8, -30, 30), 0.7),
    "shake": Kind("shakes the head by amount degrees either way", ("head",), (9, -30, 30), 1.0),
    "tilt": Kind("leans the head amount degrees clockwise (negative: the other way)", ("head",), (7, -25, 25), 1.4),
    "blink": Kind("closes both lids, amount 1 fully", ("eyes",), (1, 0, 1), 0.28),
    "wink": Kind("closes one lid: eyes.left or eyes.right of the picture", ("eyes",), (1, 0, 1), 0.45),
    "squint": Kind("narrows the eyes", ("eyes",), (1, 0, 1), 1.0),
    "smile": Kind("smiles, with the cheeks", ("smile",), (0.6, -0.7, 1.1), 1.6),
    "frown": Kind("draws the corners of the mouth down", ("mouth",), (0.6, 0, 1.1), 1.4),
    "brow_raise": Kind("raises the brows", ("brows",), (0.6, -0.6, 1.1), 0.9),
    "brow_furrow": Kind("draws the brows together", ("brows",), (0.6, 0, 1.1), 1.2),
    "look": Kind("looks aside: gaze.x (positive: picture right) or gaze.y (positive: up)", ("gaze",), (0.6, -1, 1), 1),
}
"""Every kind of edit. The first four change the curve that is there; the others are gestures that are added to it."""


@dataclass(frozen=True)
class Edit:
    """One local change.

    lane     a lane or one part of it: "smile", "mouth.pucker", "head.yaw" (:data:`moda.motion.lanes.LANES`).
    kind     what is done (:data:`KINDS`).
    start, length   seconds.
    amount   how much; units depend on the kind.

    Raises BadSetting with one sentence where one of them cannot be.
    """

    lane: str
    kind: str
    start: float
    length: float
    amount: float

    def __post_init__(self) -> None:
        if not isinstance(self.lane, str) or not isinstance(self.kind, str):
            raise BadSetting("An edit's lane and kind must be names, such as head and nod.")
        parts = lane_parts(self.lane)
        kind = KINDS.get(self.kind)
        if kind is None:
            raise BadSetting(f"There is no edit called {self.kind[:40]!r}; kinds are {', '.join(KINDS)}.")
        name, _, part = self.lane.partition(".")
        if name not in kind.lanes:
            raise BadSetting(f"{self.kind} belongs to the lane {' or '.join(kind.lanes)}, not to {name}.")
        for field in ("start", "length", "amount"):
            value = getattr(self, field)
            if isinstance(value, (bool, str)) or not _is_number(value):
                raise BadSetting(f"The {field} of {self.kind} must be a number.")
            object.__setattr__(self, field, float(value))
        if self.start < 0:
            raise BadSetting(f"The {self.kind} at {self.start:g} s begins before the take does.")
        if not 0.04 <= self.length <= 3600:
            raise BadSetting(f"The {self.kind} at {self.start:g} s must last at least 0.04 s, not {self.length:g}.")
        _, low, high = kind.amount
        if not low <= self.amount <= high:
            raise BadSetting(f"The amount of {self.kind} must be {low:g} to {high:g}, not {self.amount:g}.")
        if self.kind in ("shift", "look") and not part and name not in MAIN:
            raise BadSetting(f"Say which part {self.kind} moves: {' or '.join(f'{name}.{p}' for p in _short(parts))}.")

    @property
    def end(self) -> float:
        """Seconds at which it is over."""
        return self.start + self.length

    def as_dict(self) -> dict[str, Any]:
        return {k: getattr(self, k) for k in ("lane", "kind", "start", "length", "amount")}

    @classmethod
    def from_mapping(cls, values: Any) -> Edit:
        """From a JSON object; length and amount may be left out. Raises BadSetting."""
        if not isinstance(values, Mapping):
            raise BadSetting("An edit must be an object with lane, kind, start, length and amount.")
        unknown = sorted(set(map(str, values)) - {"lane", "kind", "start", "length", "amount"})
        if unknown:
            raise BadSetting(
                f"An edit has no field called {unknown[0][:40]!r}; it has lane, kind, start, length, amount."
            )
        missing = [name for name in ("lane", "kind", "start") if name not in values]
        if missing:
            raise BadSetting(f"An edit lacks its {missing[0]}.")
        kind = KINDS.get(str(values["kind"]))
        usual = {"length": kind.length, "amount": kind.amount[0]} if kind else {"length": 1.0, "amount": 1.0}
        return cls(**{**usual, **values})


@dataclass(frozen=True)
class EditRules:
    """How edits are applied. limits: keep added motion within people's speed and range; lock_lips: edits of the mouth
    are kept but have no effect, so that what is said stays true."""

    limits: bool = True
    lock_lips: bool = False


def read_edits(source: str | Path | Iterable[Any]) -> tuple[tuple[Edit, ...], EditRules]:
    """Edits from a JSON file, or from a list or object as such a file holds it.

    A list of edits, or ``{"edits": [...], "limits": true, "lock_lips": false}``. Raises BadSetting.
    """
    if isinstance(source, (str, Path)):
        path = Path(source)
        try:
            if path.stat().st_size > MAX_FILE:
                raise BadSetting(f"{path.name} is too large for a file of edits.")
            found: Any = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise BadSetting(f"The edits in {path.name} cannot be read ({error.strerror or error}).") from None
        except (ValueError, RecursionError):
            raise BadSetting(f"{path.name} is not JSON; write a list of edits with lane, kind and start.") from None
    else:
        found = source
    rules = EditRules()
    if isinstance(found, Mapping):
        unknown = sorted(set(map(str, found)) - {"edits", "limits", "lock_lips"})
        if unknown:
            raise BadSetting(f"Edits have no field called {unknown[0][:40]!r}; they have edits, limits and lock_lips.")
        flags = {name: found.get(name, getattr(rules, name)) for name in ("limits", "lock_lips")}
        for name, value in flags.items():
            if not isinstance(value, bool):
                raise BadSetting(f"{name} of the edits must be true or false.")
        rules = EditRules(**flags)
        found = found.get("edits", [])
    if isinstance(found, (str, bytes)) or not isinstance(found, Iterable):
        raise BadSetting("Edits must be a list of objects with lane, kind, start, length and amount.")
    edits = tuple(edit if isinstance(edit, Edit) else Edit.from_mapping(edit) for edit in found)
    if len(edits) > MAX_EDITS:
        raise BadSetting(f"A take can have {MAX_EDITS} edits, not {len(edits)}.")
    return edits, rules


def gesture(name: str, start: float, length: float | None = None, amount: float | None = None) -> Edit:
    """A gesture by one of the names that people say: nod, shake, tilt left, tilt right, blink, wink, smile, frown,
    brow raise, furrow, squint, look left / right / up / down. Left and right are the picture's. Raises BadSetting."""
    said = " ".join(str(name).lower().replace("_", " ").split())
    found = GESTURES.get(said)
    if found is None:
        raise BadSetting(f"There is no gesture called {said[:40]!r}; gestures are {', '.join(GESTURES)}.")
    lane, kind, sign = found
    usual = KINDS[kind]
    size = usual.amount[0] if amount is None else amount
    return Edit(lane, kind, start, usual.length if length is None else length, sign * size)


GESTURES: dict[str, tuple[str, str, float]] = {
    "nod": ("head", "nod", 1), "shake": ("head", "shake", 1),
    "tilt": ("head", "tilt", 1), "tilt left": ("head", "tilt", -1), "tilt right": ("head", "tilt", 1),
    "blink": ("eyes", "blink", 1), "wink": ("eyes.left", "wink", 1), "wink left": ("eyes.left", "wink", 1),
    "wink right": ("eyes.right", "wink", 1), "squint": ("eyes", "squint", 1),
    "smile": ("smile", "smile", 1), "frown": ("mouth", "frown", 1),
    "brow raise": ("brows", "brow_raise", 1), "raise brows": ("brows", "brow_raise", 1),
    "furrow": ("brows", "brow_furrow", 1),
    "look left": ("gaze.x", "look", -1), "look right": ("gaze.x", "look", 1),
    "look up": ("gaze.y", "look", 1), "look down": ("gaze.y", "look", -1),
}  # fmt: skip


def _is_number(value: Any) -> bool:
    try:
        return math.isfinite(value)
    except (TypeError, OverflowError):
        return False


def _short(parts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(part.removeprefix("gaze_") for part in parts)
