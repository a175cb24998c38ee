"""MediaPipe's face graphs, loaded once, quickly and quietly.

The wheel's own ``import mediapipe`` pulls in matplotlib, sounddevice and the whole tasks package (0.8 s, 440
modules). Only four small modules are needed here, so the package shells are put in place by hand and the rest is
never imported. Its C++ side logs to file descriptor 2 before any Python setting can reach it, hence `_quiet`.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.util
import os
import sys
import threading
import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from moda.errors import InstallationIncomplete

_SHELLS = ("mediapipe", "mediapipe.python", "mediapipe.python.solutions")
_LOCK = threading.RLock()


@dataclass(frozen=True)
class Detection:
    """One detector answer: box (x0, y0, x1, y1) in pixels of the picture it was given, score 0..1."""

    box: tuple[float, float, float, float]
    score: float


def _solution(name: str) -> types.ModuleType:
    """Import one of MediaPipe's solution modules without the rest of the package."""
    os.environ.setdefault("GLOG_minloglevel", "2")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if "mediapipe" not in sys.modules:
        for shell in _SHELLS:
            spec = importlib.util.find_spec(shell)
            if spec is None:
                raise InstallationIncomplete("mediapipe 0.10.21 is not installed; please install the package again.")
            # The package as it is, only without running its __init__, which would import everything.
            sys.modules[shell] = importlib.util.module_from_spec(spec)
        sys.modules["mediapipe"].solutions = sys.modules[_SHELLS[2]]  # type: ignore[attr-defined]
    return importlib.import_module(f"mediapipe.python.solutions.{name}")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Send file descriptor 2 to nowhere for a moment (C++ start-up chatter that no setting silences)."""
    try:
        sys.stderr.flush()
        saved = os.dup(2)
    except (OSError, AttributeError):
        yield
        return
    sink = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(sink)


class _Graph:
    """One MediaPipe graph: built on first use, one call at a time, silent while it warms up."""

    def __init__(self, module: str, kind: str, **options: Any) -> None:
        self._module, self._kind, self._options = module, kind, options
        self._solver: Any = None
        self._warm = False

    def process(self, image: np.ndarray) -> Any:
        with _LOCK:
            if self._warm:
                return self._solver.process(image)
            with _quiet():
                if self._solver is None:
                    self._solver = getattr(_solution(self._module), self._kind)(**self._options)
                answer = self._solver.process(image)
            # The last start-up warning comes with the first face, so stay quiet until one was seen.
            fields = ("multi_face_landmarks", "detections", "segmentation_mask")
            self._warm = any(getattr(answer, name, None) is not None for name in fields)
            return answer

    def close(self) -> None:
        with _LOCK:
            if self._solver is not None:
                self._solver.close()
                self._solver = None


@functools.cache
def _mesh(faces: int) -> _Graph:
    return _Graph(
        "face_mesh",
        "FaceMesh",
        static_image_mode=True,
        max_num_faces=faces,
        refine_landmarks=True,
        min_detection_confidence=0.3,
    )


@functools.cache
def _detector(full_range: bool) -> _Graph:
    return _Graph("face_detection", "FaceDetection", min_detection_confidence=0.2, model_selection=int(full_range))


@functools.cache
def _selfie() -> _Graph:
    return _Graph("selfie_segmentation", "SelfieSegmentation", model_selection=0)


def _pixels(answer: Any, width: int, height: int) -> np.ndarray:
    """MediaPipe's landmark list -> (478, 3) float32 in pixels; z is on the scale of x, away from the viewer."""
    points = np.array([(p.x, p.y, p.z) for p in answer.landmark], np.float32)
    return points * np.array([width, height, width], np.float32)


def mesh_landmarks(image: np.ndarray, faces: int = 1) -> list[np.ndarray]:
    """Refined face meshes in `image` (H, W, 3) uint8 RGB, without tracking.

    Returns a list of (478, 3) float32 arrays in pixels: x right, y down, z away, z on the scale of x.
    """
    answer = _mesh(faces).process(np.ascontiguousarray(image))
    height, width = image.shape[:2]
    return [_pixels(face, width, height) for face in answer.multi_face_landmarks or []]


def detect(image: np.ndarray, full_range: bool = False) -> list[Detection]:
    """Faces in `image` (H, W, 3) uint8 RGB. The short-range network wants faces above about a sixth of the
    picture, the full-range one finds smaller ones."""
    answer = _detector(full_range).process(np.ascontiguousarray(image))
    height, width = image.shape[:2]
    found = []
    for detection in answer.detections or []:
        box = detection.location_data.relative_bounding_box
        x, y = box.xmin * width, box.ymin * height
        corners = (x, y, x + box.width * width, y + box.height * height)
        found.append(Detection(corners, float(detection.score[0])))
    return found


def person_mask(image: np.ndarray) -> np.ndarray:
    """Probability (H, W) float32 that a pixel of `image` (H, W, 3) uint8 RGB belongs to a person."""
    answer = _selfie().process(np.ascontiguousarray(image))
    return np.array(answer.segmentation_mask, np.float32)


def video_mesh() -> Any:
    """A fresh mesh graph that follows one face from frame to frame; call `.process(frame)`, then `.close()`."""
    return _Graph(
        "face_mesh",
        "FaceMesh",
        static_image_mode=False,
        max_num_faces=1,
        refine_landmarks=True,
        min_detection_confidence=0.3,
        min_tracking_confidence=0.3,
    )


def video_landmarks(graph: Any, frame: np.ndarray) -> np.ndarray | None:
    """Landmarks (478, 3) px of the face `graph` (see `video_mesh`) follows in `frame`, or None."""
    answer = graph.process(np.ascontiguousarray(frame))
    if not answer.multi_face_landmarks:
        return None
    return _pixels(answer.multi_face_landmarks[0], frame.shape[1], frame.shape[0])
