"""Readers of what a browser is sent: motion for the stage and pieces of a live session."""

from __future__ import annotations

import struct

import numpy as np
import numpy.typing as npt

from moda.motion.space import DIM, Motion
from moda.stage.chunks import MAGIC, VERSION
from tests.containers import unpack


def read_motion(data: bytes) -> tuple[int, Motion]:
    """(first frame, motion) of a packed piece. Raises ValueError with one sentence."""
    header, parts = unpack(data, MAGIC, VERSION)
    array = parts["motion"].reshape(-1, DIM)
    motion = Motion(array, header["fps"], "stage", reference=parts["reference"], neutral=parts["neutral"])
    return int(header["start"]), motion


def read_piece(data: bytes) -> tuple[int, npt.NDArray[np.float32]]:
    """(first frame, (k, 70) float32) of a live piece (`motion_piece`)."""
    return struct.unpack("<I", data[:4])[0], np.frombuffer(data[4:], "<f2").reshape(-1, DIM).astype(np.float32)
