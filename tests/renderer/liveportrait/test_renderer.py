# It asks POSIX, which mypy does not find for Windows.
# mypy: disable-error-code="attr-defined"
"""The renderer as a whole: the reference's frames, streaming, and what happens when things run out."""

from __future__ import annotations

import copy
import itertools
import os
import threading
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from moda.errors import BadSetting, BadWeights, Cancelled, UserError, WeightsMissing
from moda.motion.space import Motion
from moda.portrait.crop import crop_face
from moda.portrait.paste import PasteBack
from moda.renderer.base import Renderer
from moda.renderer.liveportrait import batches, convert
from moda.renderer.liveportrait.appearance import AppearanceConfig, AppearanceEncoder, Volume
from moda.renderer.liveportrait.batches import as_tensor, keypoints
from moda.renderer.liveportrait.drive import head_moves
from moda.renderer.liveportrait.generator import GeneratorConfig, PictureGenerator
from moda.renderer.liveportrait.motion_extractor import MotionExtractor, MotionExtractorConfig
from moda.renderer.liveportrait.renderer import LivePortraitRenderer, Prepared
from moda.renderer.liveportrait.showing import Showing
from moda.renderer.liveportrait.stitching import EYE_SIZES, LIP_SIZES, STITCHING_SIZES, KeypointMLP
from moda.renderer.liveportrait.warping import WarpingConfig, WarpingModule
from moda.renderer.window import upright_window
from tests.renderer.liveportrait.conftest import Expected, SeededFiles, driving


@pytest.fixture(scope="module")
def networks(files: SeededFiles) -> convert.Networks:
    return convert.Networks(
        convert.load_appearance(files.network("appearance_feature_extractor"), "F"),
        convert.load_motion_extractor(files.network("motion_extractor"), "M"),
        convert.load_warping(files.network("warping_module"), "W"),
        convert.load_generator(files.network("spade_generator"), "G"),
        convert.load_retargeting(files.retargeting(), "S"),
    )


@pytest.fixture(scope="module")
def portrait(seeded: ModuleType, expected: Expected) -> SimpleNamespace:
    """The seeded picture with the landmarks of the fixture: all of a portrait that this renderer reads."""
    image = seeded.picture("lp/picture", 400, 360)
    alpha = np.zeros(image.shape[:2], np.float32)
    alpha[60:, 80:280] = 1
    head = SimpleNamespace(scale=60.0, translation=np.array([180.0, 170.0, 0.0]), rotation=np.eye(3))
    crop = crop_face(image, expected["composed/landmarks"])
    matte = SimpleNamespace(whole=False, alpha=alpha)
    return SimpleNamespace(image=image, crop=crop, placement=head, matte=matte, size=image.shape[1::-1])


@pytest.fixture(scope="module")
def motion() -> Motion:
    return driving("lp/drive", 2, (8, 10, 6))


def test_the_crop_is_the_reference_s(portrait: SimpleNamespace, expected: Expected) -> None:
    crop = portrait.crop.network_input().astype(int)
    assert np.abs(crop - expected["composed/crop256"]).max() <= 3


@pytest.mark.slow
def test_two_frames_as_the_reference_renders_them(
    networks: convert.Networks, portrait: SimpleNamespace, motion: Motion, expected: Expected
) -> None:
    renderer = LivePortraitRenderer(networks, "cpu")
    crop = SimpleNamespace(**vars(portrait.crop), network_input=lambda: expected["composed/crop256"])
    prepared = renderer.prepare(SimpleNamespace(image=portrait.image, crop=crop))
    learnt, networks = prepared.learnt, renderer.networks
    pose = networks.motion(as_tensor(expected["composed/crop256"]))
    for name, value in pose._asdict().items():
        assert expected.difference(f"composed/source/{name}", value) < 5e-5, name
    assert expected.difference("composed/f_s", learnt.source.volume) < 1e-4
    assert expected.difference("composed/x_s", learnt.placed.expand(2, -1, -1)) < 1e-5
    driving = keypoints(networks, learnt, motion, range(2))
    assert expected.difference("composed/x_d", driving) < 1e-5
    pictures = []
    watch = networks.generator.register_forward_hook(lambda module, given, made: pictures.append(made))
    frames = np.stack(list(renderer.frames(prepared, motion, whole=True)))
    watch.remove()
    assert expected.difference("composed/image", torch.cat(pictures)) < 1e-3
    assert frames.dtype == np.uint8
    assert expected.difference("composed/frames", frames) <= 6


@pytest.fixture(scope="module")
def small() -> convert.Networks:
    """LivePortrait in miniature: the same code, sizes that take milliseconds."""
    torch.manual_seed(5)
    warping = WarpingConfig(volume=Volume(4, 4), compressed=2, hourglass_width=4, hourglass_levels=2, output=8)
    networks = convert.Networks(
        AppearanceEncoder(AppearanceConfig(width=4, volume=Volume(4, 4), residual_blocks=1)),
        MotionExtractor(MotionExtractorConfig(depths=(1, 1, 1, 1), widths=(4, 8, 8, 16))),
        WarpingModule(warping),
        PictureGenerator(GeneratorConfig(features=8, width=16, middle_blocks=1, up_widths=(8, 4), hidden=4)),
        convert.Retargeting(*(KeypointMLP(sizes) for sizes in (STITCHING_SIZES, LIP_SIZES, EYE_SIZES))),
    )
    for network in networks[:4]:
        network.eval().requires_grad_(False)
    return networks


def lively(frames: int, origin: str = "moda-lite") -> Motion:
    random = np.random.default_rng(2)
    array = np.zeros((frames, 70), np.float32)
    array[:, :63] = random.normal(size=(frames, 63)) * 0.02
    array[:, 63] = 1.3
    array[:, 67:] = random.normal(size=(frames, 3)) * 8
    return Motion(array, origin=origin)


@pytest.fixture(scope="module")
def renderer(small: convert.Networks) -> LivePortraitRenderer:
    return LivePortraitRenderer(small, "cpu", batch_size=3)


@pytest.fixture(scope="module")
def prepared(renderer: LivePortraitRenderer, portrait: SimpleNamespace) -> Prepared:
    return renderer.prepare(portrait)


def test_it_is_a_renderer(renderer: LivePortraitRenderer) -> None:
    assert isinstance(renderer, Renderer)
    assert renderer.name == "liveportrait"


def test_frames_do_not_depend_on_batches_or_on_where_one_starts(
    small: convert.Networks, portrait: SimpleNamespace, prepared: Prepared, renderer: LivePortraitRenderer
) -> None:
    motion = lively(5)
    whole = list(renderer.frames(prepared, motion))
    assert [frame.shape for frame in whole] == [(512, 512, 3)] * 5
    assert all(frame.dtype == np.uint8 for frame in whole)
    one = LivePortraitRenderer(small, "cpu", batch_size=1)
    for found, wanted in zip(one.frames(one.prepare(portrait), motion, start=2, stop=4), whole[2:4], strict=True):
        assert np.abs(found.astype(int) - wanted).max() <= 1
    assert list(renderer.frames(prepared, motion, start=5)) == []
    assert len(list(renderer.frames(prepared, motion, start=4, stop=99))) == 1


def test_the_fast_way_makes_the_same_pictures(
    small: convert.Networks, portrait: SimpleNamespace, prepared: Prepared, renderer: LivePortraitRenderer
) -> None:
    plain = LivePortraitRenderer(small, "cpu", fast=False)
    motion = lively(2)
    for found, wanted in zip(renderer.frames(prepared, motion), plain.frames(plain.prepare(portrait), motion)):
        assert np.abs(found.astype(int) - wanted).max() <= 1


def test_sizes(prepared: Prepared, renderer: LivePortraitRenderer, portrait: SimpleNamespace) -> None:
    motion = lively(1)
    assert next(renderer.frames(prepared, motion, size=256)).shape == (256, 256, 3)
    assert next(renderer.frames(prepared, motion, size=700)).shape == (700, 700, 3)
    whole = next(renderer.frames(prepared, motion, whole=True))
    assert whole.shape == portrait.image.shape


def test_what_is_shown_is_upright_and_in_the_picture(portrait: SimpleNamespace) -> None:
    """The crop is turned and reaches beyond the picture; the frame shows the picture itself around it."""
    image, grey = portrait.image, np.full((512, 512, 3), 77, np.uint8)
    x, y, side = upright_window(portrait)
    assert x >= 0 and y >= 0 and x + side <= image.shape[1] and y + side <= image.shape[0]
    frame = Showing(portrait, 2 * round(side / 2), False)(grey)
    inside = PasteBack(image, portrait.crop.c2o, 512).mask
    wanted = (1 - inside[..., None]) * image + inside[..., None] * 77.0
    window = wanted[round(y) : round(y + side), round(x) : round(x + side)]
    assert np.abs(cv2.resize(window, frame.shape[:2], interpolation=cv2.INTER_LINEAR) - frame).mean() < 4
    assert not (frame == 0).all(-1).any()


@pytest.mark.parametrize(("shape", "wanted"), [((3000, 1500), (1920, 960)), ((401, 361), (400, 360))])
def test_whole_pictures_are_limited_as_the_reference_limits_them(
    portrait: SimpleNamespace, shape: Any, wanted: Any
) -> None:
    large = SimpleNamespace(**{**vars(portrait), "image": np.full((*shape, 3), 9, np.uint8)})
    frame = Showing(large, 512, True)(np.full((512, 512, 3), 77, np.uint8))
    assert frame.shape == (*wanted, 3) and frame[-1, -1, 0] == 9
    # The paste stays where it is in the picture: its middle, scaled alike.
    height, width = (np.array(frame.shape[:2]) / np.array(shape)).tolist()
    column, row = (portrait.crop.c2o @ np.array([256, 256, 1.0]))[:2]
    assert frame[round(row * height), round(column * width), 0] == 77


def test_alpha_is_the_person_s(prepared: Prepared, renderer: LivePortraitRenderer) -> None:
    frame = next(renderer.frames(prepared, lively(1), whole=True, alpha=True))
    assert frame.shape[2] == 4 and frame[200, 180, 3] == 255 and frame[10, 10, 3] == 0
    plain = next(renderer.frames(prepared, lively(1), whole=True))
    assert np.array_equal(frame[..., :3], plain)


def test_alpha_follows_the_head(prepared: Prepared, portrait: SimpleNamespace) -> None:
    """A head that goes right and grows takes its opacity along; at rest the opacity is the portrait's."""
    source = prepared.learnt.face
    vectors = np.repeat(source.vector[None], 2, axis=0)
    vectors[1, 64] += 0.1  # of half a crop
    motion = Motion(vectors, reference=source.vector.copy())
    rest, right = head_moves(source, motion, 0, 2, "relative")
    assert np.allclose(rest, [[1, 0, 0], [0, 1, 0]], atol=1e-4) and np.allclose(right[:, 2], [0.1, 0], atol=1e-4)
    show = Showing(portrait, 512, whole=True, alpha=True)
    crop = np.zeros((512, 512, 3), np.uint8)
    still, moved = (show(crop, one)[..., 3].astype(float) for one in (rest, right))
    assert np.abs(still - 255 * portrait.matte.alpha).mean() < 1
    row = slice(150, 190)  # inside the pasted square's middle
    shift = float(portrait.crop.c2o[0, 0]) * 0.05 * 512
    gone = (still[row] - moved[row])[:, :180].sum() / 255 / 40
    assert gone == pytest.approx(shift, rel=0.25)


def test_frames_come_one_by_one(prepared: Prepared, renderer: LivePortraitRenderer) -> None:
    """An hour of motion gives its first frame at once: nothing is computed ahead but one batch."""
    assert next(renderer.frames(prepared, lively(90_000))).shape == (512, 512, 3)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").is_file(), reason="reads the process's memory from /proc")
def test_ten_minutes_take_no_more_memory_than_ten_seconds(prepared: Prepared, renderer: LivePortraitRenderer) -> None:
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


def test_cancelling(prepared: Prepared, renderer: LivePortraitRenderer) -> None:
    answers = itertools.chain([False] * 3, itertools.repeat(True))
    frames = renderer.frames(prepared, lively(9), cancel=lambda: next(answers))
    with pytest.raises(Cancelled):
        for count, _ in enumerate(frames):  # noqa: B007
            pass
    assert count < 3


def test_scarce_memory_makes_smaller_batches(
    renderer: LivePortraitRenderer,
    prepared: Prepared,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Memory for two frames, then for none; the next video tries the full batch again."""
    room, tried, real = 2, [], batches.pictures

    def scarce(networks: convert.Networks, learnt: Any, motion: Motion, frames: Any) -> Any:
        tried.append(len(frames))
        if len(frames) > room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(networks, learnt, motion, frames)

    monkeypatch.setattr(batches, "pictures", scarce)
    many = LivePortraitRenderer.__new__(LivePortraitRenderer)
    vars(many).update(vars(renderer), batch_size=8)
    assert len(list(many.frames(prepared, lively(5)))) == 5
    assert tried == [5, 2, 2, 1] and "2 frames at a time" in caplog.text
    assert many.batch_size == 8
    room = 0
    with pytest.raises(UserError, match="too little free memory to render a single frame"):
        next(many.frames(prepared, lively(5)))


def test_the_next_batch_is_computed_while_the_last_is_used(
    renderer: LivePortraitRenderer, prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network that waits until somebody uses what it made before: without overlap nobody ever would."""
    used = threading.Semaphore(0)
    order = []

    def slow(networks: convert.Networks, learnt: Any, motion: Motion, frames: Any) -> Any:
        order.append(("begun", frames.start))
        if frames.start:
            assert used.acquire(timeout=20), "the batch before was not handed over while this one is computed"
        order.append(("done", frames.start))
        return np.zeros((len(frames), 512, 512, 3), np.uint8)

    monkeypatch.setattr(batches, "pictures", slow)
    for index, _ in enumerate(renderer.frames(prepared, lively(9), size=64)):
        if index % 3 == 0:
            used.release()
    assert order == [(what, start) for start in (0, 3, 6) for what in ("begun", "done")]


def test_a_weight_too_large_for_half_precision_is_named(small: convert.Networks) -> None:
    large = copy.deepcopy(small)
    large.generator.first.weight.data[0, 0, 0, 0] = 5e4
    with pytest.raises(BadWeights, match=r"generator has a weight of 5e\+04 \(first\.weight\).*bfloat16"):
        LivePortraitRenderer(large, "cpu", precision="float16")
    LivePortraitRenderer(large, "cpu", precision="bfloat16")


def test_half_precision_is_close(
    small: convert.Networks, portrait: SimpleNamespace, prepared: Prepared, renderer: LivePortraitRenderer
) -> None:
    half = LivePortraitRenderer(small, "cpu", precision="bfloat16")
    motion = lively(1)
    found, wanted = next(half.frames(half.prepare(portrait), motion)), next(renderer.frames(prepared, motion))
    assert np.abs(found.astype(int) - wanted).mean() < 4
    assert small.generator.first.weight.dtype == torch.float32  # the networks given stay as they were


def test_bad_settings(
    small: convert.Networks, portrait: SimpleNamespace, renderer: LivePortraitRenderer, prepared: Prepared
) -> None:
    with pytest.raises(BadSetting, match="at least 1, not 0"):
        LivePortraitRenderer(small, "cpu", batch_size=0)
    with pytest.raises(BadSetting, match="auto or one of float32, float16, bfloat16"):
        LivePortraitRenderer(small, "cpu", precision="int4")
    with pytest.raises(BadSetting, match="soft, face"):
        renderer.prepare(portrait, paste="hard")
    with pytest.raises(WeightsMissing, match="paste soft instead"):
        renderer.prepare(portrait, paste="face")
    with pytest.raises(BadSetting, match="always keeps the background"):
        renderer.prepare(portrait, background_still=False)
    odd = renderer.prepare(portrait, mode="sideways")
    with pytest.raises(BadSetting, match="auto, absolute, relative"):
        renderer.frames(odd, lively(1))  # at once, not with the first frame


def test_the_face_parser_s_mask(tmp_path: Path, small: convert.Networks, portrait: SimpleNamespace) -> None:
    """facexlib's network with weights of no meaning: the plumbing, and the refusal of other files."""
    from facexlib.parsing.bisenet import BiSeNet

    torch.manual_seed(0)
    path = tmp_path / "parsing_bisenet.pth"
    torch.save(BiSeNet(num_class=19).state_dict(), path)
    renderer = LivePortraitRenderer(small, "cpu", parser=path)
    prepared = renderer.prepare(portrait, paste="face")
    assert next(renderer.frames(prepared, lively(1), whole=True)).shape == portrait.image.shape
    torch.save({"something": torch.zeros(1)}, path)
    with pytest.raises(BadWeights, match=r"parsing_bisenet\.pth"):
        renderer.prepare(portrait, paste="face")
