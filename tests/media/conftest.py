"""Speech made by the offline voice, in every container that people upload."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from moda.media.audio import Speech
from moda.media.ffmpeg import executable
from moda.media.speak import speak
from moda.media.video import VideoWriter

CODECS = {
    "wav": ["-ar", "44100", "-ac", "2"],
    "flac": ["-ar", "48000"],
    "mp3": ["-ar", "44100", "-b:a", "160k"],
    "m4a": ["-c:a", "aac", "-ar", "44100", "-b:a", "160k"],
    "ogg": ["-c:a", "libvorbis", "-ar", "44100"],
    "webm": ["-c:a", "libopus", "-b:a", "96k"],
    "mp4": ["-f", "lavfi", "-i", "color=red:s=64x48:r=30", "-shortest", "-c:a", "aac", "-c:v", "libx264"],
}


@pytest.fixture(scope="session")
def sentence() -> Speech:
    return speak("The quick brown fox jumps over the lazy dog.", "en-us+f2", offline=True)


@pytest.fixture(scope="session")
def sounds(tmp_path_factory: pytest.TempPathFactory, sentence: Speech) -> dict[str, Path]:
    """The sentence in each container of CODECS."""
    folder = tmp_path_factory.mktemp("sounds")
    raw = folder / "sentence.f32"
    raw.write_bytes(sentence.waveform.tobytes())
    made = {}
    for name, options in CODECS.items():
        made[name] = folder / f"a sentence.{name}"
        source = ["-f", "f32le", "-ar", "16000", "-ac", "1", "-i", str(raw)]
        subprocess.run(
            [executable(), "-loglevel", "error", "-nostdin", *source, *options, str(made[name])],
            check=True,
            timeout=60,
        )
    return made


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A silent video of 50 frames, 64 x 48, whose brightness rises by 4 a frame."""
    import numpy as np

    path = tmp_path_factory.mktemp("clip") / "rising.mp4"
    with VideoWriter(path, 25, (64, 48)) as video:
        for index in range(50):
            video.write(np.full((48, 64, 3), 20 + 4 * index, np.uint8))
    return path
