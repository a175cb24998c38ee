"""The renderer as a whole: the reference's frames, streaming, and what happens when things run out."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from moda.errors import BadSetting, Cancelled, UserError, WeightsMissing
from moda.motion.space import Motion
from moda.portrait.crop import crop_face
from moda.renderer.base import Renderer
from moda.renderer.liveportrait import convert
from moda.renderer.liveportrait.appearance import AppearanceConfig, AppearanceEncoder
from moda.renderer.liveportrait.generator import GeneratorConfig, PictureGenerator
from moda.renderer.liveportrait.motion_extractor import MotionExtractor, MotionExtractorConfig
from moda.renderer.liveportrait.renderer import LivePortraitRenderer, as_tensor, resized
from moda.renderer.liveportrait.stitching import EYE_SIZES, LIP_SIZES, STITCHING_SIZES, KeypointMLP
from moda.renderer.liveportrait.warping import WarpingConfig, WarpingModule


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


def test_the_crop_is_the_reference_s(portrait, expected):
    crop = portrait.crop.network_input().astype(int)
    assert np.abs(crop - expected["composed/crop256"]).max() <= 3


@pytest.mark.slow
def test_two_frames_as_the_reference_renders_them(networks, portrait, motion, expected):
    renderer = LivePortraitRenderer(networks, "cpu")
    crop = SimpleNamespace(**vars(portrait.crop), network_input=lambda: expected["composed/crop256"])
    prepared = renderer.prepare(SimpleNamespace(image=portrait.image, crop=crop))
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


@pytest.fixture(scope="module")
def small():
    """LivePortrait in miniature: the same code, sizes that take milliseconds."""
    torch.manual_seed(5)
    warping = WarpingConfig(
        volume_channels=4, volume_depth=4, compressed=2, hourglass_width=4, hourglass_levels=2, output=8
    )
    networks = convert.Networks(
        AppearanceEncoder(AppearanceConfig(width=4, volume_channels=4, volume_depth=4, residual_blocks=1)),
        MotionExtractor(MotionExtractorConfig(depths=(1, 1, 1, 1), widths=(4, 8, 8, 16))),
        WarpingModule(warping),
        PictureGenerator(GeneratorConfig(features=8, width=16, middle_blocks=1, up_widths=(8, 4), hidden=4)),
        convert.Retargeting(*(KeypointMLP(sizes) for sizes in (STITCHING_SIZES, LIP_SIZES, EYE_SIZES))),
    )
    return convert.Networks(*(network.eval().requires_grad_(False) for network in networks[:4]), networks[4])


def lively(frames: int, origin: str = "moda-lite") -> Motion:
    random = np.random.default_rng(2)
    array = np.zeros((frames, 70), np.float32)
    array[:, :63] = random.normal(size=(frames, 63)) * 0.02
    array[:, 63] = 1.3
    array[:, 67:] = random.normal(size=(frames, 3)) * 8
    return Motion(array, origin=origin)


@pytest.fixture(scope="module")
def renderer(small):
    return LivePortraitRenderer(small, "cpu", batch_size=3)


@pytest.fixture(scope="module")
def prepared(renderer, portrait):
    return renderer.prepare(portrait)


def test_it_is_a_renderer(renderer):
    assert isinstance(renderer, Renderer)
    assert renderer.name == "liveportrait"


def test_frames_do_not_depend_on_batches_or_on_where_one_starts(small, portrait, prepared, renderer):
    motion = lively(5)
    whole = list(renderer.frames(prepared, motion))
    assert [frame.shape for frame in whole] == [(512, 512, 3)] * 5
    assert all(frame.dtype == np.uint8 for frame in whole)
    one = LivePortraitRenderer(small, "cpu", batch_size=1)
    for found, wanted in zip(one.frames(one.prepare(portrait), motion, start=2, stop=4), whole[2:4], strict=True):
        assert np.abs(found.astype(int) - wanted).max() <= 1
    assert list(renderer.frames(prepared, motion, start=5)) == []
    assert len(list(renderer.frames(prepared, motion, start=4, stop=99))) == 1


def test_the_fast_way_makes_the_same_pictures(small, portrait, prepared, renderer):
    plain = LivePortraitRenderer(small, "cpu", fast=False)
    motion = lively(2)
    for found, wanted in zip(renderer.frames(prepared, motion), plain.frames(plain.prepare(portrait), motion)):
        assert np.abs(found.astype(int) - wanted).max() <= 1


def test_sizes(prepared, renderer, portrait):
    motion = lively(1)
    assert next(renderer.frames(prepared, motion, size=256)).shape == (256, 256, 3)
    assert next(renderer.frames(prepared, motion, size=700)).shape == (700, 700, 3)
    whole = next(renderer.frames(prepared, motion, whole=True))
    assert whole.shape == portrait.image.shape
    grey = np.full((512, 512, 3), 77, np.uint8)
    assert (resized(grey, 100) == 77).all()


def test_frames_come_one_by_one(prepared, renderer):
    """An hour of motion gives its first frame at once: nothing is computed ahead of the batch."""
    assert next(renderer.frames(prepared, lively(90_000))).shape == (512, 512, 3)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").is_file(), reason="reads the process's memory from /proc")
def test_ten_minutes_take_no_more_memory_than_ten_seconds(prepared, renderer):
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    motion, seen = lively(15_000), []
    for k, _ in enumerate(renderer.frames(prepared, motion, size=64, stop=60)):
        if k in (29, 59):
            seen.append(resident())
    for _ in renderer.frames(prepared, motion, size=64, start=14_990):
        pass
    assert resident() - seen[0] < 0.02 * seen[0]
    assert seen[1] - seen[0] < 0.02 * seen[0]


def test_cancelling(prepared, renderer):
    answers = iter([False, False, False, True])
    frames = renderer.frames(prepared, lively(9), cancel=lambda: next(answers))
    with pytest.raises(Cancelled):
        for count, _ in enumerate(frames):  # noqa: B007
            pass
    assert count < 3


class Scarce(LivePortraitRenderer):
    """Memory for two frames."""

    room = 2

    def _pictures(self, prepared, motion, start, stop):
        if stop - start > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super()._pictures(prepared, motion, start, stop)


def test_scarce_memory_makes_smaller_batches(small, portrait, caplog):
    renderer = Scarce(small, "cpu", batch_size=8)
    assert len(list(renderer.frames(renderer.prepare(portrait), lively(5)))) == 5
    assert renderer.batch_size == 2
    assert "2 frames at a time" in caplog.text
    renderer.room = 0
    with pytest.raises(UserError, match="too little free memory to render a single frame"):
        next(renderer.frames(renderer.prepare(portrait), lively(5)))


def test_half_precision_is_close(small, portrait, prepared, renderer):
    half = LivePortraitRenderer(small, "cpu", dtype=torch.bfloat16)
    motion = lively(1)
    found, wanted = next(half.frames(half.prepare(portrait), motion)), next(renderer.frames(prepared, motion))
    assert np.abs(found.astype(int) - wanted).mean() < 4
    assert small.generator.first.weight.dtype == torch.float32  # the networks given stay as they were


def test_bad_settings(small, portrait, renderer, prepared):
    with pytest.raises(BadSetting, match="at least 1, not 0"):
        LivePortraitRenderer(small, "cpu", batch_size=0)
    with pytest.raises(BadSetting, match="no option glasses"):
        renderer.prepare(portrait, glasses=True)
    with pytest.raises(BadSetting, match="soft, face"):
        renderer.prepare(portrait, mask="hard")
    with pytest.raises(WeightsMissing, match="soft mask instead"):
        renderer.prepare(portrait, mask="face")
    with pytest.raises(BadSetting, match="always keeps the background"):
        renderer.prepare(portrait, background_still=False)
    odd = renderer.prepare(portrait, mode="sideways")
    with pytest.raises(BadSetting, match="auto, absolute, relative"):
        renderer.frames(odd, lively(1))  # at once, not with the first frame


def test_the_face_parser_s_mask(tmp_path, portrait):
    """facexlib's network with weights of no meaning: the plumbing, and the refusal of other files."""
    from facexlib.parsing.bisenet import BiSeNet

    from moda.errors import BadWeights
    from moda.renderer.liveportrait.pasting import Paster

    torch.manual_seed(0)
    path = tmp_path / "parsing_bisenet.pth"
    torch.save(BiSeNet(num_class=19).state_dict(), path)
    crop = np.full((512, 512, 3), 128, np.uint8)
    assert Paster(portrait, "face", path)(crop).shape == portrait.image.shape
    torch.save({"something": torch.zeros(1)}, path)
    with pytest.raises(BadWeights, match=r"parsing_bisenet\.pth"):
        Paster(portrait, "face", path)
