"""The person cut out of the picture: known opacities come back, and the layers put together are the picture again."""

from __future__ import annotations

import io
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from moda.portrait.closed_form import MattingLaplacian, solve_alpha
from moda.portrait.matte import person_matte
from moda.portrait.mediapipe_graphs import person_mask as segmentation
from moda.portrait.person_mask import close_holes
from moda.portrait.plate import CLEAR, UNSURE, membrane, own_colours, split_layers
from moda.portrait.portrait import Portrait, open_portrait
from tests.portrait import scenes


def composed(image: np.ndarray, plate: np.ndarray, carried: np.ndarray) -> np.ndarray:
    """The person as it lies over its own plate, in colours that a picture can have."""
    share = carried[..., None]
    colours = np.clip(np.rint(own_colours(image, plate, carried) / np.maximum(share, 1e-6)), 0, 255)
    return np.asarray(share * colours + (1 - share) * plate)


def test_person_over_its_own_plate_is_the_portrait(hopper_portrait: Portrait) -> None:
    alpha, plate, image = hopper_portrait.matte.alpha, hopper_portrait.plate, hopper_portrait.image
    carried = hopper_portrait.matte.carried
    assert alpha.dtype == np.float32 and alpha.min() == 0.0 and alpha.max() == 1.0
    assert (carried >= alpha).all() and np.abs(composed(image, plate, carried) - image).max() <= 1.0
    assert np.array_equal(plate[carried == 0], image[carried == 0])
    margin = cv2.distanceTransform((alpha <= CLEAR).astype(np.uint8), cv2.DIST_L2, 5) > UNSURE * max(image.shape) + 1
    assert not carried[margin].any()
    assert hopper_portrait.matte is hopper_portrait.matte and hopper_portrait.plate is hopper_portrait.plate
    assert not hopper_portrait.matte.whole and "segmentation" in hopper_portrait.matte.how


def test_layers_of_any_alpha_compose_to_the_picture() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (60, 80, 3), dtype=np.uint8)
    alpha = np.clip(cv2.GaussianBlur(rng.random((60, 80), dtype=np.float32), (0, 0), 4) * 6 - 2.5, 0, 1)
    assert ((alpha > 0) & (alpha < 1)).mean() > 0.2
    front, plate, carried = split_layers(image, alpha)
    assert np.abs(composed(image, plate, carried) - image).max() <= 1.0
    assert np.array_equal(plate[carried == 0], image[carried == 0])
    assert np.array_equal(front[alpha == 1], image[alpha == 1])


@pytest.mark.parametrize("sigma", [0.0, 12.0])
def test_plate_keeps_neither_halo_nor_lost_hair(sigma: float) -> None:
    """A dark disc, sharpened so that it stands in a light ring, with a hair that alpha does not know of."""
    y, x = np.mgrid[0:240, 0:240].astype(np.float32)
    away = np.hypot(x - 120, y - 120)
    clean = 150 + np.random.default_rng(5).normal(0, sigma, (240, 240)).astype(np.float32)
    picture = np.where(away < 70, 40, clean + 45 * np.exp(-(((away - 71) / 1.2) ** 2)))
    hair = (np.abs(y - 120) < 1) & (away > 70) & (away < 72.5)
    picture[hair] = 40
    image = np.repeat(np.clip(np.rint(picture), 0, 255).astype(np.uint8)[..., None], 3, 2)
    _, plate, carried = split_layers(image, (away < 70).astype(np.float32))
    ring = (away >= 70) & (away < 72)
    left = plate[..., 0].astype(np.float32) - clean
    assert (image[..., 0] - clean)[ring & ~hair].mean() > 20 and abs(left[ring & ~hair].mean()) < 3
    assert np.abs(left[hair & (away < 72)]).max() < 20 + 4 * sigma
    assert np.abs(composed(image, plate, carried) - image).max() <= 1.0


@lru_cache(maxsize=1)
def errors() -> dict[str, list[tuple[float, ...]]]:
    """Of matte and raw segmentation by cut-out: mean alpha error over the picture and near the edge, gradient error."""
    found: dict[str, list[tuple[float, ...]]] = {}
    for make in (scenes.astronaut, scenes.long_hair, scenes.character):
        cutout = make()
        edge = scenes.near_edge(cutout.alpha, 10)
        for _, background in scenes.backgrounds():
            image = cutout.over(background)
            alpha, raw = open_portrait(image).matte.alpha, segmentation(image)
            row = [
                value
                for guess in (alpha, raw)
                for value in (
                    float(np.abs(guess - cutout.alpha).mean()),
                    float(np.abs(guess - cutout.alpha)[edge].mean()),
                    scenes.gradient_error(guess, cutout.alpha),
                )
            ]
            found.setdefault(make.__name__, []).append(tuple(row))
    return found


@pytest.mark.slow
def test_known_opacity_comes_back() -> None:
    rows = np.array([row for rows in errors().values() for row in rows])
    matte, near, gradient, raw_matte, raw_near, raw_gradient = rows.mean(0)
    assert matte < 0.02  # 0.015, the raw segmentation 0.020
    assert matte < 0.85 * raw_matte and near < 0.85 * raw_near and gradient < 0.85 * raw_gradient
    assert np.median(rows[:, 0]) < 0.8 * np.median(rows[:, 3])


@pytest.mark.slow
@pytest.mark.parametrize("who", ["astronaut", "character"])
def test_known_opacity_comes_back_for_each(who: str) -> None:
    assert np.array(errors()[who])[:, 0].mean() < 0.016


def test_foreground_takes_no_halo_from_the_old_background() -> None:
    """A red disc with a soft rim, cut out of blue: over white the rim holds no blue."""
    y, x = np.mgrid[0:200, 0:200].astype(np.float32)
    alpha = np.clip((70 - np.hypot(x - 100, y - 100)) / 12 + 0.5, 0, 1)
    red, blue = np.array([200, 30, 30], np.float32), np.array([20, 40, 220], np.float32)
    image = np.rint(alpha[..., None] * red + (1 - alpha[..., None]) * blue).astype(np.uint8)
    front, plate, _ = split_layers(image, alpha)
    rim = (alpha > 0.15) & (alpha < 0.95)
    assert np.abs(front[rim].astype(float) - red).max() < 12
    assert np.abs(plate.astype(float) - blue).max() < 6


def test_lines_go_on_behind_the_person() -> None:
    """A dark bar that meets the hole aslant is found again on its other side, in its own direction."""
    y, x = np.mgrid[0:240, 0:320].astype(np.float32)
    bar = np.abs((y - 120) - 0.45 * (x - 160)) < 9
    image = np.where(bar[..., None], (40, 50, 60), (190, 180, 170)).astype(np.uint8)
    alpha = ((np.abs(x - 160) < 22) & (y > 20) & (y < 220)).astype(np.float32)
    holed = image.copy()
    holed[alpha > 0] = (0, 255, 0)
    plate = split_layers(holed, alpha).plate.astype(float)
    near = (alpha > 0) & (np.abs(x - 160) > 8)  # what a turning head uncovers
    wrong = np.abs(plate - image).max(-1) > 60
    assert wrong[near].mean() < 0.06
    smooth = membrane(holed.astype(np.float32), alpha > 0)
    assert (np.abs(smooth - image).max(-1) > 60)[near].mean() > 2 * wrong[near].mean()


def test_grain_goes_on_behind_the_person() -> None:
    rng = np.random.default_rng(3)
    image = np.clip(rng.normal(120, 14, (256, 256, 1)) + np.zeros(3), 0, 255).astype(np.uint8)
    alpha = np.zeros((256, 256), np.float32)
    alpha[:, 100:170] = 1
    plate = split_layers(image, alpha).plate
    assert plate[:, 100:108].astype(float).std() > 0.6 * image.astype(float).std()


def test_closed_form_equals_the_dense_solution() -> None:
    """Levin's Laplacian written out pixel by pixel on a small picture."""
    rng = np.random.default_rng(1)
    h, w, epsilon = 7, 8, 1e-2
    image = rng.random((h, w, 3)).astype(np.float32)
    dense = np.zeros((h * w, h * w))
    for cy in range(h):
        for cx in range(w):
            rows, columns = np.mgrid[max(cy - 1, 0) : min(cy + 2, h), max(cx - 1, 0) : min(cx + 2, w)]
            at = (rows * w + columns).ravel()
            colours = image.reshape(-1, 3)[at].astype(np.float64)
            n = len(at)
            centred = colours - colours.mean(0)
            inverse = np.linalg.inv(centred.T @ centred / n + epsilon / n * np.eye(3))
            dense[np.ix_(at, at)] += np.eye(n) - (1 + centred @ inverse @ centred.T) / n
    laplacian = MattingLaplacian(image, epsilon=epsilon)
    vector = rng.random((h, w)).astype(np.float32)
    assert np.allclose(laplacian(vector).ravel(), dense @ vector.ravel(), atol=2e-4)
    unknown = np.zeros((h, w), bool)
    unknown[2:5, 2:6] = True
    start = (rng.random((h, w)) > 0.5).astype(np.float32)
    prior = np.full((h, w), 0.5, np.float32)
    solved = solve_alpha(laplacian, start, unknown, prior, 0.1, steps=80)
    free = unknown.ravel()
    matrix = dense[np.ix_(free, free)] + 0.1 * np.eye(free.sum())
    right = 0.1 * prior.ravel()[free] - dense[np.ix_(free, ~free)] @ start.ravel()[~free]
    assert np.allclose(solved.ravel()[free], np.clip(np.linalg.solve(matrix, right), 0, 1), atol=2e-3)
    assert np.array_equal(solved[~unknown], start[~unknown])


def test_small_doubtful_holes_are_closed_and_gaps_are_not() -> None:
    mask = np.zeros((200, 200), np.float32)
    mask[40:200, 30:170] = 1
    mask[90:104, 90:104] = 0.3  # a badge
    mask[150:200, 60:70] = 0.0  # between arm and body, open below
    mask[120:134, 140:150] = 0.02  # a loop through which the wall is seen
    closed = close_holes(mask, 40.0)
    assert (closed[90:104, 90:104] == 1).all()
    assert (closed[155:200, 60:70] == 0).all() and (closed[122:132, 142:148] < 0.1).all()


def encoded(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_cut_out_keeps_its_own_outline() -> None:
    cutout = scenes.astronaut()
    alpha = np.rint(cutout.alpha * 255).astype(np.uint8)
    data = encoded(np.dstack([np.rint(np.clip(cutout.colour, 0, 255)).astype(np.uint8), alpha]))
    portrait = open_portrait(data)
    assert portrait.alpha is not None and np.allclose(portrait.matte.alpha, alpha / 255, atol=1 / 255)
    assert "transparency" in portrait.matte.how
    band = (alpha > 60) & (alpha < 255)
    assert np.abs(portrait.matte.foreground[band].astype(float) - cutout.colour[band]).mean() < 6
    assert np.abs(composed(portrait.image, portrait.plate, portrait.matte.carried) - portrait.image).max() <= 1.0


def test_a_window_with_round_corners_is_no_cut_out(hopper: np.ndarray) -> None:
    alpha = np.full(hopper.shape[:2], 255, np.uint8)
    alpha[:30, :30] = alpha[:30, -30:] = 0
    portrait = open_portrait(encoded(np.dstack([hopper, alpha])))
    assert "segmentation" in portrait.matte.how
    assert 0.25 < portrait.matte.alpha.mean() < 0.75 and (portrait.matte.alpha[:28, :28] == 0).all()


def test_other_people_belong_to_the_plate(astronaut: np.ndarray, hopper: np.ndarray) -> None:
    both = np.hstack([astronaut, hopper[:512]])
    first, second = open_portrait(both, face_index=0), open_portrait(both, face_index=1)
    faces = [portrait.face for portrait in (first, second)]
    for own, other, portrait in ((faces[0], faces[1], first), (faces[1], faces[0], second)):
        assert portrait.face_count == 2

        def part(face: object) -> float:
            x0, y0, x1, y1 = (round(v) for v in face.box)  # type: ignore[attr-defined]
            return float(portrait.matte.alpha[y0:y1, x0:x1].mean())  # noqa: B023

        assert part(own) > 0.9 and part(other) < 0.05


def test_a_face_that_fills_the_picture_is_one_sheet(hopper_portrait: Portrait, hopper: np.ndarray) -> None:
    x0, y0, x1, y1 = (round(v) for v in hopper_portrait.face.box)
    tight = open_portrait(np.ascontiguousarray(hopper[y0 - 4 : y1 + 2, x0 + 8 : x1 - 8]), face_index=0)
    assert tight.matte.whole and "fills the picture" in tight.matte.how
    assert (tight.matte.alpha == 1).all() and np.array_equal(tight.plate, tight.image)


def test_a_person_that_cannot_be_told_apart_is_one_sheet(
    hopper: np.ndarray, hopper_portrait: Portrait, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network's answer is replaced by ones that no picture here provokes: nobody, and nothing sure."""
    from moda.portrait import matte

    for level, reason in ((0.0, "does not see a person"), (0.62, "look too much alike")):
        mask = np.full(hopper.shape[:2], level, np.float32)
        mask[:40] = 0.0
        monkeypatch.setattr(matte, "person_mask", lambda image, face, mask=mask: mask)
        found = person_matte(hopper, hopper_portrait.face)
        assert found.whole and reason in found.how and np.array_equal(found.foreground, hopper)


@pytest.mark.slow
def test_every_shared_portrait_composes_to_itself(shared_data: Path) -> None:
    for path in sorted((shared_data / "portraits").iterdir()):
        if path.stem in ("s22", "s31"):
            continue
        portrait = open_portrait(path)
        assert np.abs(composed(portrait.image, portrait.plate, portrait.matte.carried) - portrait.image).max() <= 1.0, (
            path.stem
        )
        assert not portrait.matte.whole and 0.2 < portrait.matte.alpha.mean() < 0.8, path.stem


def test_a_large_picture_is_cut_out_like_a_small_one(hopper: np.ndarray, hopper_portrait: Portrait) -> None:
    large = np.asarray(cv2.resize(hopper, None, fx=2.5, fy=2.5, interpolation=cv2.INTER_CUBIC))
    portrait = open_portrait(large)
    small = cv2.resize(portrait.matte.alpha, hopper.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(small - hopper_portrait.matte.alpha).mean() < 0.012
    assert np.abs(composed(portrait.image, portrait.plate, portrait.matte.carried) - large).max() <= 1.0
