"""Closed lids hide the eyeball. A face tracker takes a drawn or painted lash line for an eye that is open; here the
eyeballs are painted green, in the picture and in everything that is learnt from it, and counted in the frames."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from moda.renderer.mesh.analysis.eyes import Eye
from moda.renderer.mesh.analysis.topology import EYES
from tests.renderer.mesh.conftest import Sitter, sit

GREEN = np.array([0, 255, 0], np.uint8)
SIZE = 512


def heights(sitter: Sitter) -> list[float]:
    """How much of each eye's height is still seen at the deepest point of a blink, of what is seen at rest."""
    marks = [sitter.portrait.landmarks[[*eye.upper, *eye.lower[::-1]], :2] for eye in EYES]
    where = np.zeros(sitter.portrait.image.shape[:2], np.uint8)
    for outline in marks:
        cv2.fillPoly(where, [np.round(outline * 16).astype(np.int32)], (1,), cv2.LINE_8, 4)
    where = where.astype(bool)

    def green(sheet: np.ndarray) -> np.ndarray:
        painted = sheet.copy()
        painted[..., :3] = GREEN
        return painted

    def eyeball(eye: Eye) -> Eye:
        return replace(eye, seen=green(eye.seen), white=green(eye.white), disc=green(eye.disc))

    known = sitter.prepared
    layers = replace(known.layers, picture=known.layers.picture.copy(), foreground=known.layers.foreground.copy())
    layers.picture[where] = layers.foreground[where] = GREEN
    painted = replace(known, layers=layers, eyes=(eyeball(known.eyes[0]), eyeball(known.eyes[1])))
    frames = replace(sitter, prepared=painted).render({}, {"blink_left": 1.0, "blink_right": 1.0}, size=SIZE)
    left, top, side = known.window
    found = []
    for outline in marks:
        spots = (outline - (left, top)) * (SIZE / side)
        (x0, y0), (x1, y1) = np.clip([spots.min(0) - 20, spots.max(0) + 20], 0, SIZE).astype(int)
        parts = [frame[y0:y1, x0:x1].astype(float) for frame in frames]
        seen = [np.clip((part[..., 1] - part[..., [0, 2]].max(-1) - 60) / 195, 0, 1).sum(0).max() for part in parts]
        assert seen[0] > 3, "the open eye is green"
        found.append(float(seen[1] / seen[0]))
    return found


def test_a_blink_leaves_nothing_of_the_eyeball(astronaut: Sitter) -> None:
    assert max(heights(astronaut)) < 0.05


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("s10.jpg", 0.05), ("s4.jpg", 0.05), ("s9.jpg", 0.05), ("art_20.jpg", 0.05), ("art_8.png", 0.05),
        ("art_15.png", 0.30),  # glasses: the lid is painted, and ends short of the corners
    ],
)  # fmt: skip
def test_a_blink_leaves_nothing_on_turned_and_painted_faces(shared_data: Path, name: str, most: float) -> None:
    assert max(heights(sit(shared_data / "portraits" / name))) < most
