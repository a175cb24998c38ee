"""Follow one face through a video: landmarks, head pose, lips, eyes and brows of every frame."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from moda.errors import BadVideo
from moda.media.footage import MAX_SECONDS, read_frames
from moda.portrait import mediapipe_graphs
from moda.portrait.canonical import fit_pose
from moda.portrait.crop import square
from moda.portrait.faces import find_all
from moda.portrait.measures import brow_height, eye_openness, lip_gap, mouth_width, smile_corner

WORK_SIDE = 720
"""Longest side in pixels at which frames are analysed."""
SEARCH_EVERY = 6
"""While no face is in sight, only every so many frames are searched."""
LONG_GAP = 0.5
"""Seconds; a shorter time without a face is interpolated and counts as found."""
REGION = 7.0
"""Side, in IOD, of the square in which a face is followed; it stays put while the face stays well inside it."""


@dataclass(frozen=True)
class Track:
    """One face over T frames. Lengths in IOD = distance of the eye centres; sides are those of the picture."""

    fps: float
    size: tuple[int, int]
    """(width, height) of the frames in which the landmarks are given."""
    landmarks: np.ndarray
    """(T, 478, 3) float32 px; interpolated or held where `found` is False."""
    found: np.ndarray
    """(T,) bool: a face was seen, or lost for less than `LONG_GAP`."""
    pose: np.ndarray
    """(T, 3) float32 degrees: pitch (+ down), yaw (+ nose to image left), roll (+ clockwise)."""
    scale: np.ndarray
    """(T,) float32: size of the face, 1 = its median."""
    translation: np.ndarray
    """(T, 2) float32 IOD: eye midpoint relative to its median; x right, y down."""
    iod: float
    """Median pixels per IOD in the frames."""
    gap: np.ndarray
    """(T,) float32: inner-lip opening."""
    mouth_width: np.ndarray
    """(T,) float32."""
    smile: np.ndarray
    """(T,) float32: mouth corners above the middle of the lips."""
    eyes: np.ndarray
    """(T, 2) float32: height over width of the image-left and image-right eye."""
    brows: np.ndarray
    """(T, 2) float32: brow height above the eye."""

    @property
    def frames(self) -> int:
        """T."""
        return len(self.found)


class _Follower:
    """Follows the largest face from frame to frame inside a square cut, and finds it again when it is lost."""

    def __init__(self) -> None:
        self._graph = mediapipe_graphs.video_mesh()
        self._centre = np.zeros(2)
        self._scale = 0.0  # px per IOD when the square was laid; 0 = none yet
        self._wait = 0  # frames until the whole picture is searched again

    def step(self, frame: np.ndarray) -> np.ndarray | None:
        """Landmarks (478, 3) px of the face in the next frame, or None."""
        points = self._look(frame) if self._scale else None
        if points is None:
            # A face hidden for a moment comes back in the same square, where the graph keeps looking for it;
            # after a cut it may be anywhere, so the whole frame is searched at once and then now and again.
            self._wait -= 1
            if self._wait >= 0 or not self._search(frame):
                return None
            # The first look is laid by the detector, the second by the landmarks, as all that follow.
            self._look(frame)
            points = self._look(frame)
            if points is None:
                return None
        self._wait = 0
        pose = fit_pose(points)
        away = np.abs(pose.translation[:2] - self._centre).max() / self._scale
        if away > 0.3 * REGION or not 0.6 < pose.scale / self._scale < 1.5:
            self._lay(pose.translation[:2], pose.scale)
        return points

    def _look(self, frame: np.ndarray) -> np.ndarray | None:
        cut, (factor, x0, y0) = square(frame, self._centre, REGION * self._scale, 640)
        seen = mediapipe_graphs.video_landmarks(self._graph, cut)
        if seen is None:
            return None
        points: np.ndarray = (seen / factor + np.array([x0, y0, 0])).astype(np.float32)
        return points

    def _search(self, frame: np.ndarray) -> bool:
        faces = find_all(frame, limit=4, every=False)
        good = [face for face in faces if face.human] or [face for face in faces if face.score > 0.6]
        if not good:
            self._wait = SEARCH_EVERY
            return False
        pose = fit_pose(good[0].landmarks)
        self._lay(pose.translation[:2], pose.scale)
        return True

    def _lay(self, eyes: np.ndarray, scale: float) -> None:
        """Lay a new square; the graph remembers places in the old one, so it starts afresh as well."""
        self._centre, self._scale = np.asarray(eyes, np.float64) + np.array([0.0, 0.42 * scale]), float(scale)
        self._graph.close()
        self._graph = mediapipe_graphs.video_mesh()

    def close(self) -> None:
        self._graph.close()


def track_frames(
    frames: Iterable[np.ndarray],
    fps: float = 25.0,
    on_frame: Callable[[int], None] | None = None,
    name: str = "The video",
) -> Track:
    """Follow the largest face through `frames` (H, W, 3) uint8 RGB, all of one size.

    Args:
        frames: any iterable; read once, never held.
        fps: their rate.
        on_frame: called with the number of frames done (raise from it to cancel).
        name: how error sentences call the source.

    Raises:
        BadVideo: fewer than 2 frames, or no face in more than half of them.
    """
    follower = _Follower()
    seen: list[np.ndarray | None] = []
    size = (0, 0)
    try:
        for frame in frames:
            size = (frame.shape[1], frame.shape[0])
            seen.append(follower.step(frame))
            if on_frame is not None:
                on_frame(len(seen))
    finally:
        follower.close()
    if len(seen) < 2:
        raise BadVideo(f"{name} has only {len(seen)} frame; please give a clip of at least one second.")
    there = np.array([points is not None for points in seen])
    if not there.any():
        raise BadVideo(f"{name} shows no face; please give one that shows a face clearly from the front.")
    if there.mean() < 0.5:
        raise BadVideo(
            f"{name} shows a face in only {100 * there.mean():.0f} % of its frames; please give one in which the "
            "face stays in sight."
        )
    landmarks, found = _fill(seen, there, max(round(LONG_GAP * fps), 1))
    return _measure(landmarks, found, fps, size)


def track_video(
    path: str | Path,
    max_seconds: float | None = 120.0,
    fps: float = 25.0,
    on_frame: Callable[[int], None] | None = None,
) -> Track:
    """Follow the largest face through a video file, resampled to `fps`.

    Raises:
        BadVideo: missing, unreadable, no pictures, a single frame, or no face.
    """
    frames = read_frames(path, fps, WORK_SIDE, seconds=max_seconds, max_seconds=max_seconds or MAX_SECONDS)
    return track_frames(frames, fps, on_frame, f"The video {Path(path).name!r}")


def _fill(seen: list[np.ndarray | None], there: np.ndarray, longest: int) -> tuple[np.ndarray, np.ndarray]:
    """Interpolate where no face was seen; gaps up to `longest` frames inside the clip then count as found."""
    count = len(seen)
    known = np.flatnonzero(there)
    stack = np.stack([points for points in seen if points is not None])
    landmarks = np.empty((count, *stack.shape[1:]), np.float32)
    landmarks[known] = stack
    found = there.copy()
    for i in np.flatnonzero(~there):
        after = int(np.searchsorted(known, i))
        if after == 0 or after == len(known):
            landmarks[i] = stack[min(after, len(known) - 1)]
            continue
        a, b = int(known[after - 1]), int(known[after])
        share = (i - a) / (b - a)
        landmarks[i] = (1 - share) * stack[after - 1] + share * stack[after]
        found[i] = b - a - 1 <= longest
    return landmarks, found


def _measure(landmarks: np.ndarray, found: np.ndarray, fps: float, size: tuple[int, int]) -> Track:
    poses = [fit_pose(points) for points in landmarks]
    scale = np.array([pose.scale for pose in poses], np.float32)
    iod = float(np.median(scale[found]))
    place = np.stack([pose.translation[:2] for pose in poses])
    return Track(
        fps=float(fps),
        size=size,
        landmarks=landmarks,
        found=found,
        pose=np.stack([pose.angles for pose in poses]),
        scale=scale / np.float32(iod),
        translation=((place - np.median(place[found], axis=0)) / iod).astype(np.float32),
        iod=iod,
        gap=lip_gap(landmarks),
        mouth_width=mouth_width(landmarks),
        smile=smile_corner(landmarks),
        eyes=eye_openness(landmarks),
        brows=brow_height(landmarks),
    )
