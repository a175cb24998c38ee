"""A real head, a short speech, another system's video, and one comparison that many tests look at."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from moda.compare.manifest import Request
from moda.compare.run import Comparison, compare
from moda.compare.variants import parse_vary
from moda.media.audio import RATE, Speech
from moda.media.output import write_wav
from moda.media.speak import speak
from moda.media.video import VideoWriter
from moda.pipeline import TalkingHead
from tests.compare.inputs import BASE, LATE


@pytest.fixture(scope="session")
def head() -> TalkingHead:
    return TalkingHead.load("moda-lite", "mesh", "cpu")


@pytest.fixture(scope="session")
def portrait_file() -> Path:
    return Path(str(files("skimage") / "data" / "astronaut.png"))


@pytest.fixture(scope="session")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Speech:
    """1.2 s; read back from a file, so that everybody hears the same samples."""
    from moda.media.audio import load_speech

    path = tmp_path_factory.mktemp("speech") / "speech.wav"
    return load_speech(write_wav(speak("Good morning everybody.", "en-us+f2", offline=True).trim(0, 1.2), path))


@pytest.fixture(scope="session")
def other_video(tmp_path_factory: pytest.TempPathFactory, speech: Speech, portrait_file: Path) -> Path:
    """A still of the portrait, wide, that starts to speak 0.37 s late, quieter and with a little noise."""
    from PIL import Image

    path = tmp_path_factory.mktemp("other") / "theirs.mp4"
    noise = np.random.default_rng(0).normal(0, 0.003, round((LATE + speech.seconds + 0.3) * RATE))
    start = round(LATE * RATE)
    noise[start : start + len(speech.waveform)] += 0.5 * speech.waveform
    picture = np.zeros((240, 320, 3), np.uint8)
    picture[:, 40:280] = np.asarray(Image.open(portrait_file).convert("RGB").crop((90, 0, 330, 240)))
    sound = Speech.of(noise.astype(np.float32))
    with VideoWriter(path, 30.0, (320, 240), sound, frames=sound.frames(30.0)) as video:
        for index in range(sound.frames(30.0)):
            frame = picture.copy()
            frame[:, :40] = 4 * index  # the left edge says which frame it is
            video.write(frame)
    return path


@pytest.fixture(scope="session")
def made(
    tmp_path_factory: pytest.TempPathFactory, head: TalkingHead, speech: Speech, portrait_file: Path,
    other_video: Path,
) -> Comparison:  # fmt: skip
    assert speech.source is not None
    request = Request(parse_vary(["steps=1,3"]), BASE, {"theirs": other_video}, measure="motion", at="0.3,0.9")
    return compare(head, portrait_file, speech.source, request, tmp_path_factory.mktemp("made"))
