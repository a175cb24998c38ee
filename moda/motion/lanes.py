"""Lanes: the trajectories as a person edits them, and how far and how fast people move along each.

A lane is a group of trajectories: mouth, smile, brows, eyes, gaze, head. ``lane.part`` names one of them, as in
``head.yaw`` or ``mouth.pucker``. Every action belongs to exactly one lane; the head's are pitch, yaw and roll.
"""

from __future__ import annotations

from dataclasses import dataclass

from moda.errors import BadSetting, some
from moda.motion.actions import ACTIONS, SIGNED

ANGLES = ("pitch", "yaw", "roll")

TRAJECTORIES: tuple[str, ...] = (*ACTIONS, *ANGLES)
"""Everything that can be edited: all actions, then the head's angles in degrees."""

COLUMN: dict[str, int] = {name: k for k, name in enumerate(TRAJECTORIES)}

_NAMED: dict[str, tuple[str, ...]] = {
    "smile": ("smile", "cheek_raise"),
    "brows": tuple(name for name in ACTIONS if name.startswith("brow_")),
    "eyes": ("blink_left", "blink_right", "squint"),
    "gaze": ("gaze_x", "gaze_y"),
    "head": ANGLES,
}

LANES: dict[str, tuple[str, ...]] = {
    "mouth": tuple(name for name in ACTIONS if not any(name in group for group in _NAMED.values())),
    **_NAMED,
}
"""Lane -> its trajectories. The mouth has every action that no other lane claims."""

MAIN: dict[str, tuple[str, ...]] = {
    "mouth": ("jaw_open",),
    "smile": ("smile",),
    "brows": ("brow_raise",),
    "eyes": ("blink_left", "blink_right"),
}
"""What a lane moves when it is shifted as a whole; gaze and head must say which part."""

PART_NAMES = {"left": "blink_left", "right": "blink_right", "x": "gaze_x", "y": "gaze_y"}
"""Short names of parts within their lane: eyes.left, gaze.x."""


@dataclass(frozen=True)
class Range:
    """Where people keep a trajectory, and how fast they change it: units, and units per second."""

    low: float
    high: float
    speed: float


# Speeds: the 99.9th percentile between frames of real talking in LivePortrait's templates, rounded up to what still
# looks like a person when asked for (a blink of 80 ms, a shake of the head at 1.5 Hz).
_USUAL = {
    "jaw_open": Range(0.0, 1.2, 11.0),
    "smile": Range(-0.7, 1.1, 8.0),
    "cheek_raise": Range(0.0, 1.1, 8.0),
    "blink_left": Range(-0.16, 1.0, 16.0),
    "blink_right": Range(-0.16, 1.0, 16.0),
    "squint": Range(0.0, 1.0, 8.0),
    "brow_raise": Range(-0.6, 1.1, 7.0),
    "brow_furrow": Range(-0.4, 1.1, 6.0),
    "gaze_x": Range(-1.0, 1.0, 14.0),
    "gaze_y": Range(-1.0, 1.0, 14.0),
    "pitch": Range(-22.0, 22.0, 90.0),
    "yaw": Range(-32.0, 32.0, 180.0),
    "roll": Range(-24.0, 24.0, 70.0),
}

RANGES: dict[str, Range] = {
    name: _USUAL.get(name, Range(-1.1 if name in SIGNED else -0.4, 1.2, 12.0)) for name in TRAJECTORIES
}


def lane_parts(lane: str) -> tuple[str, ...]:
    """The trajectories that ``lane`` or ``lane.part`` means. Raises BadSetting for names that do not exist."""
    name, _, part = lane.partition(".")
    if name not in LANES:
        raise BadSetting(f"There is no lane called {_shown(lane)}; lanes are {', '.join(LANES)}.")
    if not part:
        return LANES[name]
    chosen = PART_NAMES.get(part, part)
    if chosen not in LANES[name]:
        parts = some(LANES[name], 12)
        raise BadSetting(f"The lane {name} has no part called {_shown(part)}; its parts are {parts}.")
    return (chosen,)


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")
