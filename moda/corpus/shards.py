"""Shards of a corpus on disk: folders of plain `.npy` arrays, read through memory maps."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from moda.motion.space import FPS

ITEMS_PER_SHARD = 200


def write_items(items: list[dict[str, np.ndarray]], folder: Path) -> float:
    """Write items (columns, motion, mixture, identity, rest, source) as one shard; returns hours."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("columns", "motion"):
        np.save(folder / f"{name}.npy", np.concatenate([item[name] for item in items]))
        np.save(folder / f"{name}_lengths.npy", np.array([len(item[name]) for item in items]))
    for name in ("mixture", "identity", "rest", "source"):
        np.save(folder / f"{name}.npy", np.stack([item[name] for item in items]))
    frames = sum(len(item["motion"]) for item in items)
    (folder / "done").write_text(f"{frames}\n", encoding="utf-8")
    return frames / FPS / 3600
