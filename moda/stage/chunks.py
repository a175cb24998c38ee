"""Motion for the viewer: pieces of a take that can be fetched one by one, so that ten minutes scrub at once."""

from __future__ import annotations

import numpy as np

from moda.motion.space import Motion
from moda.stage.packing import Container

MAGIC = b"MODAMOT\n"
VERSION = 1
FRAMES = 250
"""Frames of one chunk as the page fetches them: ten seconds, 70 kB."""


def motion_bytes(motion: Motion, start: int = 0, stop: int | None = None) -> bytes:
    """Frames ``start`` to ``stop`` (exclusive) of a motion, float32, with what is needed to read them: fps, number of
    frames of the whole take, reference and neutral."""
    stop = len(motion) if stop is None else min(stop, len(motion))
    start = min(max(start, 0), max(stop, 0))
    header = {"fps": float(motion.fps), "frames": len(motion), "start": start, "count": stop - start, "chunk": FRAMES}
    box = Container(MAGIC, VERSION, header)
    box.array("motion", motion.array[start:stop], "f32")
    box.array("reference", np.asarray(motion.reference), "f32")
    box.array("neutral", np.asarray(motion.neutral), "f32")
    return box.pack()


def chunk_bytes(motion: Motion, number: int) -> bytes:
    """The chunk of that number, from 0."""
    return motion_bytes(motion, number * FRAMES, (number + 1) * FRAMES)
