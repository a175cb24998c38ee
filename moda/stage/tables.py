"""What the browser must know of lanes, edits and trims, so that `edits.js` and `trims.js` hold formulas alone."""

from __future__ import annotations

from typing import Any

from moda.motion.editing import RAMP
from moda.motion.edits import GESTURES, KINDS
from moda.motion.lanes import ANGLES, LANES, MAIN, PART_NAMES, RANGES
from moda.motion.space import NECK
from moda.motion.trims import (
    BLINK_EDGE,
    BLINK_PEAK,
    BLINK_PLACES,
    BLINK_REST,
    BLINK_SECONDS,
    EYES,
    PLACE_RANGE,
    SCALE_RANGE,
)


def editing_tables() -> dict[str, Any]:
    """Lanes, kinds, gestures, people's ranges, numbers of the trims: JSON-able."""
    return {
        "angles": list(ANGLES),
        "lanes": {name: list(parts) for name, parts in LANES.items()},
        "main": {name: list(parts) for name, parts in MAIN.items()},
        "parts": dict(PART_NAMES),
        "ranges": {name: [span.low, span.high, span.speed] for name, span in RANGES.items()},
        "kinds": {
            name: {"help": kind.help, "lanes": list(kind.lanes), "amount": list(kind.amount), "length": kind.length}
            for name, kind in KINDS.items()
        },
        "gestures": {name: list(found) for name, found in GESTURES.items()},
        "neck": list(NECK),
        "ramp": RAMP,
        "trims": {
            "kept": list(EYES),
            "size": SCALE_RANGE,
            "place": PLACE_RANGE,
            "blink": {
                "peak": BLINK_PEAK,
                "edge": BLINK_EDGE,
                "rest": BLINK_REST,
                "seconds": list(BLINK_SECONDS),
                "places": list(BLINK_PLACES),
            },
        },
    }
