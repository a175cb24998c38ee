"""Which solver, schedule and number of steps: error against a fine solution over network evaluations.

    python -m bench.solvers [--model assets/moda-lite | --seeded 256] [--takes 4] [--guidance 1.0] [--out FOLDER]

The truth is Heun's method with 200 steps. Errors are root mean squares over takes, frames and the 70 numbers of
normalised motion. The bar is the error that the published sampler (10 Euler steps on its own schedule) makes with
the same network; the pick is the fewest evaluations below it, the smaller error first.
`--seeded W`: the published layout, W wide, with seeded weights in place of the published ones.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from bench.reference_planning import seeded_network
from moda.generator.flow import SOLVERS, Velocity, evaluations, heun, schedule, solver
from moda.generator.guidance import Guidance, GuidedVelocity, encode_branches
from moda.generator.network import MoDA

TRUTH_STEPS = 200
EVALUATIONS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20)
BAR = ("euler", "reference", 10)
SPEECH = "The quick brown fox jumps over the lazy dog, and then we all went home for a cup of tea."


def problem(model: MoDA, takes: int, scale: float) -> tuple[Callable[[], Velocity], Tensor]:
    """Makes guided velocities of one segment, and the noise they start from."""
    length = model.config.segment
    if model.config.condition_tokens == "single":
        from moda.conditions.speech import log_mel_features
        from moda.media.speak import speak

        features = torch.as_tensor(log_mel_features(speak(SPEECH, "en-us+f2", offline=True).waveform, length))
    else:
        shape = (length, *model.config.speech_shape)
        features = torch.randn(shape, generator=torch.Generator().manual_seed(3))
    guidance = Guidance(speech=scale, emotion=scale)
    identity = torch.zeros(model.config.identity_dim)
    given = (v.expand(takes, *v.shape) for v in (features, torch.eye(9)[4], identity))
    branches = encode_branches(model, guidance, *given)
    noise = [torch.randn(1, length, 70, generator=torch.Generator().manual_seed(k)) for k in range(takes)]
    return lambda: GuidedVelocity(model, guidance, branches, torch.zeros(takes, 70)), torch.cat(noise)


def steps_for(name: str, count: int) -> int | None:
    """How many steps of a solver ask `count` times; None where no number does."""
    steps = (count + 1) // 2 if name == "heun" else count
    return steps if evaluations(name, steps) == count else None


def measure(velocity: Callable[[], Velocity], noise: Tensor) -> dict[str, object]:
    """Errors of every solver and schedule at every number of evaluations, the bar, and the pick."""
    with torch.inference_mode():
        fine = [1 - i / TRUTH_STEPS for i in range(TRUTH_STEPS)] + [0.0]
        truth = heun(velocity(), noise, fine)

        def error(name: str, kind: str, steps: int) -> float:
            return float((solver(name)(velocity(), noise, schedule(kind, steps)) - truth).square().mean().sqrt())

        bar = error(*BAR)
        rows = [
            {"solver": name, "schedule": kind, "steps": steps, "evaluations": count, "error": error(name, kind, steps)}
            for name in SOLVERS
            for kind in ("full", "reference")
            for count in EVALUATIONS
            if (steps := steps_for(name, count)) is not None
        ]
    good = [row for row in rows if row["error"] < bar]  # type: ignore[operator]
    pick = min(good, key=lambda row: (row["evaluations"], row["error"])) if good else None
    return {"spread": float(truth.std()), "bar": bar, "pick": pick, "rows": rows}


def draw(results: dict[str, dict], path: Path) -> None:  # type: ignore[type-arg]
    """Error over evaluations, one panel a network."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(results), figsize=(6 * len(results), 4.5), squeeze=False)
    for axis, (title, result) in zip(axes[0], results.items()):
        for name in SOLVERS:
            for kind, style in (("full", "-"), ("reference", ":")):
                rows = [r for r in result["rows"] if r["solver"] == name and r["schedule"] == kind]
                counts, errors = [r["evaluations"] for r in rows], [r["error"] for r in rows]
                axis.plot(counts, errors, style, marker="o", markersize=3, label=f"{name}, {kind}")
        axis.axhline(result["bar"], color="grey", linewidth=1)
        axis.set(yscale="log", xlabel="network evaluations", ylabel="error (normalised motion)", title=title)
    axes[0][-1].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> None:
    """Measure, print one JSON object, and draw where a folder is given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, action="append", default=[])
    parser.add_argument("--seeded", type=int, action="append", default=[])
    parser.add_argument("--takes", type=int, default=4)
    parser.add_argument("--guidance", type=float, default=1.0)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    networks = {path.name: MoDA.from_pretrained(path) for path in args.model}
    networks |= {f"published layout, {width} wide, seeded": seeded_network(width) for width in args.seeded}
    results = {}
    for title, model in networks.items():
        velocity, noise = problem(model, args.takes, args.guidance)
        results[title] = measure(velocity, noise)
    text = json.dumps({"guidance": args.guidance, "takes": args.takes, "results": results}, indent=1)
    print(text)
    if args.out:
        args.out.mkdir(parents=True, exist_ok=True)
        (args.out / "solvers.json").write_text(text + "\n", encoding="utf-8")
        draw(results, args.out / "solvers.png")


if __name__ == "__main__":
    main()
