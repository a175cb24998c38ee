"""FID, LPIPS and a distance like FVD: measured where the weights are, said to be absent where they are not.

The networks here are the real ones with random weights: equal pictures are at distance zero for any weights.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from moda.errors import BadWeights, WeightsMissing
from moda.evaluate.measures.perceptual import EVERY, FILES, SIDE, TITLES, Perceptual, face_cuts, obtain
from moda.evaluate.protocols.data_set import NO_PIXELS, Protocol, evaluate_set
from moda.pipeline import TalkingHead
from moda.settings import Settings


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """torch's cache without any weights, on a machine that may fetch nothing."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return tmp_path / "torch" / "hub" / "checkpoints"


@pytest.fixture(scope="module")
def random_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The three files with random weights."""
    pytest.importorskip("torchmetrics", reason="torchmetrics is not installed")
    inception = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3")
    from torchvision.models import alexnet
    from torchvision.models.video import r3d_18

    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    torch.save(alexnet(weights=None).state_dict(), folder / FILES["lpips"].name)
    torch.save(r3d_18(weights=None).state_dict(), folder / FILES["fvd_r3d18"].name)
    torch.save({}, folder / "nothing.pth")

    class Bare(inception.FeatureExtractorInceptionV3):  # type: ignore[name-defined]  # built as it is, without asking for weights
        def load_state_dict(self, *_: object, **__: object) -> None:
            return None

    network = Bare("inception-v3-compat", ["2048"], feature_extractor_weights_path=str(folder / "nothing.pth"))
    torch.save(network.state_dict(), folder / FILES["fid"].name)
    return folder


def test_absent_weights_are_said_to_be_absent(empty_cache: Path) -> None:
    pytest.importorskip("torchmetrics", reason="torchmetrics is not installed")
    perceptual = Perceptual()
    assert not perceptual.any and perceptual.results() == {}
    assert len(perceptual.notes) == 3
    for note, (name, title) in zip(perceptual.notes, TITLES.items()):
        assert note.startswith(f"{title} is not measured: {FILES[name].name} is not on this machine")
        assert note.endswith("by hand.") and "\n" not in note
    with pytest.raises(WeightsMissing):
        obtain(FILES["fid"])
    assert not empty_cache.exists() or not list(empty_cache.iterdir())


def test_without_torchmetrics_it_says_what_to_install(empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("torchmetrics", "torchmetrics.image.fid", "torchmetrics.image.lpip", "torch_fidelity"):
        monkeypatch.setitem(sys.modules, name, None)
    notes = Perceptual().notes
    assert len(notes) == 3 and all("pip install torchmetrics torch-fidelity" in note for note in notes)


def test_a_file_that_is_more_than_tensors_is_refused(empty_cache: Path) -> None:
    empty_cache.mkdir(parents=True)
    (empty_cache / FILES["lpips"].name).write_bytes(b"\x80\x02cos\nsystem\n")
    with pytest.raises(BadWeights, match="damaged or holds more than tensors"):
        obtain(FILES["lpips"])


def test_equal_videos_are_at_no_distance(empty_cache: Path, random_weights: Path) -> None:
    empty_cache.mkdir(parents=True)
    for name in ("lpips", "fvd_r3d18"):
        shutil.copy(random_weights / FILES[name].name, empty_cache)
    rng = np.random.default_rng(0)
    base = rng.integers(0, 255, (33, 8, 8, 3), dtype=np.uint8).repeat(SIDE // 8, 1).repeat(SIDE // 8, 2)
    same, other = Perceptual(), Perceptual()
    assert len(same.notes) == 1 and same.notes[0].startswith("FID is not measured")
    assert same.add(base, base)["lpips"] == pytest.approx(0.0, abs=1e-6)
    assert other.add(base, 255 - base)["lpips"] > 1e-4
    equal, far = same.results(), other.results()
    assert set(equal) == {"fvd_r3d18"}
    assert abs(equal["fvd_r3d18"]) < 0.02 * far["fvd_r3d18"]


@pytest.mark.slow
def test_fid_and_lpips_are_those_of_torchmetrics(empty_cache: Path, random_weights: Path) -> None:
    """LPIPS of the same pictures given to torchmetrics by hand; torchmetrics' FID by its formula from its features."""
    from torchmetrics.image.fid import FrechetInceptionDistance
    from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

    shutil.copytree(random_weights, empty_cache)
    rng = np.random.default_rng(3)
    real, ours = rng.integers(0, 255, (2, 8 * EVERY, SIDE // 16, SIDE // 16, 3), dtype=np.uint8)
    real, ours = (one.repeat(16, 1).repeat(16, 2) for one in (real, (ours // 2 + 40).astype(np.uint8)))
    measured = Perceptual()
    lpips = measured.add(real, ours)["lpips"]
    fid = measured.results()["fid"]

    first, second = (torch.from_numpy(one[::EVERY]).permute(0, 3, 1, 2) for one in (real, ours))
    judge = LearnedPerceptualImagePatchSimilarity(net_type="alex")
    assert lpips == pytest.approx(float(judge(first.float() / 127.5 - 1, second.float() / 127.5 - 1)), rel=1e-4)
    inception = FrechetInceptionDistance(2048, feature_extractor_weights_path=str(empty_cache / FILES["fid"].name))
    with torch.inference_mode():
        a, b = (inception.inception(one).double().numpy() for one in (first, second))
    gap, (u, v) = a.mean(0) - b.mean(0), ((one - one.mean(0)) / np.sqrt(len(one) - 1) for one in (a, b))
    # The trace of the root of both covariances' product, from 8 pictures each.
    shared = np.linalg.svd(u @ v.T, compute_uv=False).sum()
    assert fid == pytest.approx(gap @ gap + np.square(u).sum() + np.square(v).sum() - 2 * shared, rel=1e-4)


def test_faces_are_cut_at_the_same_times_in_a_square_that_stands_still(picture: np.ndarray) -> None:
    frames = [np.roll(picture, 2 * k, axis=1) for k in range(50)]
    corners = np.zeros((50, 478, 3), np.float32)
    corners[:, ::2, :2], corners[:, 1::2, :2] = (90, 60), (190, 160)
    cuts = face_cuts(iter(frames), corners, 50.0, 20)
    assert cuts.shape == (20, SIDE, SIDE, 3)
    # Frame k at 25 fps is frame 2k or 2k + 1 at 50, and the picture moves through the square.
    assert not np.array_equal(cuts[0], cuts[1])
    again = face_cuts(iter(frames[::2]), corners[::2], 25.0, 20)
    assert np.abs(cuts.astype(int) - again).mean() < 12
    assert face_cuts(iter(frames[:5]), corners[:5], 50.0, 20).shape[0] <= 20


@pytest.mark.slow
def test_a_set_says_what_it_could_not_measure(tmp_path: Path, still_video: Path, empty_cache: Path) -> None:
    (tmp_path / "data").mkdir()
    shutil.copyfile(still_video, tmp_path / "data" / "one.mp4")
    head = TalkingHead.load("moda-lite", "mesh", "cpu")
    settings = Settings(steps=2, size=256)
    plain = evaluate_set(head, tmp_path / "data", tmp_path / "a", Protocol(seconds=1.5, seeds=(1,), settings=settings))
    assert plain["notes"] == [NO_PIXELS]
    rules = Protocol(seconds=1.5, seeds=(1,), pixels=True, settings=settings)
    facts = evaluate_set(head, tmp_path / "data", tmp_path / "b", rules)
    assert facts["used"] == 1 and "fid" not in facts["means"]
    assert len(facts["notes"]) == 3 and all("is not measured" in note for note in facts["notes"])
    assert json.loads((tmp_path / "b" / "results.json").read_text())["notes"] == facts["notes"]


@pytest.mark.slow
def test_a_set_with_weights_has_all_three(
    tmp_path: Path, still_video: Path, empty_cache: Path, random_weights: Path
) -> None:
    shutil.copytree(random_weights, empty_cache)
    (tmp_path / "data").mkdir()
    shutil.copyfile(still_video, tmp_path / "data" / "one.mp4")
    shutil.copyfile(still_video, tmp_path / "data" / "two.mp4")
    head = TalkingHead.load("moda-lite", "mesh", "cpu")
    rules = Protocol(seconds=1.5, seeds=(1,), pixels=True, settings=Settings(steps=2, size=256))
    means = evaluate_set(head, tmp_path / "data", tmp_path / "out", rules)["means"]
    assert means["lpips"] > 0 and means["fid"] is not None and means["fvd_r3d18"] is not None
    assert "LPIPS" in (tmp_path / "out" / "table.md").read_text()
