"""Frames as numbered PNG pictures in a folder, lossless and with transparency: what compositing programs take."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from moda.errors import BadSetting, OutputFailed, unwritten
from moda.media.atomic import PartialFolder
from moda.media.formats import NUMBER, target_of
from moda.media.frame_writer import FrameWriter
from moda.media.provenance import fields

WAITING = 8  # frames that may wait for the disk
COMPRESSION = 1  # of zlib, 0 to 9: a third of the time of the default for a tenth more bytes


class PngSequence(FrameWriter):
    """Write numbered pictures; used like `VideoWriter`.

    path: a folder, or a name with the number (`shot_%04d.png`). Pictures of the same names are replaced, all at once
    and only when every new one is written. size: (width, height). alpha: frames are straight RGBA. metadata: what made
    them, written into each picture. Raises BadSetting, OutputFailed.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        size: tuple[int, int],
        metadata: Mapping[str, Any] | None = None,
        *,
        alpha: bool = False,
    ) -> None:
        target = target_of(Path(path), alpha)
        if not target.format.is_sequence:
            raise BadSetting(f"The output '{Path(path).name}' must be a folder for PNG pictures.")
        self.path, self._pattern, self.frames = target.path, target.pattern, 0
        self._shape = (int(size[1]), int(size[0]), 4 if alpha else 3)
        self._fields = fields(metadata)
        head, width, tail = NUMBER.split(self._pattern)
        digits = rf"\d{{{int(width or 1)},}}"
        self._partial = PartialFolder(self.path, re.compile(re.escape(head) + digits + re.escape(tail)))
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="png-writer")
        self._waiting: list[Future[None]] = []

    def write(self, frame: np.ndarray) -> None:
        """Add one frame, uint8 of the size given; it is copied."""
        if frame.shape != self._shape or frame.dtype != np.uint8:
            raise ValueError(f"frame is {frame.shape} {frame.dtype}, expected {self._shape} uint8")
        while len(self._waiting) >= WAITING:
            self._settle(self._waiting.pop(0))
        self._waiting.append(self._pool.submit(self._save, frame.copy(), self._pattern % self.frames))
        self.frames += 1

    def close(self) -> Path:
        """Write what is waiting, give all pictures their names, and return the folder. Raises OutputFailed."""
        if self.frames == 0:
            self.abort()
            raise OutputFailed("The video has no frames: nothing was written.")
        while self._waiting:
            self._settle(self._waiting.pop(0))
        self._pool.shutdown()
        self._partial.keep()
        return self.path

    def abort(self) -> None:
        """Remove what was written. Safe to call at any time."""
        self._pool.shutdown(cancel_futures=True)
        self._partial.discard()

    def _save(self, frame: np.ndarray, name: str) -> None:
        from imageio.v3 import imwrite
        from PIL.PngImagePlugin import PngInfo

        info = PngInfo()
        for key, value in self._fields.items():
            info.add_itxt(key.capitalize(), value)
        imwrite(self._partial.temporary / name, frame, plugin="pillow", compress_level=COMPRESSION, pnginfo=info)

    def _settle(self, saving: Future[None]) -> None:
        try:
            saving.result()
        except OSError as fault:
            self.abort()
            raise unwritten(f"The folder of pictures '{self.path.name}'", fault) from None
