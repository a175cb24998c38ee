"""Distances of pictures by published networks: FID, LPIPS and one like FVD, through torchmetrics.

* fid: Frechet distance of Inception-v3 features (2048) of single frames, by torch-fidelity's conversion of the weights
* lpips: mean perceptual distance (AlexNet) of our frame and the real one at the same time
* fvd_r3d18: Frechet distance of R3D-18 features (Kinetics-400) of clips of 16 frames; like FVD, which has I3D instead,
  and not comparable with it

Both videos are cut to the same square around the face first. The weights come with nothing: they are taken from
torch's own cache, fetched once where their home can be reached, and otherwise said to be absent.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from moda.errors import BadWeights, UserError, WeightsMissing

Cuts = npt.NDArray[np.uint8]

SIDE = 256
AROUND = 2.0
"""Side of the square in widths of the face."""
EVERY = 5
"""Frames at 25 fps from one that is compared to the next."""
CLIP, CLIP_SIDE = 16, 112
SECONDS = 20.0
"""After which a silent server is given up."""
TITLES = {"fid": "FID", "lpips": "LPIPS", "fvd_r3d18": "The distance like FVD"}
INSTALL = "pip install torchmetrics torch-fidelity"


@dataclass(frozen=True)
class Published:
    """A weight file of torch's cache: its name there, its home, and how its sha256 begins."""

    name: str
    home: str
    digest: str

    @property
    def path(self) -> Path:
        """Where torch keeps it (below TORCH_HOME)."""
        import torch

        return Path(torch.hub.get_dir()) / "checkpoints" / self.name


FILES = {
    "fid": Published(
        "weights-inception-2015-12-05-6726825d.pth",
        "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0",
        "6726825d",
    ),
    "lpips": Published("alexnet-owt-7be5be79.pth", "https://download.pytorch.org/models", "7be5be79"),
    "fvd_r3d18": Published("r3d_18-b3b3357e.pth", "https://download.pytorch.org/models", "b3b3357e"),
}


def obtain(file: Published) -> dict[str, Any]:
    """The tensors of a published file, fetched first if need be. Raises WeightsMissing or BadWeights."""
    import torch

    if not file.path.is_file():
        _fetch(file)
    try:
        # The packages that use the file would unpickle anything in it; only tensors are let through to them.
        state: dict[str, Any] = torch.load(file.path, map_location="cpu", weights_only=True)
    except Exception as fault:  # a damaged archive breaks in a dozen ways
        raise BadWeights(f"{file.path} is damaged or holds more than tensors: delete it and try again.") from fault
    return state


def _fetch(file: Published) -> None:
    from urllib.request import urlopen

    from moda.media.atomic import PartialFile

    missing = WeightsMissing(
        f"{file.name} is not on this machine and {file.home} cannot be reached; put it into torch's cache "
        "(TORCH_HOME/hub/checkpoints) by hand."
    )
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        raise missing
    partial = PartialFile(file.path)
    digest = hashlib.sha256()
    try:
        with urlopen(f"{file.home}/{file.name}", timeout=SECONDS) as answer, partial.temporary.open("wb") as target:
            while block := answer.read(1 << 20):
                digest.update(block)
                target.write(block)
        if not digest.hexdigest().startswith(file.digest):
            raise BadWeights(f"{file.name} as downloaded is not the published file: its sha256 differs.")
        partial.keep()
    except OSError:
        raise missing from None
    finally:
        partial.discard()


def _fid() -> Any:
    try:
        import torch_fidelity  # noqa: F401  # what torchmetrics' Inception is made of
    except ModuleNotFoundError:
        raise WeightsMissing(f"torch-fidelity is not installed ({INSTALL}).") from None
    from torchmetrics.image.fid import FrechetInceptionDistance

    file = FILES["fid"]
    obtain(file)
    return FrechetInceptionDistance(feature=2048, feature_extractor_weights_path=str(file.path))


def _lpips() -> Any:
    from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

    obtain(FILES["lpips"])
    return LearnedPerceptualImagePatchSimilarity(net_type="alex")


def _fvd() -> Any:
    import torch
    from torchmetrics.image.fid import FrechetInceptionDistance
    from torchvision.models.video import r3d_18

    network = r3d_18(weights=None)
    network.load_state_dict(obtain(FILES["fvd_r3d18"]))
    network.fc = torch.nn.Identity()
    features: Any = network.eval().requires_grad_(False)
    features.num_features = 512
    return FrechetInceptionDistance(feature=features)


MAKERS: dict[str, Callable[[], Any]] = {"fid": _fid, "lpips": _lpips, "fvd_r3d18": _fvd}


class Perceptual:
    """The three distances over a set of pairs of videos; `notes` says in a sentence each which are absent, and why."""

    def __init__(self) -> None:
        self._meters: dict[str, Any] = {}
        self._seen = {"fid": 0, "fvd_r3d18": 0}
        notes = []
        for name, make in MAKERS.items():
            try:
                self._meters[name] = make()
            except ModuleNotFoundError:
                notes.append(f"{TITLES[name]} is not measured: torchmetrics is not installed ({INSTALL}).")
            except UserError as fault:
                notes.append(f"{TITLES[name]} is not measured: {fault}")
        self.notes = tuple(notes)

    @property
    def any(self) -> bool:
        """Whether there is anything to measure with."""
        return bool(self._meters)

    def add(self, real: Cuts, ours: Cuts) -> dict[str, float]:
        """Take in the faces (T, 256, 256, 3) uint8 of one pair of videos at 25 fps; returns what is known at once."""
        import torch

        count = min(len(real), len(ours))
        with torch.inference_mode():
            if meter := self._meters.get("fid"):
                for cuts, is_real in ((real, True), (ours, False)):
                    meter.update(_pictures(cuts[:count:EVERY]), real=is_real)
                self._seen["fid"] += len(range(0, count, EVERY))
            if (meter := self._meters.get("fvd_r3d18")) and count >= CLIP:
                for cuts, is_real in ((real, True), (ours, False)):
                    meter.update(_clips(cuts[:count]), real=is_real)
                self._seen["fvd_r3d18"] += count // CLIP
            if meter := self._meters.get("lpips"):
                first, second = (_pictures(cuts[:count:EVERY]).float() / 127.5 - 1 for cuts in (real, ours))
                value = float(meter(first, second))
                meter.reset()
                return {"lpips": value}
        return {}

    def results(self) -> dict[str, float]:
        """Distances between the sets so far; a set of fewer than two has none."""
        return {name: float(self._meters[name].compute()) for name, seen in self._seen.items() if seen >= 2}


def _pictures(cuts: Cuts) -> Any:
    import torch

    return torch.from_numpy(np.ascontiguousarray(cuts)).permute(0, 3, 1, 2)


def _clips(cuts: Cuts) -> Any:
    """(N, 3, 16, 112, 112) as the network was trained on: whole clips alone."""
    import torch
    from torch.nn.functional import interpolate

    whole = len(cuts) // CLIP * CLIP
    small = interpolate(_pictures(cuts[:whole]).float() / 255, (CLIP_SIDE, CLIP_SIDE), mode="area")
    mean, std = torch.tensor([0.43216, 0.394666, 0.37645]), torch.tensor([0.22803, 0.22145, 0.216989])
    even = (small - mean[:, None, None]) / std[:, None, None]
    return even.reshape(-1, CLIP, 3, CLIP_SIDE, CLIP_SIDE).permute(0, 2, 1, 3, 4)


def face_cuts(frames: Iterator[np.ndarray], landmarks: npt.NDArray, fps: float, count: int) -> Cuts:
    """(<= count, 256, 256, 3): the face at 25 fps in one square that stands still.

    frames (H, W, 3) uint8 RGB at `fps` with landmarks (T, 478, 3) px of each.
    """
    import cv2

    from moda.portrait.crop import square

    centre = np.median(landmarks[:, :468, :2].mean(1), axis=0)
    side = AROUND * float(np.median(np.ptp(landmarks[:, :468, 0], axis=1)))
    wanted = np.clip(np.round((np.arange(count) + 0.5) / 25.0 * fps - 0.5), 0, len(landmarks) - 1).astype(int)
    found = []
    at = 0
    for index, frame in enumerate(frames):
        while at < count and wanted[at] == index:
            cut, _ = square(frame, centre, side, SIDE)
            found.append(cv2.resize(cut, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR))
            at += 1
        if at >= count:
            break
    return np.asarray(found, np.uint8).reshape(-1, SIDE, SIDE, 3)
