"""The whole published way, from a wav file and a picture to pasted frames, against the reference's numbers."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from moda.conditions.hubert import SILENCE_FRAMES, reference_features, with_silence
from moda.generator.published import sample_published
from moda.generator.sampler import ClipRequest, SamplingOptions
from moda.motion.space import STD_FLOOR, Motion, denormalise
from moda.motion.statistics import STD
from moda.portrait.crop import crop_face
from moda.renderer.liveportrait import convert
from moda.renderer.liveportrait.drive import first_motion
from moda.renderer.liveportrait.renderer import LivePortraitRenderer
from tests.generator.conftest import network
from tests.parity import FOLDER, fixture, largest_difference, seeded, seeded_hubert

EXPECTED = fixture("e2e")
FILES = json.loads((FOLDER / "manifest.json").read_text())["files"]
FIRST_STAGE = "decode/v1/first_stage"


def seeded_state(entry: dict) -> dict[str, torch.Tensor]:
    shapes = {key: tuple(value["shape"]) for key, value in entry["keys"].items()}
    return {key: torch.from_numpy(np.asarray(seeded.value(entry["tag"], key, shapes))) for key in shapes}


def networks() -> convert.Networks:
    """LivePortrait as seeded, but with expressions as large as the motion space has them."""
    names = ("appearance_feature_extractor", "motion_extractor", "warping_module", "spade_generator")
    states = [seeded_state(FILES[f"{FIRST_STAGE}/base_models/{name}.pth"]) for name in names]
    larger = torch.from_numpy(10 * (STD[:63] + STD_FLOOR)).float()
    states[1]["detector.fc_exp.weight"] *= larger[:, None]
    states[1]["detector.fc_exp.bias"] *= larger
    loaders = (convert.load_appearance, convert.load_motion_extractor, convert.load_warping, convert.load_generator)
    groups = FILES[f"{FIRST_STAGE}/retargeting_models/stitching_retargeting_module.pth"]["groups"]
    stitching = convert.load_retargeting({name: seeded_state(group) for name, group in groups.items()}, "S")
    first, second, third, fourth = (load(state, "seeded") for load, state in zip(loaders, states))
    return convert.Networks(first, second, third, fourth, stitching)


@pytest.mark.slow
def test_from_wav_and_picture_to_frames() -> None:
    picture = seeded.picture("lp/picture", 400, 360)
    portrait = SimpleNamespace(image=picture, crop=crop_face(picture, EXPECTED["landmarks"]))
    # The reference's crop as it was stored: its bilinear warp rounds differently by a level here and there.
    stored = fixture("liveportrait")["composed/crop256"]
    crop = SimpleNamespace(**vars(portrait.crop), network_input=lambda: stored)
    renderer = LivePortraitRenderer(networks(), "cpu")
    prepared = renderer.prepare(SimpleNamespace(image=picture, crop=crop))

    first = first_motion(prepared.learnt.face)
    assert largest_difference(EXPECTED, "ref_kp", first.keypoints[None]) < 1e-3
    assert largest_difference(EXPECTED, "prev_motion", first.vector[None, None]) < 1e-3
    assert first.ratio == pytest.approx(EXPECTED["rescale_ratio"].item(), rel=1e-5)

    pcm = np.floor(3000 * seeded.tensor("e2e/pcm", (25600,)).astype(np.float64) + 0.5) / 32768
    features = reference_features(seeded_hubert(), with_silence(pcm))
    assert largest_difference(EXPECTED, "audio_features", features.numpy()) < 1e-3
    happiness = torch.eye(9)[4]
    request = ClipRequest(features, happiness, first.keypoints, first.vector, seed=7)
    sampled = sample_published(network(256), request, SILENCE_FRAMES, SamplingOptions.reference())
    assert largest_difference(EXPECTED, "motion", sampled.numpy()) < 1e-3

    vectors = denormalise(sampled.numpy(), first.ratio)
    count = len(vectors)
    parts = {
        "exp": (vectors[:, :63], 1e-3),
        "scale": (vectors[:, 63].reshape(count, 1, 1), 1e-3),
        "t": (vectors[:, 64:67].reshape(count, 1, 3), 1e-3),
        "pitch": (vectors[:, 67:68], 1e-2),
        "yaw": (vectors[:, 68:69], 1e-2),
        "roll": (vectors[:, 69:70], 1e-2),
    }
    for name, (found, tolerance) in parts.items():
        assert largest_difference(EXPECTED, f"sequence/{name}", found) < tolerance, name

    motion = Motion(vectors, origin="moda-base")
    frames = [next(renderer.frames(prepared, motion, whole=True, start=index)).astype(int) for index in (0, count - 1)]
    assert largest_difference(EXPECTED, "frames", np.stack(frames)) <= 8
