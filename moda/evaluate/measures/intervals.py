"""How sure a mean over clips is, and whether two systems differ: bootstrap intervals and paired permutation tests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

RESAMPLES = 10_000
LEVEL = 0.95


def bootstrap_interval(
    values: Sequence[float], level: float = LEVEL, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[float, float]:
    """Interval of the mean over clips (bias-corrected and accelerated bootstrap); NaN for fewer than three values.

    Values that are NaN (not measurable) are left out.
    """
    from scipy.stats import bootstrap

    kept = _finite(values)
    if len(kept) < 3:
        return float("nan"), float("nan")
    if np.ptp(kept) == 0:
        return float(kept[0]), float(kept[0])
    rng = np.random.default_rng(seed)
    found = bootstrap(
        (kept,), np.mean, confidence_level=level, n_resamples=resamples, method="BCa", random_state=rng
    ).confidence_interval
    return float(found.low), float(found.high)


def paired_p(first: Sequence[float], second: Sequence[float], resamples: int = RESAMPLES, seed: int = 0) -> float:
    """p value that two systems' means over the same clips differ by chance: signs of the differences are permuted.

    Clips that lack either value are left out; NaN for fewer than five pairs, where no test could find anything.
    """
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if a.shape != b.shape:
        raise ValueError(f"paired values must have one shape, not {a.shape} and {b.shape}")
    differences = (a - b)[np.isfinite(a) & np.isfinite(b)]
    if len(differences) < 5:
        return float("nan")
    seen = abs(differences.mean())
    rng = np.random.default_rng(seed)
    if 2 ** len(differences) <= resamples:
        signs = 1 - 2 * (np.arange(2 ** len(differences))[:, None] >> np.arange(len(differences)) & 1)
        return float((np.abs(signs @ differences) / len(differences) >= seen - 1e-12).mean())
    signs = rng.choice((-1.0, 1.0), (resamples, len(differences)))
    return float((1 + (np.abs(signs @ differences) / len(differences) >= seen - 1e-12).sum()) / (1 + resamples))


def _finite(values: Sequence[float]) -> npt.NDArray[np.float64]:
    kept = np.asarray(values, np.float64)
    return kept[np.isfinite(kept)]
