"""The person cut out of the picture: known opacities come back, layers put together are the picture again."""

from __future__ import annotations

import numpy as np

from moda.portrait.portrait import Portrait


def test_person_over_its_own_plate_is_the_portrait(hopper_portrait: Portrait) -> None:
    alpha, front, plate = hopper_portrait.matte.alpha, hopper_portrait.matte.foreground, hopper_portrait.plate
    assert alpha.dtype == np.float32 and alpha.min() == 0.0 and alpha.max() == 1.0
    again = alpha[..., None] * front + (1 - alpha[..., None]) * plate
    assert np.abs(again - hopper_portrait.image).max() <= 1.0
    assert np.array_equal(plate[alpha == 0], hopper_portrait.image[alpha == 0])
    assert hopper_portrait.matte is hopper_portrait.matte
