"""A person above a cover is a person; what is no person is none, whatever is laid over it."""

from __future__ import annotations

from importlib.resources import files

import cv2
import numpy as np
import pytest
from PIL import Image

from moda.portrait.faces import find_all
from moda.portrait.portrait import open_portrait

SLIT = ((-1.05, -0.12), (-0.6, -0.42), (0, -0.45), (0.6, -0.42), (1.05, -0.12), (1, 0.2), (0.55, 0.24), (0, 0.3),
        (-0.55, 0.24), (-1, 0.2))  # fmt: skip
WHOLE = ((-1.5, -0.4), (-1.35, -1.3), (-0.8, -1.9), (0, -2.1), (0.8, -1.9), (1.35, -1.3), (1.5, -0.4), (1.55, 0.6),
         (2.1, 2), (2.2, 4.5), (-2.2, 4.5), (-2.1, 2), (-1.55, 0.6))  # fmt: skip
HALF = ((-1.7, 0.24), (0, 0.3), (1.7, 0.24), (2.1, 4.2), (-2.1, 4.2))


def veiled(image: np.ndarray, kind: str, tone: tuple[int, int, int]) -> np.ndarray:
    """A niqab over the largest face of `image`: all but a slit, or all below the eyes; with folds."""
    face = find_all(image)[0]
    points, iod = face.landmarks[:, :2], float(face.pose.scale)
    eyes = points[[33, 133, 362, 263]].mean(0)

    def fill(mask: np.ndarray, outline: tuple[tuple[float, float], ...], value: int) -> None:
        cv2.fillPoly(mask, [np.round(eyes + iod * np.array(outline)).astype(np.int32)], (value,))

    mask = np.zeros(image.shape[:2], np.uint8)
    fill(mask, WHOLE if kind == "whole" else HALF, 255)
    if kind == "whole":
        fill(mask, SLIT, 0)
    alpha = cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), 0.012 * iod + 0.5)[..., None]
    y, x = np.mgrid[: image.shape[0], : image.shape[1]] / iod
    cloth = np.array(tone, np.float32) + 9 * np.sin(5 * x + 2 * y)[..., None]
    return np.asarray(np.clip(image * (1 - alpha) + cloth * alpha, 0, 255).astype(np.uint8))


@pytest.mark.parametrize("grey", [False, True], ids=["colour", "grey"])
@pytest.mark.parametrize("tone", [(24, 22, 26), (96, 28, 40)], ids=["black", "wine"])
@pytest.mark.parametrize("kind", ["whole", "half"])
def test_a_person_in_a_niqab_is_a_person_with_a_covered_mouth(
    kind: str, tone: tuple[int, int, int], grey: bool, hopper: np.ndarray
) -> None:
    picture = veiled(hopper, kind, tone)
    if grey:
        picture = np.repeat(picture.mean(2, keepdims=True), 3, axis=2).astype(np.uint8)
    portrait = open_portrait(picture)
    assert portrait.face.veiled and portrait.mouth_covered
    assert any("mouth is covered" in hint for hint in portrait.hints)
    # The eyes are where they were before the cloth.
    before = find_all(hopper)[0].landmarks[[33, 133, 362, 263], :2]
    off = np.linalg.norm(portrait.landmarks[[33, 133, 362, 263], :2] - before, axis=1).mean()
    assert off < 0.1 * portrait.placement.scale


def test_an_uncovered_face_is_not_asked(hopper: np.ndarray) -> None:
    assert not open_portrait(hopper).face.veiled


def test_a_cat_is_no_veiled_person() -> None:
    picture = np.asarray(Image.open(str(files("skimage") / "data" / "chelsea.png")).convert("RGB"))
    for scale in (1.0, 2.0):
        size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
        larger = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC))
        for one in (larger, np.repeat(larger.mean(2, keepdims=True), 3, axis=2).astype(np.uint8)):
            assert not any(face.human for face in find_all(one))
