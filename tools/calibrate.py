"""The read-outs of lips and lids, fitted: `python -m tools.calibrate FOLDER_OF_MOTION`.

FOLDER holds real motion as .npz: exp (T, 21, 3) and, measured from the picture, eyes (T, 2) and lips (T, 1), the
openness ratios. Each row is a ridge fit over all clips, each clip centred and weighed by its own spread, under linear
constraints: the row answers to its own action by the stated amount and to unrelated actions not at all. The figures
it prints are those of `moda.motion.statistics`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

from moda.motion.actions import ACTIONS, EYE_PER_BLINK, LIP_PER_JAW, write_matrix
from moda.motion.statistics import STD

Array = npt.NDArray[np.float64]
LIP_POINTS, LID_POINTS = (6, 12, 14, 17, 19, 20, 3, 7), (11, 13, 15, 16)
#: Clips in which the lips hardly part say little about how far they part.
LIP_WEIGHTS = {"d1": 0.1, "d2": 0.1, "d7": 0.6}
NO_LIPS = ("brow_raise", "brow_furrow", "blink_left", "blink_right", "squint", "gaze_x", "gaze_y", "cheek_raise",
           "mouth_left")  # fmt: skip
NO_LIDS = ("jaw_open", "lips_press", "pucker", "stretch", "upper_lip_raise", "lower_lip_depress", "frown", "mouth_left",
           "brow_raise", "brow_furrow", "gaze_x")  # fmt: skip


def fit_row(
    clips: list[tuple[Array, Array, float]],
    points: tuple[int, ...],
    answers: dict[str, float],
    ridge: float,
    outside: float,
) -> Array:
    """(63,) row w minimising sum weight |X w - y|^2 + ridge |w|^2 with w @ direction(action) = answer.

    clips: (expression (T, 63), measured (T,), weight). `outside` makes keypoints other than `points` dearer.
    """
    spread = STD[:63].astype(np.float64) + 1e-5
    normal, right = np.zeros((63, 63)), np.zeros(63)
    for expression, measured, weight in clips:
        x, y = (expression - expression.mean(0)) / spread, measured - measured.mean()
        share = weight / measured.var() / len(y)
        normal += share * x.T @ x
        right += share * x.T @ y
    cost = np.where(spread > 3e-4, 1.0, 1e6)  # axes that never move carry no meaning
    near = np.isin(np.arange(63) // 3, points)
    normal += ridge * np.diag(np.where(near, cost, cost * outside))
    bound = np.stack([write_matrix()[:, ACTIONS.index(name)] / spread for name in answers])
    system = np.block([[normal, bound.T], [bound, np.zeros((len(bound), len(bound)))]])
    return np.linalg.solve(system, np.r_[right, list(answers.values())])[:63] / spread


def main(folder: Path) -> None:
    """Fits the three rows and prints them with their correlation on every clip."""
    found = {}
    for path in sorted(folder.glob("*.npz")):
        with np.load(path, allow_pickle=False) as content:
            if {"exp", "eyes", "lips"} <= set(content.files):
                found[path.stem] = (
                    content["exp"].reshape(-1, 63).astype(np.float64),
                    content["lips"][:, 0].astype(np.float64),
                    content["eyes"].astype(np.float64),
                )
    if not found:
        sys.exit(f"{folder} holds no motion with measured eyes and lips (.npz with exp, eyes, lips).")
    lips = [(exp, lip, LIP_WEIGHTS.get(name, 1.0)) for name, (exp, lip, _) in found.items()]
    rows = {"LIP_OPENING_ROW": (fit_row(lips, LIP_POINTS, {"jaw_open": LIP_PER_JAW, **dict.fromkeys(NO_LIPS, 0.0)},
                                        0.3, 100.0), [lip for _, lip, _ in found.values()])}  # fmt: skip
    for side, (own, other) in enumerate((("blink_left", "blink_right"), ("blink_right", "blink_left"))):
        lids = [(exp, eyes[:, side], 1.0) for exp, _, eyes in found.values()]
        answers = {own: -EYE_PER_BLINK, other: 0.0, **dict.fromkeys(NO_LIDS, 0.0)}
        name = ("EYE_LEFT_ROW", "EYE_RIGHT_ROW")[side]
        rows[name] = (fit_row(lids, LID_POINTS, answers, 3.0, 10.0), [eyes[:, side] for _, _, eyes in found.values()])
    for name, (row, measured) in rows.items():
        print(name, np.array2string(row, precision=6, max_line_width=110, separator=", "))
        for clip, (exp, _, _), truth in zip(found, found.values(), measured):
            print(f"    {clip}: r {np.corrcoef(exp @ row, truth)[0, 1]:.3f}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/data/motion"))
