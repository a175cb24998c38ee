from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from moda.errors import BadVideo
from moda.media.ffmpeg import executable
from moda.media.output import open_writer
from moda.media.provenance import STATEMENT, made_by
from moda.media.verify import verify
from moda.settings import Settings


@pytest.mark.parametrize("name", ["a.mp4", "a.webm", "a.mov", "a.gif", "a.webp", "frames"])
def test_every_format_says_what_it_is(name: str, tmp_path: Path) -> None:
    settings = Settings(seed=7)
    about = made_by("moda-lite", "mesh", settings, "joe <é漢> & co")
    with open_writer(tmp_path / name, 25, (64, 48), None, about, frames=3) as video:
        for shade in (0, 90, 180):
            video.write(np.full((48, 64, 3), shade, np.uint8))
    found = verify(tmp_path / name)
    assert found.ours and found.comment == STATEMENT
    assert found.record["model"] == "moda-lite" and found.record["seed"] == 7
    assert found.record["settings"] == settings.digest() and found.record["voice"] == "joe <é漢> & co"
    assert found.record["synthetic_voice"] is True
    assert "AI-generated with MoDA Studio" in found.sentence() and "voice is synthetic: joe" in found.sentence()
    assert found.as_dict()["says_ai_generated"] is True


def test_a_recording_has_no_synthetic_voice() -> None:
    assert "voice" not in made_by("moda-lite", "mesh", Settings())


def test_a_converted_file_says_nothing_and_that_is_told(tmp_path: Path) -> None:
    with open_writer(tmp_path / "a.mp4", 25, (64, 48), None, {"seed": 1}, frames=3) as video:
        for _ in range(3):
            video.write(np.zeros((48, 64, 3), np.uint8))
    convert = ["-i", tmp_path / "a.mp4", "-map_metadata", "-1", "-c", "copy", tmp_path / "b.mp4"]
    subprocess.run([executable(), "-loglevel", "error", *convert], check=True)
    found = verify(tmp_path / "b.mp4")
    assert not found.ours and found.record == {} and "proves nothing" in found.sentence()
    Image.new("RGB", (32, 32)).save(tmp_path / "c.png")
    assert not verify(tmp_path / "c.png").ours


def test_what_is_no_video_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    (tmp_path / "text.mp4").write_text("hello", encoding="utf-8")
    for name in ("none.mp4", "empty", "bad.png", "text.mp4"):
        with pytest.raises(BadVideo) as caught:
            verify(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_a_spoken_text_says_so_as_a_file_and_in_the_video_that_is_made_of_it(tmp_path: Path) -> None:
    from moda.media.audio import Speech, load_speech
    from moda.media.output import write_wav

    tone = 0.3 * np.sin(np.arange(16_001) / 9)
    write_wav(Speech.of(tone, voice="joe é"), tmp_path / "a.wav")
    heard = load_speech(tmp_path / "a.wav")
    assert heard.voice == "joe é" and len(heard.waveform) == 16_001
    assert verify(tmp_path / "a.wav").record["voice"] == "joe é"
    write_wav(Speech.of(tone), tmp_path / "b.wav")
    assert load_speech(tmp_path / "b.wav").voice == ""
    with pytest.raises(BadVideo):
        verify(tmp_path / "b.wav")
