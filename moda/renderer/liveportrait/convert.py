"""Published LivePortrait state dicts -> our modules.

Every key of a file is taken exactly once; batch norms and spectral norms, constants at inference, are folded
into the weights beside them (in float64, so that folding costs no accuracy).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from moda.errors import BadWeights
from moda.renderer.liveportrait.appearance import AppearanceConfig, AppearanceEncoder
from moda.renderer.liveportrait.checkpoint import Published, identify, read_checkpoint
from moda.renderer.liveportrait.generator import GeneratorConfig, PictureGenerator
from moda.renderer.liveportrait.motion_extractor import MotionExtractor, MotionExtractorConfig
from moda.renderer.liveportrait.stitching import EYE_SIZES, LIP_SIZES, STITCHING_SIZES, KeypointMLP
from moda.renderer.liveportrait.warping import WarpingConfig, WarpingModule

BATCH_NORM_EPS = 1e-5

State = dict[str, Tensor]
M = TypeVar("M", bound=nn.Module)

APPEARANCE = "LivePortrait's appearance feature extractor"
MOTION = "LivePortrait's motion extractor"
WARPING = "LivePortrait's warping module"
GENERATOR = "LivePortrait's SPADE generator"
STITCHING = "LivePortrait's stitching and retargeting module"


class Writer:
    """Moves tensors from a published state dict to ours; ``shapes`` are those of our module."""

    def __init__(self, source: Published, module: nn.Module) -> None:
        self.source = source
        self.shapes = {key: tuple(value.shape) for key, value in module.state_dict().items()}
        self.state: State = {}

    def copy(self, ours: str, theirs: str) -> None:
        """A layer's weight, and its bias if ours has one."""
        for leaf in ("weight", "bias"):
            if f"{ours}.{leaf}" in self.shapes:
                shape = self.shapes[f"{ours}.{leaf}"]
                self.state[f"{ours}.{leaf}"] = self.source.take(f"{theirs}.{leaf}", shape)

    def batch_norm(self, theirs: str, channels: int) -> tuple[Tensor, Tensor]:
        """(gain, shift) in float64 of an evaluated batch norm."""
        self.source.take(f"{theirs}.num_batches_tracked", ())  # a training counter: there, but of no use
        leaves = ("weight", "bias", "running_mean", "running_var")
        gain, shift, mean, variance = (self.source.take(f"{theirs}.{leaf}", (channels,)).double() for leaf in leaves)
        gain = gain / torch.sqrt(variance + BATCH_NORM_EPS)
        return gain, shift - gain * mean

    def affine(self, ours: str, theirs: str) -> None:
        """A batch norm that nothing can absorb."""
        gain, shift = self.batch_norm(theirs, *self.shapes[f"{ours}.gain"])
        self.state[f"{ours}.gain"], self.state[f"{ours}.shift"] = gain.float(), shift.float()

    def normed(self, ours: str, conv: str, norm: str) -> None:
        """A convolution followed by a batch norm: one convolution."""
        shape = self.shapes[f"{ours}.weight"]
        weight, bias = (
            self.source.take(f"{conv}.{leaf}", size).double() for leaf, size in (("weight", shape), ("bias", shape[:1]))
        )
        gain, shift = self.batch_norm(norm, shape[0])
        self.state[f"{ours}.weight"] = (weight * gain.view(-1, *[1] * (weight.ndim - 1))).float()
        self.state[f"{ours}.bias"] = (bias * gain + shift).float()

    def spectral(self, ours: str, theirs: str) -> None:
        """weight_orig / (u . W v), with the u and v of the file: never iterated (it would change the network)."""
        shape = self.shapes[f"{ours}.weight"]
        weight = self.source.take(f"{theirs}.weight_orig", shape).double()
        matrix = weight.flatten(1)
        left = self.source.take(f"{theirs}.weight_u", (matrix.shape[0],)).double()
        right = self.source.take(f"{theirs}.weight_v", (matrix.shape[1],)).double()
        self.state[f"{ours}.weight"] = (weight / torch.dot(left, matrix @ right)).float()
        if f"{ours}.bias" in self.shapes:
            self.state[f"{ours}.bias"] = self.source.take(f"{theirs}.bias", shape[:1])


def convert_appearance(writer: Writer, config: AppearanceConfig) -> None:
    writer.normed("stem", "first.conv", "first.norm")
    for i in range(config.down_blocks):
        writer.normed(f"down.{i}", f"down_blocks.{i}.conv", f"down_blocks.{i}.norm")
    writer.copy("lift", "second")
    for i in range(config.residual_blocks):
        theirs = f"resblocks_3d.3dr{i}"
        writer.affine(f"blocks.{i}.affine", f"{theirs}.norm1")
        writer.normed(f"blocks.{i}.first", f"{theirs}.conv1", f"{theirs}.norm2")
        writer.copy(f"blocks.{i}.second", f"{theirs}.conv2")


def convert_motion(writer: Writer, config: MotionExtractorConfig) -> None:
    layers = "detector.downsample_layers"
    for i in range(len(config.widths)):
        for j in range(2):
            writer.copy(f"stem.{j}" if i == 0 else f"down.{i - 1}.{j}", f"{layers}.{i}.{j}")
    names = {"depthwise": "dwconv", "norm": "norm", "expand": "pwconv1", "contract": "pwconv2"}
    for stage, depth in enumerate(config.depths):
        for block in range(depth):
            ours, theirs = f"stages.{stage}.{block}", f"detector.stages.{stage}.{block}"
            for mine, published in names.items():
                writer.copy(f"{ours}.{mine}", f"{theirs}.{published}")
            channels = 4 * config.widths[stage]
            for mine, published in (("gain", "gamma"), ("shift", "beta")):
                found = writer.source.take(f"{theirs}.grn.{published}", (1, 1, 1, channels))
                writer.state[f"{ours}.response.{mine}"] = found.flatten()
    writer.copy("norm", "detector.norm")
    width = config.widths[-1]
    rows = {
        leaf: [
            writer.source.take(f"detector.fc_{head}.{leaf}", (size, width) if leaf == "weight" else (size,))
            for head, size in config.heads.items()
        ]
        for leaf in ("weight", "bias")
    }
    for leaf, parts in rows.items():
        writer.state[f"heads.{leaf}"] = torch.cat(parts)


def convert_warping(writer: Writer, config: WarpingConfig) -> None:
    dense = "dense_motion_network"
    for i in range(config.hourglass_levels):
        for ours, theirs in (("down", "encoder.down_blocks"), ("up", "decoder.up_blocks")):
            published = f"{dense}.hourglass.{theirs}.{i}"
            writer.normed(f"hourglass.{ours}.{i}", f"{published}.conv", f"{published}.norm")
    decoder = f"{dense}.hourglass.decoder"
    writer.normed("hourglass.last", f"{decoder}.conv", f"{decoder}.norm")
    writer.normed("compress", f"{dense}.compress", f"{dense}.norm")
    writer.copy("mask", f"{dense}.mask")
    writer.copy("occlusion", f"{dense}.occlusion")
    writer.normed("third", "third.conv", "third.norm")
    writer.copy("fourth", "fourth")


def convert_generator(writer: Writer, config: GeneratorConfig) -> None:
    writer.copy("first", "fc")
    blocks = {f"middle.{i}": f"G_middle_{i}" for i in range(config.middle_blocks)}
    blocks |= {f"up.{i}": f"up_{i}" for i in range(len(config.up_widths))}
    for ours, theirs in blocks.items():
        for mine, published in (("first", "0"), ("second", "1"), ("shortcut", "s")):
            if f"{ours}.{mine}.weight" not in writer.shapes:
                continue  # middle blocks keep their width and have no shortcut
            writer.spectral(f"{ours}.{mine}", f"{theirs}.conv_{published}")
            for part, name in (("shared", "mlp_shared.0"), ("gain", "mlp_gamma"), ("shift", "mlp_beta")):
                writer.copy(f"{ours}.modulate_{mine}.{part}", f"{theirs}.norm_{published}.{name}")
    writer.copy("picture", "conv_img.0")


def convert_keypoint_mlp(writer: Writer, sizes: tuple[int, ...]) -> None:
    for i in range(len(sizes) - 1):
        writer.copy(f"layers.{i}", f"mlp.{2 * i}")


def _load(module: M, convert: Callable[..., None], config: object, source: Published) -> M:
    writer = Writer(source, module)
    convert(writer, config)
    source.finish()
    module.load_state_dict(writer.state)  # strict: ours are accounted for as well
    return module.eval().requires_grad_(False)


def load_published(
    network: Callable[[], M], convert: Callable[..., None], what: str, state: Mapping[str, object], origin: str | Path
) -> M:
    """A network from the published state dict; ``what`` and ``origin`` name it and its file in messages."""
    module = network()
    return _load(module, convert, module.config, Published(state, what, origin))


load_appearance = partial(load_published, AppearanceEncoder, convert_appearance, APPEARANCE)
load_motion_extractor = partial(load_published, MotionExtractor, convert_motion, MOTION)
load_warping = partial(load_published, WarpingModule, convert_warping, WARPING)
load_generator = partial(load_published, PictureGenerator, convert_generator, GENERATOR)


class Retargeting(NamedTuple):
    """The three keypoint networks of one file."""

    stitching: KeypointMLP
    lip: KeypointMLP
    eye: KeypointMLP


def load_retargeting(state: Mapping[str, object], origin: str | Path) -> Retargeting:
    """S and its two siblings from the published nested dict."""
    groups = {
        "retarget_shoulder": STITCHING_SIZES,
        "retarget_mouth": LIP_SIZES,
        "retarget_eye": EYE_SIZES,
    }
    missing = [name for name in groups if not isinstance(state.get(name), Mapping)]
    if missing:
        holds = identify(state)
        found = f"is a checkpoint of {holds}" if holds and len(missing) == 3 else f"lacks {', '.join(missing)}"
        raise BadWeights(f"{origin} {found}, where {STITCHING} was expected.")
    networks = []
    for name, sizes in groups.items():
        group = state[name]
        assert isinstance(group, Mapping)
        plain = {key.replace("module.", ""): value for key, value in group.items()}
        source = Published(plain, f"{name} of {STITCHING}", origin)
        networks.append(_load(KeypointMLP(sizes), convert_keypoint_mlp, sizes, source))
    return Retargeting(*networks)


class Networks(NamedTuple):
    """All of LivePortrait, evaluated and frozen, float32 on the CPU."""

    appearance: AppearanceEncoder
    motion: MotionExtractor
    warping: WarpingModule
    generator: PictureGenerator
    retargeting: Retargeting


FILES = {
    "appearance": "base_models/appearance_feature_extractor.pth",
    "motion": "base_models/motion_extractor.pth",
    "warping": "base_models/warping_module.pth",
    "generator": "base_models/spade_generator.pth",
    "retargeting": "retargeting_models/stitching_retargeting_module.pth",
}
"""Where the published layout keeps each network, below ``decode/v1/first_stage``."""


def load_motion_extractor_file(path: Path) -> MotionExtractor:
    """M alone: what a motion generator needs of the portrait when another renderer makes the pictures."""
    return load_motion_extractor(read_checkpoint(path, MOTION), path)


def load_networks(files: Path | Mapping[str, Path]) -> Networks:
    """Read the five published files: below a folder laid out as ``FILES`` says, or one path by each name of it.

    What does not fit is refused with BadWeights, what is not there with WeightsMissing.
    """
    paths = {name: files / path for name, path in FILES.items()} if isinstance(files, Path) else dict(files)
    whats = (APPEARANCE, MOTION, WARPING, GENERATOR, STITCHING)
    loaders: tuple[Callable[..., nn.Module | Retargeting], ...] = (
        load_appearance,
        load_motion_extractor,
        load_warping,
        load_generator,
        load_retargeting,
    )
    networks: list[Any] = [
        load(read_checkpoint(paths[name], what), paths[name]) for name, what, load in zip(FILES, whats, loaders)
    ]
    return Networks(*networks)
