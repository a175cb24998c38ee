"""Motion on disk: `.npz` without pickle, and LivePortrait templates through a reader that admits arrays only."""

from __future__ import annotations

import io
import json
import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from moda.errors import BadMotionFile, unwritten
from moda.motion.arkit import read_csv
from moda.motion.space import DIM, SCALE, Motion
from moda.motion.templates import read_template

#: Largest file and largest unpacked array that are read; an hour of motion at 60 fps is 60 MB.
MAX_BYTES = 256 * 1024 * 1024
#: Parts of a take's archive; it has six, and each costs memory before it is looked at.
MAX_PARTS = 32
#: No number of the joint parameter space comes near this; beyond it the renderers' arithmetic breaks down.
MAX_VALUE = 1e4
#: Heads have a scale of about 1; the trims divide by it.
MIN_SCALE = 0.01


def save_motion(motion: Motion, path: str | os.PathLike[str], sampled: Motion | None = None) -> Path:
    """Writes `motion` (T, 70), `fps`, `reference`, `neutral` and a JSON string `meta`; whole or not at all.

    `sampled`, the motion before trims, goes in as a second array, so that a take can be trimmed again later.

    Raises OutputFailed when the folder cannot be written or the disk is full.
    """
    target = Path(path)
    meta = {**motion.meta, "origin": motion.origin}
    # Packed in memory first: an archive that breaks off on a full disk complains once more when it is forgotten.
    packed = io.BytesIO()
    np.savez_compressed(
        packed,
        motion=motion.array,
        fps=np.float64(motion.fps),
        reference=np.asarray(motion.reference),
        neutral=np.asarray(motion.neutral),
        meta=np.array(json.dumps(meta, ensure_ascii=True, sort_keys=True)),
        **({} if sampled is None else {"sampled": sampled.array}),
    )
    temporary: str | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".moda-", suffix=".npz")
        with os.fdopen(handle, "wb") as file:
            file.write(packed.getbuffer())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(target)
        temporary = None
    except OSError as error:
        raise unwritten(f"The motion file '{target.name}'", error) from error
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
    return target


def load_motion(path: str | os.PathLike[str], member: str = "motion") -> Motion:
    """Reads a file written by `save_motion`, a LivePortrait template (.pkl) or ARKit curves (LiveLink Face, .csv).

    `member` "sampled" gives the motion before trims where the file holds it, else the motion itself.

    Raises BadMotionFile with one sentence when the file is missing, damaged, too large or of another kind.
    """
    source = Path(path)
    name = source.name if len(source.name) <= 80 else source.name[:77] + "..."
    name = "".join(letter if letter.isprintable() else "?" for letter in name)
    try:
        if source.exists() and not source.is_file():
            raise BadMotionFile(f"{name} is not a file; choose a take saved by MoDA Studio.")
        size = source.stat().st_size
        if size > MAX_BYTES:
            raise BadMotionFile(f"{name} is too large for a motion file ({size >> 20} MB, at most 256 MB).")
        data = source.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a name with a null character
        reason = getattr(error, "strerror", None) or str(error)
        raise BadMotionFile(f"{name} cannot be read as a motion file ({reason}).") from error
    if source.suffix.lower() in {".pkl", ".pickle"}:
        return _from_template(data, name)
    if source.suffix.lower() == ".csv":
        return read_csv(data.decode("utf-8-sig", errors="replace"), name)
    try:
        return _from_npz(data, name, member)
    except BadMotionFile:
        raise
    except Exception as error:  # numpy and zipfile raise a dozen kinds on damaged files
        raise BadMotionFile(f"{name} is damaged or not a motion file; choose a take saved by MoDA Studio.") from error


def _from_npz(data: bytes, name: str, member: str) -> Motion:
    if data.count(b"PK\x01\x02") > MAX_PARTS:
        raise BadMotionFile(f"{name} has too many parts for a motion file; choose a take saved by MoDA Studio.")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if any(entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for entry in archive.infolist()):
            raise BadMotionFile(f"{name} is packed in an unusual way; choose a take saved by MoDA Studio.")
        if sum(entry.file_size for entry in archive.infolist()) > MAX_BYTES:
            raise BadMotionFile(f"{name} unpacks to more than 256 MB and was not opened.")
    with np.load(io.BytesIO(data), allow_pickle=False) as content:
        if "motion" not in content.files:
            raise BadMotionFile(f"{name} holds no motion; choose a take saved by MoDA Studio.")
        array = content[member if member in content.files else "motion"]
        if array.dtype.kind not in "fiu" or array.ndim != 2 or array.shape[1] != DIM or len(array) == 0:
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
    for values in (array, *vectors.values()):
        if (np.abs(np.asarray(values, dtype=np.float64)) > MAX_VALUE).any():
            raise BadMotionFile(f"{name} cannot be used: its numbers are far outside of what a head can do.")
    try:
        motion = Motion(array, fps, origin, meta=meta, **vectors)
    except ValueError as error:
        raise BadMotionFile(f"{name} cannot be used: {error}.") from error
    assert motion.reference is not None
    if min(motion.array[:, SCALE].min(), motion.reference[SCALE]) < MIN_SCALE:
        raise BadMotionFile(f"{name} cannot be used: its head is smaller than anything that can be seen.")
    return motion


def _from_template(data: bytes, name: str) -> Motion:
    """A LivePortrait template; `templates` says what it may hold."""
    try:
        array, fps = read_template(data)
    except Exception as error:  # a damaged pickle fails in a dozen ways
        raise BadMotionFile(
            f"{name} is not a LivePortrait motion template made of plain arrays; export it again or use a .npz take."
        ) from error
    return _checked(array, fps, f"template {name}", {}, name)
