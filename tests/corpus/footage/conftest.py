"""A talking video made here: a public-domain portrait, spoken by espeak-ng, moved by the corpus's own performer."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from moda.corpus.synthetic.articulation import articulate
from moda.corpus.synthetic.behaviour import perform
from moda.corpus.synthetic.styles import IDENTITY_MEAN, colour, habits
from moda.corpus.synthetic.voices import Espeak
from moda.media.audio import Speech
from moda.media.video import VideoWriter
from moda.motion.actions import INDEX, write_actions
from moda.motion.space import Motion, neutral_reference
from moda.portrait.portrait import Portrait, open_portrait
from moda.renderer.mesh.renderer import MeshRenderer

TEXT = "Maybe Bob moved the paper over to my mother, and papa bought a map of Panama."
RATE = 16_000


@dataclass(frozen=True)
class Talk:
    """A video and what is truly done in it: action values (T, A) and pose (T, 7) at 25 fps."""

    path: Path
    values: np.ndarray
    pose: np.ndarray
    speech: Speech


@pytest.fixture(scope="session")
def sitter() -> Portrait:
    return open_portrait(str(files("skimage") / "data" / "astronaut.png"))


@pytest.fixture(scope="session")
def talk(tmp_path_factory: pytest.TempPathFactory, sitter: Portrait) -> Talk:
    said = Espeak().speak(TEXT, "en-us", rate=150)
    frames = min(int(len(said.waveform) / RATE * 25), 100)
    heard = articulate(said.phones, frames)
    rest = np.zeros(7, np.float32)
    rest[0], rest[4:7] = neutral_reference()[63], sitter.pose
    person = habits(IDENTITY_MEAN)
    values, pose = perform(heard, colour(np.eye(9, dtype=np.float32)[8]), person, rest, np.random.default_rng(2))
    values[:, INDEX["gaze_x"]] *= 2.0  # in so short a clip a person may hardly look aside
    array = np.tile(neutral_reference(*sitter.pose), (frames, 1))
    array[:, :63], array[:, 63:] = write_actions(values), pose
    motion = Motion(array, reference=neutral_reference(*sitter.pose))
    renderer = MeshRenderer()
    path = tmp_path_factory.mktemp("talk") / "talk.mp4"
    speech = Speech.of(said.waveform[: frames * RATE // 25] * np.float32(0.5))
    with VideoWriter(path, 25.0, (320, 320), speech, frames=frames) as video:
        for frame in renderer.frames(renderer.prepare(sitter), motion, size=320):
            video.write(frame)
    return Talk(path, values, pose, speech)
