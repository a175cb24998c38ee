"""The renderer as a whole: the reference's frames, streaming, and what happens when things run out."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from moda.errors import BadSetting, Cancelled, UserError, WeightsMissing
from moda.motion.space import Motion
from moda.portrait.crop import crop_face
from moda.renderer.base import Renderer
from moda.renderer.liveportrait import convert
from moda.renderer.liveportrait.renderer import LivePortraitRenderer, as_tensor

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def networks(files):
    return convert.Networks(
        convert.load_appearance(files.network("appearance_feature_extractor"), "F"),
        convert.load_motion_extractor(files.network("motion_extractor"), "M"),
        convert.load_warping(files.network("warping_module"), "W"),
        convert.load_generator(files.network("spade_generator"), "G"),
        convert.load_retargeting(files.retargeting(), "S"),
    )


@pytest.fixture(scope="module")
def renderer(networks):
    return LivePortraitRenderer(networks, "cpu", batch_size=2, fast=False)


@pytest.fixture(scope="module")
def portrait(seeded, expected):
    """The seeded picture with the landmarks of the fixture: all of a portrait that this renderer reads."""
    image = seeded.picture("lp/picture", 400, 360)
    return SimpleNamespace(image=image, crop=crop_face(image, expected["composed/landmarks"]))


@pytest.fixture(scope="module")
def motion(seeded):
    parts = [
        seeded.tensor("lp/drive/exp", (2, 63), 0.05),
        seeded.tensor("lp/drive/scale", (2, 1), 0.05, 1.2),
        seeded.tensor("lp/drive/t", (2, 3), 0.03),
        *(seeded.tensor(f"lp/drive/{a}", (2, 1), s) for a, s in (("pitch", 8), ("yaw", 10), ("roll", 6))),
    ]
    return Motion(np.concatenate(parts, axis=1), origin="moda-base")


def test_it_is_a_renderer(renderer):
    assert isinstance(renderer, Renderer)


def test_the_crop_is_the_reference_s(portrait, expected):
    crop = portrait.crop.network_input().astype(int)
    assert np.abs(crop - expected["composed/crop256"]).max() <= 3


def test_two_frames_as_the_reference_renders_them(renderer, portrait, motion, expected):
    portrait.crop = SimpleNamespace(**vars(portrait.crop), network_input=lambda: expected["composed/crop256"])
    prepared = renderer.prepare(portrait)
    networks = renderer.networks
    pose = networks.motion(as_tensor(expected["composed/crop256"]))
    for name, value in pose._asdict().items():
        assert expected.difference(f"composed/source/{name}", value) < 5e-5, name
    assert expected.difference("composed/f_s", prepared.source.volume) < 1e-4
    assert expected.difference("composed/x_s", prepared.placed.expand(2, -1, -1)) < 1e-5
    driving = renderer.keypoints(prepared, motion, 0, 2)
    assert expected.difference("composed/x_d", driving) < 1e-5
    pictures = []
    watch = networks.generator.register_forward_hook(lambda module, given, made: pictures.append(made))
    frames = np.stack(list(renderer.frames(prepared, motion, whole=True)))
    watch.remove()
    assert expected.difference("composed/image", torch.cat(pictures)) < 1e-3
    assert frames.dtype == np.uint8
    assert expected.difference("composed/frames", frames) <= 6
