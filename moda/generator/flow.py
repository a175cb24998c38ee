"""Flow matching: the path between data and noise, schedules, and solvers that are pure functions.

Path: x_s = s noise + (1 - s) data for s in [0, 1]; the network predicts v = noise - data at network time 1000 s
(arXiv 2507.03256, section 3.2; Lipman et al. 2023 with s turned round). Sampling integrates dx/ds = v from s = 1
to s = 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from moda.errors import BadSetting

NETWORK_TIME = 1000.0
MAX_STEPS = 50

Velocity = Callable[[Tensor, float], Tensor]  # (x, s) -> v


@dataclass(frozen=True)
class Step:
    """What a solver's callback sees: step `index` of `total`, at position s of the path.

    x: the state there; clean: the data that x and its velocity point to (arXiv 2507.03256, section 3.2).
    """

    index: int
    total: int
    s: float
    x: Tensor
    clean: Tensor


StepCallback = Callable[[Step], None]


def between(data: Tensor, noise: Tensor, s: Tensor | float) -> Tensor:
    """x_s = s noise + (1 - s) data; s a number, or (B,) with data (B, ...)."""
    if isinstance(s, Tensor):
        s = s.view(-1, *[1] * (data.dim() - 1))
    return s * noise + (1 - s) * data


def clean_estimate(x: Tensor, velocity: Tensor, s: Tensor | float) -> Tensor:
    """The data that x_s and v point to: x_s - s v."""
    if isinstance(s, Tensor):
        s = s.view(-1, *[1] * (x.dim() - 1))
    return x - s * velocity


def schedule(name: str, steps: int, warp: float = 1.0) -> list[float]:
    """The `steps` + 1 values of s that a sampler visits, from 1 down to 0.

    `reference`: linspace(1, 0.001, steps) and then 0, as the published sampler: its last step covers 0.1 % of the
    path and costs a whole evaluation. `full`: (1 - i / steps)^warp, the whole path in equal steps where `warp` is 1,
    and longer ones towards the data where it is below.
    """
    if not isinstance(steps, int) or not 1 <= steps <= MAX_STEPS:
        raise BadSetting(f"steps must be a whole number from 1 to {MAX_STEPS}, not {steps!r}.")
    if not 0.2 <= warp <= 5.0:
        raise BadSetting(f"The warp of a schedule must be from 0.2 to 5, not {warp}.")
    if name == "full":
        return [(1.0 - i / steps) ** warp for i in range(steps)] + [0.0]
    if name == "reference":
        stride = 0.999 / (steps - 1) if steps > 1 else 0.0
        return [1.0 - stride * i for i in range(steps)] + [0.0]
    raise BadSetting(f"There is no schedule {name!r}; choose 'full' or 'reference'.")


def euler(velocity: Velocity, x: Tensor, path: Sequence[float], callback: StepCallback | None = None) -> Tensor:
    """First order: one evaluation a step, x <- x + (s' - s) v(x, s)."""
    for i, (s, after) in enumerate(pairwise(path)):
        slope = velocity(x, s)
        if callback:
            callback(Step(i, len(path) - 1, s, x, clean_estimate(x, slope, s)))
        x = x + (after - s) * slope
    return x


def heun(velocity: Velocity, x: Tensor, path: Sequence[float], callback: StepCallback | None = None) -> Tensor:
    """Second order: the mean of the slopes at both ends, two evaluations a step (one in the last, where s' = 0)."""
    for i, (s, after) in enumerate(pairwise(path)):
        step, slope = after - s, velocity(x, s)
        if callback:
            callback(Step(i, len(path) - 1, s, x, clean_estimate(x, slope, s)))
        if after > 0:
            slope = 0.5 * (slope + velocity(x + step * slope, after))
        x = x + step * slope
    return x


def ab2(velocity: Velocity, x: Tensor, path: Sequence[float], callback: StepCallback | None = None) -> Tensor:
    """Adams-Bashforth of second order for unequal steps: one evaluation a step, the slope before is used again."""
    before: Tensor | None = None
    for i, (s, after) in enumerate(pairwise(path)):
        step, slope = after - s, velocity(x, s)
        if callback:
            callback(Step(i, len(path) - 1, s, x, clean_estimate(x, slope, s)))
        if before is None:
            x = x + step * slope
        else:
            ratio = step / (s - path[i - 1])
            x = x + step * ((1 + ratio / 2) * slope - ratio / 2 * before)
        before = slope
    return x


SOLVERS: dict[str, Callable[..., Tensor]] = {"euler": euler, "heun": heun, "ab2": ab2}


def solver(name: str) -> Callable[..., Tensor]:
    """The solver of that name; raises BadSetting."""
    if name not in SOLVERS:
        raise BadSetting(f"There is no solver {name!r}; choose one of {', '.join(SOLVERS)}.")
    return SOLVERS[name]


def evaluations(name: str, steps: int) -> int:
    """How often a solver asks for the velocity in `steps` steps of a path that ends at 0."""
    solver(name)
    return 2 * steps - 1 if name == "heun" else steps


def training_times(count: int, generator: torch.Generator) -> Tensor:
    """`count` values of s in [0.001, 1], stratified: one uniform draw in each of `count` equal intervals, shuffled."""
    offsets = torch.rand(count, generator=generator, device=generator.device)
    order = torch.randperm(count, generator=generator, device=generator.device)
    return ((order + offsets) / count).clamp(1.0 / NETWORK_TIME, 1.0)
