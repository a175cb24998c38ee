"""Published MoDA checkpoint (`moda/net-200.pth`, a flat dict) -> our network.

A missing or misshapen tensor raises BadWeights and is named; unknown ones are left out with a warning, as the reference
does (it loads with strict=False). Any precision is read. Three may be absent or say nothing new:

* `null_audio_feat` is not saved by training on CUDA, where the reference then draws it at random whenever it builds
  the model. Where it is absent we take one fixed unit-variance vector, so that the unconditional branch of
  guidance is the same on every run. Without it there is no right value; any fixed one is as good.
* `null_motion_feat` is never used by the reference's sampler; absent, it is zero.
* `scheduler.sigmas` must equal (1..1000) / 1000.

Rotary pairs are adjacent in the published weights and half a head apart in ours: rows of queries and keys, and the
gains of their norms, are reordered here.
"""

from __future__ import annotations

import logging
import pickle
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from moda.errors import BadWeights, WeightsMissing, some
from moda.generator.network import MoDA, MoDAConfig, check_state

log = logging.getLogger(__name__)

PREFIX = "talking_head_dit."
SIGMAS, NULL_SPEECH, NULL_MOTION = "scheduler.sigmas", "null_audio_feat", "null_motion_feat"
OPTIONAL = (SIGMAS, NULL_SPEECH, NULL_MOTION)
NULL_SPEECH_SEED = 2507
EXPECTED = "a PyTorch file holding the flat state dict of MoDA's motion generator (408 'talking_head_dit.*' tensors)"


def published_names(config: MoDAConfig) -> dict[str, tuple[str, ...]]:
    """Our parameter -> the published tensor(s) it comes from; two where the file keeps query and key norms apart."""
    names: dict[str, tuple[str, ...]] = {
        "speech_embedder.gain": (f"{PREFIX}audio_embedder.norm.weight",),
        "emotion_embedder.table": (f"{PREFIX}emo_embedder.embedding_table.weight",),
    }

    def linear(ours: str, theirs: str) -> None:
        for part in ("weight", "bias"):
            names[f"{ours}.{part}"] = (f"{PREFIX}{theirs}.{part}",)

    for kind in ("motion", "identity", "time"):
        linear(f"{kind}_embedder.first", f"{kind}_embedder.mlp.0")
        linear(f"{kind}_embedder.second", f"{kind}_embedder.mlp.2")
    for ours, theirs in (("first", "proj1"), ("second", "proj2"), ("third", "proj3")):
        linear(f"speech_embedder.{ours}", f"audio_embedder.{theirs}")
    for stage, count, conditions in (("blocks4", config.blocks4, ("1", "2", "3")), ("blocks2", config.blocks2, ("",))):
        for i in range(count):
            for j, n in enumerate((None, *conditions)):
                ours, theirs = f"{stage}.{i}.streams.{j}", f"{stage}.{i}"
                stream, audio, end = ("xs", "xs", "") if n is None else ("au", "audio", n)
                linear(f"{ours}.modulation", f"{theirs}.adaLN_modulation_{audio}{end}.1")
                linear(f"{ours}.qkv", f"{theirs}.attn1.qkv_{stream}{end}")
                linear(f"{ours}.proj", f"{theirs}.attn1.{stream}_proj{end}")
                linear(f"{ours}.mlp_in", f"{theirs}.{audio}_mlp{end}.fc1")
                linear(f"{ours}.mlp_out", f"{theirs}.{audio}_mlp{end}.fc2")
                norms = (f"{PREFIX}{theirs}.attn1.{stream}_{part}_norm{end}.weight" for part in "qk")
                names[f"{ours}.head_norm.gain"] = tuple(norms)
    for i in range(config.blocks1):
        ours, theirs = f"blocks1.{i}", f"blocks.{i}"
        linear(f"{ours}.modulation", f"{theirs}.adaLN_modulation_xs.1")
        linear(f"{ours}.wide", f"{theirs}.qkv_xs")
        linear(f"{ours}.out", f"{theirs}.linear2")
        norms = (f"{PREFIX}{theirs}.attn1.xs_{part}_norm.weight" for part in "qk")
        names[f"{ours}.head_norm.gain"] = tuple(norms)
    linear("final.linear", "final_layer.linear")
    linear("final.modulation", "final_layer.adaLN_modulation.1")
    return names


def infer_config(shapes: Mapping[str, tuple[int, ...]], source: str = "the file") -> MoDAConfig:
    """The size of a published network, read off its tensor shapes. Raises BadWeights."""

    def count(stage: str) -> int:
        found = [re.match(rf"{re.escape(PREFIX)}{stage}\.(\d+)\.", key) for key in shapes]
        return 1 + max((int(m.group(1)) for m in found if m), default=-1)

    try:
        width, motion = shapes[f"{PREFIX}motion_embedder.mlp.0.weight"]
        head_dim = shapes[f"{PREFIX}blocks.0.attn1.xs_q_norm.weight"][0]
        identity = shapes[f"{PREFIX}identity_embedder.mlp.0.weight"][1]
        speech = shapes[f"{PREFIX}audio_embedder.proj1.weight"][1]
        return MoDAConfig(
            width=width,
            heads=width // head_dim,
            blocks4=count("blocks4"),
            blocks2=count("blocks2"),
            blocks1=count("blocks"),
            speech_shape=(speech // 768, 768),
            motion_dim=motion // 2,
            identity_dim=identity,
            emotions=shapes[f"{PREFIX}emo_embedder.embedding_table.weight"][0],
            time_features=shapes[f"{PREFIX}time_embedder.mlp.0.weight"][1],
        )
    except (KeyError, ValueError, IndexError) as error:
        raise BadWeights(
            f"{source} is not the published MoDA generator: {str(error).strip(chr(39))} is missing or misshapen;"
            f" expected {EXPECTED}."
        ) from error


def halves_first(rows: Tensor, heads: int) -> Tensor:
    """Reorder rows (heads * d, ...) so that the members of each adjacent pair come to lie d / 2 apart."""
    d = rows.shape[0] // heads
    order = torch.cat([torch.arange(0, d, 2), torch.arange(1, d, 2)])
    return rows.view(heads, d, *rows.shape[1:])[:, order].reshape(rows.shape)


def convert(state: Mapping[str, Tensor], source: str = "the checkpoint") -> tuple[MoDAConfig, dict[str, Tensor]]:
    """Published state dict -> (configuration, our state dict in float32). Raises BadWeights."""
    config = infer_config({k: tuple(v.shape) for k, v in state.items()}, source)
    names = published_names(config)
    with torch.device("meta"):
        wanted = {k: tuple(v.shape) for k, v in MoDA(config).state_dict().items()}
    expected: dict[str, tuple[int, ...]] = {}
    for ours, theirs in names.items():
        shape = wanted[ours] if len(theirs) == 1 else wanted[ours][1:]
        expected.update(dict.fromkeys(theirs, shape))
    unknown = [name for name in state if name not in expected and name not in OPTIONAL]
    check_state({k: v for k, v in state.items() if k in expected}, expected, source)
    if unknown:
        log.warning("%s holds %d tensors that are not the generator's and are left out: %s.", source, len(unknown),
                    some(unknown, 3))  # fmt: skip

    out: dict[str, Tensor] = {}
    for ours, theirs in names.items():
        value = torch.stack([state[k] for k in theirs]) if len(theirs) > 1 else state[theirs[0]]
        value = value.detach().to(torch.float32)
        if ours.endswith("head_norm.gain"):
            value = torch.stack([halves_first(row, 1) for row in value])
        elif ours.rsplit(".", 1)[0].endswith((".qkv", ".wide")):
            width = config.width
            turned = [halves_first(value[i * width : (i + 1) * width], config.heads) for i in (0, 1)]
            value = torch.cat([*turned, value[2 * width :]])
        out[ours] = value.contiguous()
    out["null_speech"] = null_speech(state, config, source)
    null_motion = state.get(NULL_MOTION)
    out["null_motion"] = torch.zeros(config.motion_dim) if null_motion is None else null_motion.float().flatten()
    check_sigmas(state.get(SIGMAS), source)
    check_state(out, wanted, source)
    return config, out


def null_speech(state: Mapping[str, Tensor], config: MoDAConfig, source: str) -> Tensor:
    """The published null speech vector, or the fixed one that stands in for it."""
    size = config.speech_shape[-1]
    published = state.get(NULL_SPEECH)
    if published is None:
        return torch.randn(size, generator=torch.Generator().manual_seed(NULL_SPEECH_SEED))
    if published.numel() != size:
        raise BadWeights(f"{source}: {NULL_SPEECH} has {published.numel()} numbers, expected {size}.")
    return published.detach().to(torch.float32).flatten()


def check_sigmas(sigmas: Tensor | None, source: str) -> None:
    """The file's noise levels must be those of the published schedule."""
    if sigmas is None:
        return
    wanted = torch.arange(1, 1001, dtype=torch.float64) / 1000
    rounding = 1e-5 if sigmas.dtype in (torch.float32, torch.float64) else 2 * torch.finfo(sigmas.dtype).eps
    if sigmas.shape != wanted.shape or (sigmas.double() - wanted).abs().max() > rounding:
        raise BadWeights(f"{source}: {SIGMAS} is not (1..1000) / 1000; this checkpoint is of another schedule.")


def read_checkpoint(path: str | Path) -> dict[str, Tensor]:
    """Tensors of a `.pth` file, read without running any code it may hold. Raises WeightsMissing or BadWeights."""
    path = Path(path)
    if not path.is_file():
        raise WeightsMissing(f"There is no weight file {path}; expected {EXPECTED}.")
    try:
        # Files of before PyTorch 1.6 are no archives and cannot be mapped into memory.
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except Exception as error:  # a damaged pickle or archive breaks in a dozen ways
        # What torch says about unsafe pickles is advice to run them.
        unsafe = isinstance(error, pickle.UnpicklingError)
        reason = "it holds more than tensors" if unsafe else " ".join(str(error).split())[:120] or type(error).__name__
        raise BadWeights(
            f"{path} is damaged, cut short or not a weight file ({reason}); expected {EXPECTED}; download it again."
        ) from error
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise BadWeights(f"{path} does not hold a flat dict of tensors; expected {EXPECTED}.")
    return state


def load_published(path: str | Path, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32) -> MoDA:
    """The published generator from its file, in evaluation mode."""
    config, state = convert(read_checkpoint(path), str(path))
    return build(config, state, device, dtype)


def build(
    config: MoDAConfig,
    state: Mapping[str, Tensor],
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> MoDA:
    """A network around converted tensors, without initialising it first."""
    with torch.device("meta"):
        model = MoDA(config)
    model.load_state_dict({k: v.to(dtype) for k, v in state.items()}, assign=True)
    return model.to(device).eval().requires_grad_(False)
