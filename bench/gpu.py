"""What a GPU does: planning and neural rendering, measured in under four minutes.

    python -m bench.gpu [--device cuda] [--seconds 10] [--budget 200] [--quick] [--out FILE.json]

Needs torch, numpy, safetensors and the repository, nothing else: no mediapipe, no gradio, no hub. Planning is that of
`sample_clip` with each model's own defaults and with the published schedule, on moda-lite (shipped weights) and on
the published layout with seeded weights; the real-time factor is seconds of work a second of speech. Rendering is
LivePortrait with seeded weights: frames a second from motion to 8-bit crops on the CPU, paste-back excluded. The
first call of everything is not counted. Prints a table on stderr and one JSON object on stdout.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from moda.assets import asset
from moda.generator.guidance import Guidance
from moda.generator.network import MoDA, MoDAConfig
from moda.generator.noise_scale import NoiseScale
from moda.generator.sampler import ClipRequest, SamplingOptions, sample_clip
from moda.motion.space import Motion, neutral_reference
from moda.precision import choose_dtype
from moda.renderer.liveportrait import batches
from moda.renderer.liveportrait.appearance import AppearanceEncoder
from moda.renderer.liveportrait.convert import Networks, Retargeting
from moda.renderer.liveportrait.generator import PictureGenerator
from moda.renderer.liveportrait.motion_extractor import MotionExtractor
from moda.renderer.liveportrait.precision import Placed, place
from moda.renderer.liveportrait.stitching import EYE_SIZES, LIP_SIZES, STITCHING_SIZES, KeypointMLP
from moda.renderer.liveportrait.warping import WarpingModule

T = TypeVar("T")
FPS = 25
BATCHES = (1, 4, 16, 32)


@dataclass
class Bench:
    """The device, the time that is left, and what was found."""

    device: torch.device
    budget: float
    started: float = field(default_factory=time.perf_counter)
    rows: list[dict[str, Any]] = field(default_factory=list)

    def left(self) -> float:
        return self.budget - (time.perf_counter() - self.started)

    def timed(self, work: Callable[[], Any]) -> float:
        """Seconds of a call, the device's own work included."""
        self.wait()
        start = time.perf_counter()
        work()
        self.wait()
        return time.perf_counter() - start

    def wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def measure(self, facts: dict[str, Any], work: Callable[[], T], amount: float, unit: str, runs: int) -> T | None:
        """Run once to warm up, then `runs` times; keeps the fastest. Returns what the first run gave; what fails is
        said, not fatal."""
        if self.left() < 5:
            self.add(facts | {"skipped": "no time left"})
            return None
        made: list[T] = []
        cuda = self.device.type == "cuda"
        try:
            if cuda:
                torch.cuda.empty_cache()
                torch.cuda.reset_peak_memory_stats(self.device)
            first = self.timed(lambda: made.append(work()))
            times = [self.timed(work) for _ in range(runs) if self.left() > 2] or [first]
        except (RuntimeError, ValueError) as fault:
            self.add(facts | {"failed": " ".join(str(fault).split())[:200]})
            return None
        best = min(times)
        found = {"first_seconds": first, "seconds": best, unit: best / amount if unit == "rtf" else amount / best}
        if cuda:
            found["peak_gib"] = torch.cuda.max_memory_allocated(self.device) / 2**30
        self.add(facts | {name: float(f"{value:.4g}") for name, value in found.items()})
        return made[0]

    def add(self, row: dict[str, Any]) -> None:
        self.rows.append(row)
        print("  ".join(f"{name}={value}" for name, value in row.items()), file=sys.stderr, flush=True)


def seeded_base(device: torch.device) -> MoDA:
    """The published layout with random weights of the size that trained ones have."""
    generator = torch.Generator().manual_seed(1)
    model = MoDA.from_config(MoDAConfig(), generator).eval()
    with torch.no_grad():
        for block in (*model.blocks4, *model.blocks2, *model.blocks1, model.final):
            for name, value in block.named_parameters():
                if "modulation" in name or name.startswith("linear."):
                    value.normal_(0.0, value.shape[-1] ** -0.5 if value.dim() > 1 else 0.05, generator=generator)
    return model.requires_grad_(False).to(device)


def plan(bench: Bench, seconds: float, runs: int) -> None:
    """Real-time factor of planning: models by precision by schedule."""
    frames = round(FPS * seconds)
    lite = NoiseScale(lips=0.3, brows=1.75, head=1.3)
    schedules = {
        "ab2 6 steps, speech 1.5": SamplingOptions(guidance=Guidance(speech=1.5), noise=lite),
        "reference, 10 Euler steps, joint 1.2": SamplingOptions.reference(),
    }
    networks = {
        "moda-lite": lambda: MoDA.from_pretrained(asset("moda-lite"), device=bench.device),
        "moda-base (seeded)": lambda: seeded_base(bench.device),
    }
    for title, load in networks.items():
        model = load()
        config = model.config
        features = torch.randn(frames, *config.speech_shape, generator=torch.Generator().manual_seed(2))
        request = ClipRequest(features, torch.eye(9)[4], torch.zeros(config.identity_dim), torch.zeros(70), seed=3)
        exact: dict[str, torch.Tensor] = {}
        for precision in ("float32", "bfloat16", "float16"):
            network = copy.deepcopy(model).to(choose_dtype(precision, precision))
            for name, options in schedules.items():
                facts = {"what": "planning", "model": title, "precision": precision, "schedule": name}
                made = bench.measure(facts, partial(sample_clip, network, request, options), seconds, "rtf", runs)
                if made is not None:
                    error = (made - exact.setdefault(name, made)).square().mean().sqrt()
                    bench.rows[-1]["rms_from_float32"] = float(f"{float(error):.3g}")
        del model


def seeded_liveportrait() -> Networks:
    """LivePortrait's networks at their published sizes, with weights of no meaning."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        mlps = Retargeting(*(KeypointMLP(sizes) for sizes in (STITCHING_SIZES, LIP_SIZES, EYE_SIZES)))
        networks = Networks(AppearanceEncoder(), MotionExtractor(), WarpingModule(), PictureGenerator(), mlps)
    for network in (*networks[:4], *mlps):
        network.eval().requires_grad_(False)
    return networks


def some_motion(frames: int) -> Motion:
    """A head that sways, in the joint parameter space."""
    vectors = np.tile(neutral_reference(), (frames, 1))
    vectors[:, 67:70] += 8 * np.sin(0.2 * np.arange(frames)[:, None] + np.arange(3))
    return Motion(vectors, origin="bench", reference=neutral_reference())


def rendered(placed: Placed, learnt: batches.Learnt, motion: Motion, size: int) -> int:
    """How many frames of the motion came out."""
    return sum(1 for _ in batches.crops(placed, learnt, motion, range(len(motion)), size, lambda: None))


def render(bench: Bench, runs: int, sizes: tuple[int, ...]) -> None:
    """Frames a second of LivePortrait by precision and batch."""
    networks = seeded_liveportrait()
    picture = np.random.default_rng(1).integers(0, 255, (256, 256, 3), dtype=np.uint8)
    precisions = ("float16", "bfloat16", "float32") if bench.device.type == "cuda" else ("float32",)
    for precision in precisions:
        placed = place(networks, bench.device, choose_dtype(precision, precision))
        learnt = batches.learn(placed, picture, bench.device, "relative", True)
        for size in sizes:
            frames = size * (4 if bench.device.type == "cuda" else 1)
            motion = some_motion(frames)

            facts = {"what": "liveportrait", "precision": precision, "batch": size, "frames": frames}
            bench.measure(facts, partial(rendered, placed, learnt, motion, size), frames, "frames_a_second", runs)
        del placed, learnt


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--seconds", type=float, default=10.0, help="of speech to plan")
    parser.add_argument("--budget", type=float, default=200.0, help="seconds after which nothing more is begun")
    parser.add_argument("--quick", action="store_true", help="one short run of each: does it work at all?")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    bench = Bench(torch.device(args.device), args.budget)
    about = {"torch": torch.__version__, "device": args.device}
    if bench.device.type == "cuda":
        about["gpu"] = torch.cuda.get_device_name(bench.device)
        about["capability"] = ".".join(map(str, torch.cuda.get_device_capability(bench.device)))
    print(about, file=sys.stderr)
    render(bench, 1 if args.quick else 3, (1,) if args.quick else BATCHES)
    plan(bench, 1.0 if args.quick else args.seconds, 1 if args.quick else 3)
    text = json.dumps(about | {"rows": bench.rows, "took_seconds": round(args.budget - bench.left(), 1)}, indent=1)
    print(text)
    if args.out is not None:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
