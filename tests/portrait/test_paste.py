"""Pasting back: parity with the reference, and nothing outside the mask ever changes."""

from __future__ import annotations

import numpy as np
import pytest

from moda.portrait.paste import PasteBack, face_mask, limit_picture, reference_size, soft_square
from moda.portrait.portrait import Portrait
from tests.parity import fixture, largest_difference, seeded


@pytest.fixture(scope="module")
def original() -> np.ndarray:
    return seeded.picture("crop/original", 120, 100)


@pytest.fixture(scope="module")
def rendered() -> np.ndarray:
    return seeded.picture("crop/rendered", 512, 512, cells=6)


def parsing() -> np.ndarray:
    y, x = np.mgrid[:512, :512]
    classes = np.zeros((512, 512), int)
    classes[((x - 256) / 150) ** 2 + ((y - 270) / 190) ** 2 <= 1] = 1
    classes[(abs(x - 200) < 30) & (abs(y - 210) < 12)] = 4
    classes[(abs(x - 330) < 9) & (abs(y - 300) < 9)] = 17
    classes[y > 470] = 14
    classes[(abs(x - 60) < 6) & (abs(y - 60) < 6)] = 1
    return classes


def test_soft_square_equals_the_reference() -> None:
    expected, mask = fixture("crop"), soft_square()
    assert np.array_equal(mask[:20, :20], expected["paste/template_corner"])
    assert np.array_equal(mask[-20:, -20:], expected["paste/template_far_corner"])
    assert largest_difference(expected, "paste/template", mask.astype(int)) < 1e-6


def test_paste_equals_the_reference(original: np.ndarray, rendered: np.ndarray) -> None:
    expected = fixture("crop")
    paste = PasteBack(original, expected["paste/M_c2o"])
    assert np.abs(paste.mask - expected["paste/mask"]).max() < 1e-6
    assert np.abs(paste(rendered).astype(int) - expected["paste/out"]).max() <= 1


def test_face_mask_variant_equals_the_reference(original: np.ndarray, rendered: np.ndarray) -> None:
    expected = fixture("crop")
    mask = face_mask(parsing())
    assert np.array_equal(np.packbits(mask > 0, axis=1), expected["face_mask/mask_bits"])
    out = PasteBack(original, expected["paste/M_c2o"], rendered.shape[0], mask)(rendered)
    assert np.abs(out.astype(int) - expected["face_mask/paste"]).max() <= 1


@pytest.mark.parametrize("row", range(5))
def test_picture_limit_equals_the_reference(row: int) -> None:
    height, width, *expected = fixture("crop")["resize_to_limit/table"][row].tolist()
    assert list(reference_size(height, width)) == expected
    assert list(limit_picture(np.zeros((height, width, 3), np.uint8)).shape[:2]) == expected


def test_pasting_the_crop_itself_changes_next_to_nothing(hopper_portrait: Portrait) -> None:
    crop = hopper_portrait.crop
    out = PasteBack(hopper_portrait.image, crop.c2o)(crop.image)
    change = np.abs(out.astype(int) - hopper_portrait.image)
    assert out.shape == hopper_portrait.image.shape and change.mean() < 2.5


def test_outside_the_mask_every_pixel_stays(hopper_portrait: Portrait) -> None:
    crop = hopper_portrait.crop
    paste = PasteBack(hopper_portrait.image, crop.c2o)
    red = np.zeros_like(crop.image)
    red[..., 0] = 255
    before = hopper_portrait.image.copy()
    out = paste(red)
    assert np.array_equal(hopper_portrait.image, before)  # the portrait itself is not touched
    outside = paste.mask == 0
    assert outside.any() and np.array_equal(out[outside], before[outside])
    assert (out[paste.mask == 1] == (255, 0, 0)).all()


def test_a_crop_beyond_the_border_is_clipped(hopper: np.ndarray) -> None:
    c2o = np.array([[1.0, 0, -300], [0, 1, 450], [0, 0, 1]])
    out = PasteBack(hopper, c2o)(np.full((512, 512, 3), 255, np.uint8))
    assert (out[520, 100] == 255).all() and np.array_equal(out[:440], hopper[:440])
    away = np.array([[1.0, 0, 9000], [0, 1, 0], [0, 0, 1]])
    assert np.array_equal(PasteBack(hopper, away)(np.full((512, 512, 3), 255, np.uint8)), hopper)
