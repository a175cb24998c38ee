"""Reading published checkpoint files, and refusing anything that is not exactly what was expected."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from moda.errors import BadWeights, WeightsMissing, some

NAMED = 8  # keys of a kind that an error names

# A key that only that file has -> what to call it, so that a mix-up can be named.
SIGNATURES = (
    ("talking_head_dit.", "the MoDA motion generator (moda/net-200.pth)"),
    ("resblocks_3d.", "LivePortrait's appearance feature extractor"),
    ("detector.", "LivePortrait's motion extractor"),
    ("dense_motion_network.", "LivePortrait's warping module"),
    ("G_middle_0.", "LivePortrait's SPADE generator"),
    ("retarget_shoulder", "LivePortrait's stitching and retargeting module"),
    ("feature_projection.", "HuBERT"),
    ("hubert.", "HuBERT"),
)


def read_checkpoint(path: Path, what: str) -> dict[str, object]:
    """The dictionary stored in a ``.pth`` file; only tensors and plain containers are ever unpickled.

    ``what`` names the expected model in messages. Raises WeightsMissing when there is no such file and
    BadWeights when it is damaged, truncated or not a checkpoint.
    """
    if not path.is_file():
        raise WeightsMissing(f"{path} is not there; it should hold {what}.")
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True, mmap=False)
    except Exception as error:  # a damaged pickle or archive breaks in a dozen ways
        size = path.stat().st_size
        if _holds_objects(path):
            raise BadWeights(
                f"{path} holds more than tensors and plain containers, so it is not read as {what}: save its "
                "state dict alone, or fetch the published file."
            ) from error
        raise BadWeights(
            f"{path} ({size:,} bytes) cannot be read as {what}: it is truncated, damaged or not a PyTorch "
            "checkpoint of tensors; delete it and fetch it again."
        ) from error
    if not isinstance(loaded, dict):
        raise BadWeights(f"{path} holds a {type(loaded).__name__}, where {what} is a dictionary of tensors.")
    return loaded


def _holds_objects(path: Path) -> bool:
    """Whether a checkpoint names what only code in the file could make; False where it is no archive."""
    try:
        return bool(torch.serialization.get_unsafe_globals_in_checkpoint(path))
    except Exception:  # damaged in one of a dozen ways
        return False


def identify(keys: Mapping[str, object]) -> str | None:
    """Which known model a state dict with these keys belongs to, if any."""
    for start, name in SIGNATURES:
        if any(key.startswith(start) for key in keys):
            return name
    return None


class Published:
    """A published state dict from which every tensor is taken exactly once, by name and shape.

    >>> weights = Published({"a": torch.zeros(2)}, "an example", "example.pth")
    >>> weights.take("a", (2,)).tolist()
    [0.0, 0.0]
    >>> weights.finish()
    """

    def __init__(self, state: Mapping[str, object], what: str, origin: str | Path) -> None:
        self.what, self.origin = what, origin
        self._state = dict(state)
        self._left = set(state)
        self._missing: list[str] = []
        self._misshapen: list[str] = []

    def take(self, key: str, shape: tuple[int, ...]) -> Tensor:
        """The tensor under ``key`` as float32. What does not fit is noted, and reported by ``finish``."""
        found = self._state.get(key)
        self._left.discard(key)
        if isinstance(found, Tensor) and tuple(found.shape) == shape:
            return found.to(torch.float32)
        if isinstance(found, Tensor):
            self._misshapen.append(f"{key} is {tuple(found.shape)} instead of {shape}")
        else:
            self._missing.append(key)
        return torch.zeros(shape)

    def finish(self) -> None:
        """Raise BadWeights naming every key that was missing, left over or of another shape."""
        if not (self._missing or self._left or self._misshapen):
            return
        complaints = [
            f"{len(keys)} {fault} ({some(keys, NAMED)})"
            for fault, keys in (
                ("missing", self._missing),
                ("unexpected", sorted(self._left)),
                ("of another shape", self._misshapen),
            )
            if keys
        ]
        holds = identify(self._state)
        if self._missing and holds is not None and holds != self.what:
            raise BadWeights(f"{self.origin} is a checkpoint of {holds}, where {self.what} was expected.")
        raise BadWeights(f"{self.origin} does not fit {self.what}: keys {'; '.join(complaints)}.")
