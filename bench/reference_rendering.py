# It asks POSIX, which mypy does not find for Windows.
# mypy: disable-error-code="attr-defined"
"""Rendering time: our LivePortrait against the reference's schedule of work, same weights, same machine.

    python -m bench.reference_rendering [--frames 2] [--threads 1] [--dtype float32|bfloat16] [--out FILE.json]

`Restated` does what the published inference code does, in its order and amount: one frame at a time in float32,
batch norms as layers of their own, spectral norms divided out at every call, the appearance volume compressed anew
and sampled along 22 stored flow fields in every frame. `ours` is `LivePortraitRenderer` on the same weights and
motion. CPU time (user + system) is measured and runs alternate; portraits are prepared outside the clock in both.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from bench.machine import tell
from moda.motion.space import Motion
from moda.portrait.crop import crop_face
from moda.portrait.paste import soft_square
from moda.renderer.liveportrait import convert
from moda.renderer.liveportrait.batches import keypoints, pictures
from moda.renderer.liveportrait.renderer import LivePortraitRenderer
from moda.renderer.liveportrait.showing import Showing
from tests.parity import FOLDER, fixture, seeded

State = dict[str, Tensor]
FIRST_STAGE = "decode/v1/first_stage"
DENSE = "dense_motion_network"


def seeded_state(entry: dict) -> State:
    shapes = {key: tuple(value["shape"]) for key, value in entry["keys"].items()}
    return {key: torch.from_numpy(np.asarray(seeded.value(entry["tag"], key, shapes))) for key in shapes}


def conv_norm(state: State, conv: str, norm: str, x: Tensor, padding: int = 1) -> Tensor:
    convolve = F.conv3d if x.ndim == 5 else F.conv2d
    x = convolve(x, state[f"{conv}.weight"], state[f"{conv}.bias"], padding=padding)
    mean, variance = state[f"{norm}.running_mean"], state[f"{norm}.running_var"]
    return F.batch_norm(x, mean, variance, state[f"{norm}.weight"], state[f"{norm}.bias"], False, 0.0, 1e-5)


class Restated:
    """The published schedule of work over published state dicts."""

    def __init__(self, warping: State, generator: State) -> None:
        self.w, self.g = warping, generator

    def frame(self, volume: Tensor, source: Tensor, driving: Tensor) -> Tensor:
        return self.picture(self.warp(volume, source, driving))

    # --- warping module
    def grid(self, like: Tensor) -> Tensor:
        sizes = like.shape[2:]
        z, y, x = torch.meshgrid(*(2 * torch.arange(n) / (n - 1) - 1 for n in sizes), indexing="ij")
        return torch.stack([x, y, z], dim=-1).float()

    def gaussian(self, keypoints: Tensor, grid: Tensor) -> Tensor:
        distance = grid[None, None] - keypoints[:, :, None, None, None]
        return torch.exp(-0.5 * (distance**2).sum(-1) / 0.01)

    def warp(self, volume: Tensor, source: Tensor, driving: Tensor) -> Tensor:
        state = self.w
        small = F.relu(conv_norm(state, f"{DENSE}.compress", f"{DENSE}.norm", volume, padding=0))
        count, (depth, height, width) = driving.shape[1], volume.shape[2:]
        grid = self.grid(volume)
        flows = grid[None, None].repeat(1, count, 1, 1, 1, 1) + (source - driving)[:, :, None, None, None]
        flows = torch.cat([grid[None, None], flows], dim=1)
        copies = small[:, None].repeat(1, count + 1, 1, 1, 1, 1)
        sampled = F.grid_sample(copies.flatten(0, 1), flows.flatten(0, 1), align_corners=False)
        heat = self.gaussian(driving, grid) - self.gaussian(source, grid)
        heat = torch.cat([torch.zeros(1, 1, depth, height, width), heat], dim=1)
        x = torch.cat([heat[:, :, None], sampled.view(1, count + 1, -1, depth, height, width)], dim=2).flatten(1, 2)
        x = self.hourglass(x)
        masks = F.conv3d(x, state[f"{DENSE}.mask.weight"], state[f"{DENSE}.mask.bias"], padding=3).softmax(1)
        deformation = (flows.permute(0, 1, 5, 2, 3, 4) * masks[:, :, None]).sum(1).permute(0, 2, 3, 4, 1)
        weight, bias = state[f"{DENSE}.occlusion.weight"], state[f"{DENSE}.occlusion.bias"]
        occlusion = torch.sigmoid(F.conv2d(x.flatten(1, 2), weight, bias, padding=3))
        moved = F.grid_sample(volume, deformation, align_corners=False).flatten(1, 2)
        x = F.leaky_relu(conv_norm(state, "third.conv", "third.norm", moved), 0.01)
        return F.conv2d(x, state["fourth.weight"], state["fourth.bias"]) * occlusion

    def hourglass(self, x: Tensor) -> Tensor:
        skips = [x]
        for i in range(5):
            name = f"{DENSE}.hourglass.encoder.down_blocks.{i}"
            x = F.relu(conv_norm(self.w, f"{name}.conv", f"{name}.norm", skips[-1]))
            skips.append(F.avg_pool3d(x, (1, 2, 2)))
        x = skips.pop()
        for i in range(5):
            name = f"{DENSE}.hourglass.decoder.up_blocks.{i}"
            x = F.interpolate(x, scale_factor=(1, 2, 2))
            x = F.relu(conv_norm(self.w, f"{name}.conv", f"{name}.norm", x))
            x = torch.cat([x, skips.pop()], dim=1)
        name = f"{DENSE}.hourglass.decoder"
        return F.relu(conv_norm(self.w, f"{name}.conv", f"{name}.norm", x))

    # --- generator
    def conv(self, name: str, x: Tensor) -> Tensor:
        weight = self.g[f"{name}.weight"]
        return F.conv2d(x, weight, self.g[f"{name}.bias"], padding=weight.shape[-1] // 2)

    def spectral(self, name: str, x: Tensor) -> Tensor:
        weight = self.g[f"{name}.weight_orig"]
        sigma = torch.dot(self.g[f"{name}.weight_u"], torch.mv(weight.flatten(1), self.g[f"{name}.weight_v"]))
        return F.conv2d(x, weight / sigma, self.g.get(f"{name}.bias"), padding=weight.shape[-1] // 2)

    def modulate(self, name: str, x: Tensor, features: Tensor) -> Tensor:
        normal = F.instance_norm(x)
        features = F.interpolate(features, size=x.shape[2:])
        hidden = F.relu(self.conv(f"{name}.mlp_shared.0", features))
        return normal * (1 + self.conv(f"{name}.mlp_gamma", hidden)) + self.conv(f"{name}.mlp_beta", hidden)

    def block(self, name: str, x: Tensor, features: Tensor) -> Tensor:
        shortcut = x
        if f"{name}.conv_s.weight_orig" in self.g:
            shortcut = self.spectral(f"{name}.conv_s", self.modulate(f"{name}.norm_s", x, features))
        for i in range(2):
            x = self.spectral(f"{name}.conv_{i}", F.leaky_relu(self.modulate(f"{name}.norm_{i}", x, features), 0.2))
        return shortcut + x

    def picture(self, features: Tensor) -> Tensor:
        x = self.conv("fc", features)
        for i in range(6):
            x = self.block(f"G_middle_{i}", x, features)
        for i in range(2):
            x = self.block(f"up_{i}", F.interpolate(x, scale_factor=2), features)
        return torch.sigmoid(F.pixel_shuffle(self.conv("conv_img.0", F.leaky_relu(x, 0.2)), 2))


def paste(picture: np.ndarray, crop: np.ndarray, mask: np.ndarray, c2o: np.ndarray) -> np.ndarray:
    """The reference's paste: the whole picture is blended in floating point."""
    size = (picture.shape[1], picture.shape[0])
    warped = cv2.warpAffine(crop, c2o[:2], dsize=size, flags=cv2.INTER_LINEAR)
    return np.clip(mask * warped + (1 - mask) * picture, 0, 255).astype(np.uint8)


def lively(frames: int) -> Motion:
    """Motion of the size that people make, seeded."""
    random = np.random.default_rng(0)
    array = np.zeros((frames, 70), np.float32)
    array[:, :63] = random.normal(size=(frames, 63)) * 0.02
    array[:, 63] = 1.3
    array[:, 67:] = random.normal(size=(frames, 3)) * 6
    return Motion(array, origin="moda-base")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--frames", type=int, default=2, help="frames timed on each side")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32", help="of ours")
    parser.add_argument("--plain", action="store_true", help="ours without Winograd and Fourier transforms")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    files = json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))["files"]
    names = ("appearance_feature_extractor", "motion_extractor", "warping_module", "spade_generator")
    states = [seeded_state(files[f"{FIRST_STAGE}/base_models/{name}.pth"]) for name in names]
    groups = files[f"{FIRST_STAGE}/retargeting_models/stitching_retargeting_module.pth"]["groups"]
    loaders = (convert.load_appearance, convert.load_motion_extractor, convert.load_warping, convert.load_generator)
    first, second, third, fourth = (load(state, "seeded") for load, state in zip(loaders, states))
    networks = convert.Networks(
        first,
        second,
        third,
        fourth,
        convert.load_retargeting({name: seeded_state(group) for name, group in groups.items()}, "seeded"),
    )
    ours = LivePortraitRenderer(networks, "cpu", options.dtype, fast=not options.plain)
    restated = Restated(states[2], states[3])
    image = seeded.picture("lp/picture", 400, 360)
    portrait = SimpleNamespace(image=image, crop=crop_face(image, fixture("e2e")["landmarks"]))
    prepared = ours.prepare(portrait)
    learnt = prepared.learnt
    mask = cv2.warpAffine(soft_square(), portrait.crop.c2o[:2], dsize=(360, 400))[..., None].astype(np.float32) / 255
    motion = lively(options.frames + 1)

    def reference(index: int) -> np.ndarray:
        driving = keypoints(ours.networks, learnt, motion, range(index, index + 1))
        made = restated.frame(learnt.source.volume, learnt.placed, driving)
        crop = (made[0].permute(1, 2, 0).numpy() * 255).clip(0, 255).astype(np.uint8)
        return paste(image, crop, mask, portrait.crop.c2o)

    spent = {"reference": 0.0, "ours": 0.0}
    worst = 0
    show = Showing(prepared.portrait, 512, True)
    with torch.inference_mode():
        for index in range(options.frames + 1):  # the first frame of each warms up
            started = time.process_time()
            wanted = reference(index)
            between = time.process_time()
            found = show(pictures(ours.networks, learnt, motion, range(index, index + 1))[0])
            ended = time.process_time()
            worst = max(worst, int(np.abs(found.astype(int) - wanted).max()))
            if index:
                spent["reference"] += between - started
                spent["ours"] += ended - between
    report = {
        "frames": options.frames,
        "threads": options.threads,
        "dtype": options.dtype,
        "cpu_seconds_per_frame": {name: round(seconds / options.frames, 3) for name, seconds in spent.items()},
        "ratio": round(spent["reference"] / spent["ours"], 2),
        "largest_difference_in_levels": worst,
        "peak_memory_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
    }
    tell(report, options.out)


if __name__ == "__main__":
    main()
