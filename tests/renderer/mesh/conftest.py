"""Two public-domain portraits, prepared once, and a way to ask for actions by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from moda.motion.actions import ACTIONS, INDEX, write_actions
from moda.motion.space import Motion, neutral_reference
from moda.portrait.portrait import Portrait, open_portrait
from moda.renderer.mesh.renderer import MeshRenderer, Prepared

POSE = {"pitch": 67, "yaw": 68, "roll": 69}


@dataclass(frozen=True)
class Sitter:
    portrait: Portrait
    prepared: Prepared
    renderer: MeshRenderer

    def motion(self, *frames: dict[str, float]) -> Motion:
        """A motion with one frame per dict of action and relative pose values; what is not named is at rest."""
        rest = np.zeros(len(ACTIONS))
        rest[INDEX["jaw_open"]] = self.portrait.rest.gap / 0.30
        reference = neutral_reference(*self.portrait.pose)
        reference[:63] = write_actions(rest[None])[0]
        rows = []
        for wanted in frames:
            values, row = rest.copy(), reference.copy()
            for name, value in wanted.items():
                if name in POSE:
                    row[POSE[name]] += value
                else:
                    values[INDEX[name]] = value
            row[:63] = write_actions(values[None])[0]
            rows.append(row)
        return Motion(np.array(rows), reference=reference)

    def render(self, *frames: dict[str, float], **options: object) -> list[np.ndarray]:
        return list(self.renderer.frames(self.prepared, self.motion(*frames), **options))  # type: ignore[arg-type]


def sit(path: Path) -> Sitter:
    portrait = open_portrait(path)
    renderer = MeshRenderer()
    return Sitter(portrait, renderer.prepare(portrait, breathing=False), renderer)


@pytest.fixture(scope="session")
def astronaut() -> Sitter:
    """An open smile, no glasses (NASA, public domain, comes with scikit-image)."""
    import skimage

    return sit(Path(skimage.__file__).parent / "data" / "astronaut.png")


@pytest.fixture(scope="session")
def hopper() -> Sitter:
    """Lips closed, glasses (US Navy, public domain, comes with matplotlib)."""
    import matplotlib

    return sit(Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg")


@pytest.fixture(scope="session")
def track() -> Callable[[np.ndarray], np.ndarray]:
    """Landmarks (478, 3) of the face in a rendered frame."""
    from moda.portrait.mediapipe_graphs import mesh_landmarks

    def find(frame: np.ndarray) -> np.ndarray:
        found = mesh_landmarks(frame)
        assert found, "no face in the rendered frame"
        return found[0]

    return find
