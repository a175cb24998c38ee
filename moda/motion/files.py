"""Motion on disk: `.npz` without pickle, and LivePortrait templates through a reader that admits arrays only."""

from __future__ import annotations

import io
import json
import os
import pickle
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from moda.errors import BadMotionFile, OutputFailed
from moda.motion.space import DIM, EXPRESSION, SCALE, TRANSLATION, Motion, rotation_angles

#: Largest file and largest unpacked array that are read; an hour of motion at 60 fps is 60 MB.
MAX_BYTES = 256 * 1024 * 1024
#: What a template may name: the pieces numpy itself needs to rebuild plain arrays, and nothing else.
_ADMITTED = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
}


def save_motion(motion: Motion, path: str | os.PathLike[str], sampled: Motion | None = None) -> Path:
    """Writes `motion` (T, 70), `fps`, `reference`, `neutral` and a JSON string `meta`; whole or not at all.

    `sampled`, the motion before trims, goes in as a second array, so that a take can be trimmed again later.

    Raises OutputFailed when the folder cannot be written or the disk is full.
    """
    target = Path(path)
    meta = {**motion.meta, "origin": motion.origin}
    temporary: str | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".moda-", suffix=".npz")
        with os.fdopen(handle, "wb") as file:
            np.savez_compressed(
                file,
                motion=motion.array,
                fps=np.float64(motion.fps),
                reference=np.asarray(motion.reference),
                neutral=np.asarray(motion.neutral),
                meta=np.array(json.dumps(meta, ensure_ascii=True, sort_keys=True)),
                **({} if sampled is None else {"sampled": sampled.array}),
            )
        Path(temporary).chmod(0o644)
        Path(temporary).replace(target)
        temporary = None
    except OSError as error:
        raise OutputFailed(f"The motion could not be written to {target}: {error.strerror or error}.") from error
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
    return target


def load_motion(path: str | os.PathLike[str], member: str = "motion") -> Motion:
    """Reads a file written by `save_motion`, or a LivePortrait template (.pkl).

    `member` "sampled" gives the motion before trims where the file holds it, else the motion itself.

    Raises BadMotionFile with one sentence when the file is missing, damaged, too large or of another kind.
    """
    source = Path(path)
    name = source.name
    try:
        size = source.stat().st_size
        if size > MAX_BYTES:
            raise BadMotionFile(f"{name} is too large for a motion file ({size >> 20} MB, at most 256 MB).")
        data = source.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise BadMotionFile(f"{name} cannot be read as a motion file ({reason}).") from error
    if source.suffix.lower() in {".pkl", ".pickle"}:
        return _from_template(data, name)
    try:
        return _from_npz(data, name, member)
    except BadMotionFile:
        raise
    except Exception as error:  # numpy and zipfile raise a dozen kinds on damaged files
        raise BadMotionFile(f"{name} is damaged or not a motion file; choose a take saved by MoDA Studio.") from error


def _from_npz(data: bytes, name: str, member: str) -> Motion:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > MAX_BYTES:
            raise BadMotionFile(f"{name} unpacks to more than 256 MB and was not opened.")
    with np.load(io.BytesIO(data), allow_pickle=False) as content:
        if "motion" not in content.files:
            raise BadMotionFile(f"{name} holds no motion; choose a take saved by MoDA Studio.")
        array = content[member if member in content.files else "motion"]
        if array.dtype.kind not in "fiu" or array.ndim != 2 or array.shape[1] != DIM:
            raise BadMotionFile(f"{name} holds motion of shape {array.shape}, expected (frames, {DIM}).")
        fps = float(content["fps"]) if "fps" in content.files else 25.0
        meta: Any = json.loads(str(content["meta"])) if "meta" in content.files else {}
        if not isinstance(meta, dict):
            raise BadMotionFile(f"{name} holds settings that cannot be read.")
        optional = {key: content[key] for key in ("reference", "neutral") if key in content.files}
        if any(vector.dtype.kind not in "fiu" for vector in optional.values()):
            raise BadMotionFile(f"{name} holds vectors that are not numbers.")
    return _checked(array, fps, str(meta.pop("origin", name)), meta, name, **optional)


def _checked(array: Any, fps: float, origin: str, meta: dict[str, Any], name: str, **vectors: Any) -> Motion:
    if not 1 <= fps <= 240:
        raise BadMotionFile(f"{name} says {fps:g} frames a second; expected 1 to 240.")
    try:
        return Motion(array, fps, origin, meta=meta, **vectors)
    except ValueError as error:
        raise BadMotionFile(f"{name} cannot be used: {error}.") from error


class _ArraysOnly(pickle.Unpickler):
    """Rebuilds dicts, lists, numbers and numpy arrays of numbers; any other name ends the reading."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _ADMITTED:
            if name == "dtype":
                return _plain_dtype
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} is not admitted")

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError("persistent ids are not admitted")


def _plain_dtype(spec: Any, *rest: Any) -> np.dtype[Any]:
    """numpy dtype of numbers; object and structured types would open a way back to pickle."""
    kind: np.dtype[Any] = np.dtype(spec, *rest[:2])
    if kind.kind not in "fiub" or kind.hasobject:
        raise pickle.UnpicklingError(f"arrays of {kind} are not admitted")
    return kind


def _from_template(data: bytes, name: str) -> Motion:
    """A LivePortrait template: {n_frames, output_fps, motion: [{exp, scale, t, R or pitch/yaw/roll}, ...]}."""
    try:
        content = _ArraysOnly(io.BytesIO(data)).load()
        frames = content["motion"]
        fps = float(np.asarray(content.get("output_fps", 25)))
        array = np.stack([_template_frame(frame) for frame in frames])
    except Exception as error:
        raise BadMotionFile(
            f"{name} is not a LivePortrait motion template made of plain arrays; export it again or use a .npz take."
        ) from error
    return _checked(array, fps, f"template {name}", {}, name)


def _template_frame(frame: dict[str, Any]) -> np.ndarray[Any, Any]:
    vector = np.zeros(DIM, dtype=np.float32)
    vector[EXPRESSION] = np.asarray(frame["exp"], dtype=np.float32).reshape(63)
    vector[SCALE] = float(np.asarray(frame["scale"]).reshape(-1)[0])
    vector[TRANSLATION] = np.asarray(frame["t"], dtype=np.float32).reshape(3)
    rotation = frame.get("R", frame.get("R_d"))
    if rotation is not None:
        vector[67:70] = rotation_angles(np.asarray(rotation, dtype=np.float64).reshape(3, 3))
    else:
        vector[67:70] = [float(np.asarray(frame[axis]).reshape(-1)[0]) for axis in ("pitch", "yaw", "roll")]
    return vector
