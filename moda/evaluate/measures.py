"""Every measure once: its name, unit, which way is good, formula and the range that real people have.

A measure without a real range has a target of its own, or is there to be compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from moda.evaluate.real_ranges import REAL

Direction = Literal["higher", "lower", "inside"]


@dataclass(frozen=True)
class Measure:
    """What a number means. `good` says which way is better; `inside` = within the real range."""

    name: str
    label: str
    unit: str
    good: Direction
    group: str
    formula: str

    @property
    def real(self) -> tuple[float, float, float] | None:
        """10th, 50th and 90th percentile over real clips, or None where it was not measured."""
        return REAL.get(self.name)

    def fits(self, value: float) -> bool | None:
        """Whether a value is as good as real people's: within, or better than, the 10th to 90th percentile."""
        real = self.real
        if real is None or value != value:
            return None
        if self.good == "higher":
            return value >= real[0]
        if self.good == "lower":
            return value <= real[2]
        return real[0] <= value <= real[2]


def _table() -> dict[str, Measure]:
    rows: list[tuple[str, str, str, Direction, str, str]] = [
        (
            "sync_correlation",
            "Lips follow the speech",
            "r",
            "higher",
            "lips",
            "r of opening with opening expected from the sound",
        ),
        ("sync_best", "Best at any shift", "r", "higher", "lips", "largest r for shifts within +-400 ms"),
        ("sync_lag_ms", "Lips late by", "ms", "inside", "lips", "shift of the largest r; + = lips late"),
        ("sync_confidence", "Sync confidence", "r", "higher", "lips", "largest r minus median r over +-600 ms"),
        ("closure", "p, b, m closed", "share", "higher", "lips", "share with opening < 10 % of its 95th percentile"),
        ("opening_std", "Mouth opening, spread", "jaw", "inside", "lips", "std of inner-lip gap, 0.30 IOD = 1"),
        ("opening_high", "Mouth opening, high", "jaw", "inside", "lips", "90th percentile of the gap, 0.30 IOD = 1"),
        (
            "opening_above_5hz",
            "Mouth power above 5 Hz",
            "share",
            "lower",
            "lips",
            "Welch power of the gap above 5 Hz / all",
        ),
        ("closed_share", "Lips together", "share", "inside", "lips", "frames with gap < 0.1 jaw"),
        ("lip_movement", "Lips, movement", "IOD", "inside", "lips", "rms distance of 20 points from their mean"),
        ("lip_dimensions", "Lips, shapes", "", "inside", "lips", "participation ratio of the points' components"),
        ("quiet_opening", "Mouth in pauses", "jaw", "lower", "lips", "median gap in pauses >= 0.4 s"),
        ("pitch_std", "Nodding, spread", "deg", "inside", "head", "std of pitch"),
        ("yaw_std", "Turning, spread", "deg", "inside", "head", "std of yaw"),
        ("roll_std", "Leaning, spread", "deg", "inside", "head", "std of roll"),
        ("pitch_speed", "Nodding, speed", "deg/s", "inside", "head", "mean |pitch'| after 32 ms smoothing"),
        ("yaw_speed", "Turning, speed", "deg/s", "inside", "head", "mean |yaw'| after 32 ms smoothing"),
        ("roll_speed", "Leaning, speed", "deg/s", "inside", "head", "mean |roll'| after 32 ms smoothing"),
        ("head_above_5hz", "Head power above 5 Hz", "share", "lower", "head", "power of the angles above 5 Hz / all"),
        ("head_jitter", "Head jitter", "deg/f2", "lower", "head", "rms second difference of the angles"),
        ("head_size", "Head size, spread", "share", "lower", "head", "std of head size / median"),
        ("head_shift", "Head place, spread", "IOD", "lower", "head", "std of the head's place in the picture"),
        ("blink_rate", "Blinks", "/min", "inside", "eyes", "dips of the lids by >= 50 %, at most 1 s"),
        ("blink_ms", "Blink length", "ms", "inside", "eyes", "median width at half depth"),
        ("blink_completeness", "Blink completeness", "share", "inside", "eyes", "median depth, 1 = shut"),
        ("brow_std", "Brows, spread", "IOD", "inside", "brows", "std of brow height"),
        ("brow_raises", "Brow raises", "/min", "inside", "brows", "raises > 0.045 IOD for >= 160 ms"),
        ("diversity_mouth", "Variety of the mouth", "IOD", "inside", "variety", "rms distance from the mean shape"),
        ("diversity_cheeks", "Variety of the cheeks", "IOD", "inside", "variety", "rms distance from the mean shape"),
        ("diversity_eyes", "Variety of the eyes", "IOD", "inside", "variety", "rms distance from the mean shape"),
        ("diversity_brows", "Variety of the brows", "IOD", "inside", "variety", "rms distance from the mean shape"),
        ("sharpness", "Sharpness", "x portrait", "higher", "picture", "skin's Laplacian energy / the portrait's"),
        ("flicker", "Flicker", "levels", "lower", "picture", "second difference of the skin's luminance"),
        ("wobble", "Face wobble", "IOD/f2", "lower", "picture", "rms second difference of rigid landmarks"),
        ("background_change", "Background change", "levels", "lower", "picture", "largest |frame - first| outside"),
        (
            "background_still",
            "Background still",
            "share",
            "higher",
            "picture",
            "pixels outside within 8 levels of the first frame",
        ),
        ("background_flicker", "Background flicker", "levels", "lower", "picture", "mean |frame - last| outside"),
        (
            "identity_drift",
            "Identity drift",
            "IOD",
            "lower",
            "picture",
            "mean distance of 21 points from the portrait's, IOD",
        ),
        ("identity_spread", "Identity spread", "share", "lower", "picture", "the same between frames"),
        ("face_found", "Face found", "share", "higher", "file", "frames with a face"),
        ("sound_excess_ms", "Sound longer by", "ms", "inside", "file", "length of sound minus length of picture"),
        ("seconds", "Length", "s", "inside", "file", "length of the picture track"),
        ("fps", "Frames a second", "/s", "inside", "file", "frames / length"),
    ]
    return {row[0]: Measure(*row) for row in rows}


MEASURES: dict[str, Measure] = _table()
