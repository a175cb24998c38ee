"""Published networks as judges of clips and of sets: each where its weights are, else a sentence that says why not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from moda.errors import BadWeights, UserError

Array = npt.NDArray[np.float64]
EVERY = 5
"""Frames at 25 fps from one face that is compared to the next."""


class Judges:
    """SyncNet, ArcFace, I3D and Deep3DFaceRecon, loaded once where they are.

    `notes`: which are absent, where their weights are to be had and under which licence.
    """

    def __init__(self) -> None:
        notes: list[str] = []

        def load(make: Callable[[], Any]) -> Any:
            try:
                return make()
            except ModuleNotFoundError as fault:
                notes.append(f"{fault.name} is not installed: pip install 'moda-studio[eval]'.")
            except UserError as fault:
                notes.append(str(fault))
            return None

        self._syncnet, self._arcface = load(_syncnet), load(_arcface)
        self._i3d, self._deep3d = load(_i3d), load(_deep3d)
        self.notes = tuple(dict.fromkeys(notes))
        self._identities: dict[Path, Array] = {}
        self._sets: dict[tuple[str, str], list[Array]] = defaultdict(list)

    def measure(
        self, system: str, path: Path, fps: float, landmarks: npt.NDArray, waveform: Any, real: Path | None
    ) -> dict[str, float]:
        """Numbers of one video of a system ("" = the real set), and its features for `distances`.

        landmarks (T, 478, 3) px as coded; real: the clip whose first frame is the identity, None for the video itself.
        """
        values: dict[str, float] = {}
        if self._syncnet is not None and waveform is not None:
            values |= self._sync(path, fps, landmarks, waveform)
        if self._arcface is not None:
            values |= self._identity(path, fps, landmarks, real or path)
        if self._i3d is not None:
            from moda.evaluate.measures.networks.i3d import features
            from moda.evaluate.measures.perceptual import face_cuts
            from moda.media.footage import read_frames

            count = int(len(landmarks) / fps * 25)
            cuts = face_cuts(read_frames(path, fps), landmarks, fps, count)
            self._sets[system, "fvd"].append(features(self._i3d, cuts))
        if self._deep3d is not None:
            from moda.evaluate.measures.networks.deep3d import aligned, expressions

            network, standard = self._deep3d
            faces = [aligned(frame, _five(points), standard) for frame, points in _sampled(path, fps, landmarks)]
            self._sets[system, "e_fid"].append(expressions(network, np.stack(faces)))
        return values

    def distances(self, system: str) -> dict[str, float]:
        """Frechet distances between a system's features and the real set's, where both have more than one."""
        found = {}
        for name in ("fvd", "e_fid"):
            ours, real = self._sets.get((system, name)), self._sets.get(("", name))
            if ours and real and min(sum(map(len, ours)), sum(map(len, real))) > 1:
                found[name] = plain_frechet(np.concatenate(real), np.concatenate(ours))
        return found

    def _sync(self, path: Path, fps: float, landmarks: npt.NDArray, waveform: Any) -> dict[str, float]:
        from moda.evaluate.measures.networks.syncnet import score

        try:
            found = score(self._syncnet, lip_cuts(path, fps, landmarks), waveform)
        except ValueError:
            return {}
        return {"sync_c": found.confidence, "sync_d": found.distance, "sync_lag": float(found.lag)}

    def _identity(self, path: Path, fps: float, landmarks: npt.NDArray, real: Path) -> dict[str, float]:
        from moda.evaluate.measures.following import follow
        from moda.evaluate.measures.networks.arcface import aligned, features
        from moda.media.footage import probe

        if real not in self._identities:
            about = probe(real)
            points = landmarks if real == path else follow(real, about.fps, 1.0)[2]
            first, there = next(_sampled(real, about.fps, points))
            self._identities[real] = features(self._arcface, aligned(first, there)[None])[0]
        faces = np.stack([aligned(frame, points) for frame, points in _sampled(path, fps, landmarks)])
        return {"csim": float((features(self._arcface, faces) @ self._identities[real]).mean())}


def plain_frechet(first: Array, second: Array) -> float:
    """Squared Frechet distance between Gaussians fitted to features (N, D) and (M, D), as FID and FVD have it."""
    from scipy.linalg import sqrtm

    a, b = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    gap = first.mean(0) - second.mean(0)
    return float(gap @ gap + np.trace(a + b - 2 * np.real(sqrtm(a @ b))))


def _syncnet() -> Any:
    import python_speech_features  # noqa: F401  # what the sound's features are computed with

    from moda.evaluate.measures.networks.published import SYNCNET, load_into, read_state
    from moda.evaluate.measures.networks.syncnet import SyncNet

    return load_into(SyncNet(), read_state(SYNCNET), SYNCNET)


def _arcface() -> Any:
    from moda.evaluate.measures.networks.arcface import IResNet, depth_of
    from moda.evaluate.measures.networks.published import ARCFACE, load_into, read_state

    state = read_state(ARCFACE)
    return load_into(IResNet(depth_of(state)), state, ARCFACE)


def _i3d() -> Any:
    from moda.evaluate.measures.networks.i3d import I3D as Network
    from moda.evaluate.measures.networks.published import I3D, load_into, read_state

    return load_into(Network(), read_state(I3D), I3D)


def _deep3d() -> Any:
    from scipy.io import loadmat

    from moda.evaluate.measures.networks.deep3d import Deep3D, standard_points
    from moda.evaluate.measures.networks.published import DEEP3D, load_into, read_state
    from moda.models.weights import find

    state = read_state(DEEP3D)
    path = find(DEEP3D.file)
    points = None if path is None else path.with_name("similarity_Lm3D_all.mat")
    if points is None or not points.is_file():
        raise BadWeights(f"{DEEP3D.title} is not measured: similarity_Lm3D_all.mat is not beside its weights.")
    network = load_into(Deep3D(), state.get("net_recon", state), DEEP3D)
    return network, standard_points(loadmat(str(points)))


def _sampled(path: Path, fps: float, landmarks: npt.NDArray) -> Iterator[tuple[npt.NDArray[np.uint8], npt.NDArray]]:
    """Every fifth frame (at 25 fps) with its landmarks."""
    from moda.media.footage import read_frames

    step = max(1, round(EVERY * fps / 25.0))
    frames = read_frames(path)
    try:
        for k, frame in enumerate(frames):
            if k >= len(landmarks):
                break
            if k % step == 0:
                yield frame, landmarks[k]
    finally:
        frames.close()  # type: ignore[attr-defined]  # ends the decoder behind it


def _five(landmarks: npt.NDArray) -> Array:
    """(5, 2): eyes, nose tip and corners of the mouth of landmarks (478, 3) px."""
    from moda.evaluate.measures.networks.arcface import POINTS

    return np.array([landmarks[list(points), :2].mean(0) for points in POINTS], np.float64)


def lip_cuts(path: Path, fps: float, landmarks: npt.NDArray) -> npt.NDArray[np.uint8]:
    """(T, 224, 224, 3) at 25 fps as SyncNet's own pipeline cuts faces: a box of the face, 1.4 times as wide, reaching
    from its top to 0.8 half heights below; smoothed over 13 frames. The box is of the landmarks, not of a detector."""
    import cv2
    from scipy.signal import medfilt

    from moda.evaluate.measures.networks.syncnet import FPS, SIDE
    from moda.media.footage import read_frames

    points = landmarks[:, :468, :2].astype(np.float64)
    low, high = points.min(1), points.max(1)
    box = np.column_stack([(high - low).max(1) / 2, (low + high) / 2])
    if len(box) >= 13:
        box = np.stack([medfilt(column, 13) for column in box.T], 1)
    count = int(len(points) / fps * FPS)
    wanted = np.clip(np.round((np.arange(count) + 0.5) / FPS * fps - 0.5), 0, len(points) - 1).astype(int)
    found: list[npt.NDArray] = []
    for k, frame in enumerate(read_frames(path)):
        repeats = int((wanted == k).sum())
        if repeats:
            half, x, y = box[k]
            scale = SIDE / (2.8 * half)
            move = np.array([[scale, 0, -scale * (x - 1.4 * half)], [0, scale, -scale * (y - half)]])
            cut = cv2.warpAffine(frame, move, (SIDE, SIDE), borderValue=(110, 110, 110))
            found += [cut] * repeats
        if len(found) >= count:
            break
    return np.asarray(found, np.uint8).reshape(-1, SIDE, SIDE, 3)
