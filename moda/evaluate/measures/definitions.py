"""Every measure once: its name, unit, which way is good, formula and the range that real people have.

A measure without a real range has a target of its own, or is there to be compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from moda.evaluate.measures.real_ranges import REAL

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


def _measures(group: str, *rows: tuple[str, str, str, Direction, str]) -> dict[str, Measure]:
    """Rows of name, label, unit, which way is good, formula."""
    return {row[0]: Measure(*row[:4], group, row[4]) for row in rows}


MEASURES: dict[str, Measure] = {
    **_measures(
        "lips",
        ("sync_correlation", "Lips follow the speech", "r", "higher", "r of opening with that expected from the sound"),
        ("sync_best", "Best at any shift", "r", "higher", "largest r for shifts within +-400 ms"),
        ("sync_lag_ms", "Lips late by", "ms", "inside", "shift of the largest r; + = lips late"),
        ("sync_confidence", "Sync confidence", "r", "higher", "largest r minus median r over +-600 ms"),
        ("closure", "p, b, m closed", "share", "higher", "share with opening < 10 % of its 95th percentile"),
        ("opening_std", "Mouth opening, spread", "jaw", "inside", "std of inner-lip gap, 0.30 IOD = 1"),
        ("opening_high", "Mouth opening, high", "jaw", "inside", "90th percentile of the gap, 0.30 IOD = 1"),
        ("opening_above_5hz", "Mouth power above 5 Hz", "share", "lower", "power of the gap above 5 Hz / all (Welch)"),
        ("closed_share", "Lips together", "share", "inside", "frames with gap < 0.1 jaw"),
        ("lip_movement", "Lips, movement", "IOD", "inside", "rms distance of 20 points from their mean"),
        ("lip_dimensions", "Lips, shapes", "", "inside", "participation ratio of the points' components"),
        ("quiet_opening", "Mouth in pauses", "jaw", "lower", "median gap in pauses >= 0.4 s"),
    ),
    **_measures(
        "head",
        ("pitch_std", "Nodding, spread", "deg", "inside", "std of pitch"),
        ("yaw_std", "Turning, spread", "deg", "inside", "std of yaw"),
        ("roll_std", "Leaning, spread", "deg", "inside", "std of roll"),
        ("pitch_speed", "Nodding, speed", "deg/s", "inside", "mean |pitch'| after 32 ms smoothing"),
        ("yaw_speed", "Turning, speed", "deg/s", "inside", "mean |yaw'| after 32 ms smoothing"),
        ("roll_speed", "Leaning, speed", "deg/s", "inside", "mean |roll'| after 32 ms smoothing"),
        ("head_above_5hz", "Head power above 5 Hz", "share", "lower", "power of the angles above 5 Hz / all"),
        ("head_jitter", "Head jitter", "deg/f2", "lower", "rms second difference of the angles"),
        ("head_size", "Head size, spread", "share", "lower", "std of head size / median"),
        ("head_shift", "Head place, spread", "IOD", "lower", "std of the head's place in the picture"),
    ),
    **_measures(
        "eyes",
        ("blink_rate", "Blinks", "/min", "inside", "dips of the lids by >= 50 %, at most 1 s"),
        ("blink_ms", "Blink length", "ms", "inside", "median width at half depth"),
        ("blink_completeness", "Blink completeness", "share", "inside", "median depth, 1 = shut"),
    ),
    **_measures(
        "brows",
        ("brow_std", "Brows, spread", "IOD", "inside", "std of brow height"),
        ("brow_raises", "Brow raises", "/min", "inside", "raises > 0.045 IOD for >= 160 ms"),
    ),
    **_measures(
        "variety",
        ("diversity_mouth", "Variety of the mouth", "IOD", "inside", "rms distance from the mean shape"),
        ("diversity_cheeks", "Variety of the cheeks", "IOD", "inside", "rms distance from the mean shape"),
        ("diversity_eyes", "Variety of the eyes", "IOD", "inside", "rms distance from the mean shape"),
        ("diversity_brows", "Variety of the brows", "IOD", "inside", "rms distance from the mean shape"),
    ),
    **_measures(
        "picture",
        ("sharpness", "Sharpness", "x portrait", "higher", "skin's Laplacian energy / the portrait's"),
        ("flicker", "Flicker", "levels", "lower", "second difference of the skin's luminance"),
        ("wobble", "Face wobble", "IOD/f2", "lower", "rms second difference of rigid landmarks"),
        ("background_change", "Background change", "levels", "lower", "largest |frame - first| outside"),
        ("background_still", "Background still", "share", "higher", "pixels outside within 8 levels of frame 1"),
        ("background_flicker", "Background flicker", "levels", "lower", "mean |frame - last| outside"),
        ("identity_drift", "Identity drift", "IOD", "lower", "mean distance of 21 points from the portrait's"),
        ("identity_spread", "Identity spread", "share", "lower", "the same between frames"),
    ),
    **_measures(
        "file",
        ("face_found", "Face found", "share", "higher", "frames with a face"),
        ("sound_excess_ms", "Sound longer by", "ms", "inside", "length of sound minus length of picture"),
        ("seconds", "Length", "s", "inside", "length of the picture track"),
        ("fps", "Frames a second", "/s", "inside", "frames / length"),
    ),
}
