# It asks POSIX, which mypy does not find for Windows.
# mypy: disable-error-code="attr-defined"
from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moda.errors import BadSpeech
from moda.media.audio import RATE, Speech, load_speech
from moda.media.ffmpeg import Child
from tests.media.conftest import CODECS
from tests.sounds import write_wav


def tone(seconds: float, rate: int = RATE, hertz: float = 440.0, level: float = 0.5) -> np.ndarray:
    return (level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


@pytest.mark.parametrize("container", CODECS)
def test_every_container_gives_the_same_speech(container: str, sounds: dict[str, Path], sentence: Speech) -> None:
    speech = load_speech(sounds[container])
    assert speech.waveform.dtype == np.float32 and speech.waveform.ndim == 1
    assert abs(speech.seconds - sentence.seconds) < 0.06
    length = min(len(speech.waveform), len(sentence.waveform))
    ours, theirs = speech.waveform[:length], sentence.waveform[:length]
    # Lossy codecs change samples but must hardly shift them: by 2 ms at most, a twentieth of a video frame.
    lags = {lag: float(np.corrcoef(np.roll(ours, lag), theirs)[0, 1]) for lag in range(-160, 161, 2)}
    best = max(lags, key=lags.__getitem__)
    assert abs(best) <= 32 and lags[best] > 0.95
    assert speech.name == sounds[container].name


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000])
def test_resampling_keeps_a_tone_and_removes_what_would_alias(rate: int) -> None:
    heard = load_speech((rate, tone(1.0, rate, 1000.0))).waveform
    middle = slice(RATE // 4, 3 * RATE // 4)
    assert len(heard) == pytest.approx(RATE, abs=2)
    assert np.abs(heard[middle] - tone(1.0, RATE, 1000.0)[: len(heard)][middle]).max() < 2e-3
    if rate > 2 * 11000:
        mixed = tone(1.0, rate, 1000.0, 0.4) + tone(1.0, rate, 10_500.0, 0.4)
        spectrum = np.abs(np.fft.rfft(load_speech((rate, mixed)).waveform[middle] * np.hanning(RATE // 2)))
        assert spectrum[5500 // 2 - 20 : 5500 // 2 + 20].max() < 1e-3 * spectrum.max()  # 16000 - 10500


def test_array_types_of_a_microphone_agree() -> None:
    sound = tone(0.5)
    expected = load_speech((RATE, sound)).waveform
    stereo = np.stack([sound, sound], axis=1)
    for array in (
        (sound * 32768).round().astype(np.int16),
        (sound.astype(np.float64) * 2**31).round().astype(np.int32),
        ((sound + 1) * 32768).round().astype(np.uint16),
        stereo,
        stereo.T,
        sound.astype(np.float64),
    ):
        assert np.abs(load_speech((RATE, array)).waveform - expected).max() < 1e-4, (array.dtype, array.shape)


def test_file_and_array_agree(tmp_path: Path) -> None:
    sound = tone(0.7, 44100)
    path = write_wav(tmp_path / "a.wav", sound, 44100)
    from_file = load_speech(path).waveform
    from_array = load_speech((44100, (sound * 32767).round().astype(np.int16))).waveform
    assert len(from_file) == len(from_array)
    assert np.abs(from_file - from_array).max() < 1e-5
    assert load_speech(path.read_bytes()).digest == load_speech(path).digest


def test_overshoot_is_scaled_not_clipped() -> None:
    loud = load_speech((RATE, 3.0 * tone(0.5)))
    assert loud.peak == pytest.approx(1.0)
    assert np.abs(loud.waveform - 2 * tone(0.5)).max() < 1e-3


def test_frames_cover_the_speech() -> None:
    assert Speech.of(np.zeros(RATE)).frames() == 25
    assert Speech.of(np.zeros(RATE + 1)).frames() == 26
    assert Speech.of(np.zeros(RATE - 1)).frames() == 25
    assert Speech.of(np.zeros(RATE)).frames(30) == 30
    assert Speech.of(np.zeros(600 * RATE)).frames() == 15_000


def test_trim_is_exact_and_refuses_what_lies_outside() -> None:
    speech = Speech.of(np.arange(2 * RATE) / (2 * RATE))
    part = speech.trim(0.5, 1.5)
    assert np.array_equal(part.waveform, speech.waveform[RATE // 2 : RATE * 3 // 2])
    assert part.start == 0.5 and part.trim(0.25).start == 0.75
    assert part.digest != speech.digest
    for start, end in ((-1, None), (0, 5), (1.0, 1.1), (1.5, 0.5), (float("nan"), None)):
        with pytest.raises(BadSpeech):
            speech.trim(start, end)


def test_figures() -> None:
    speech = Speech.of(tone(1.0, level=0.5))
    assert speech.peak == pytest.approx(0.5, abs=1e-3)
    assert speech.level == pytest.approx(-9.03, abs=0.05)
    assert Speech.of(np.zeros(RATE)).level == -np.inf
    with pytest.raises(ValueError, match="read-only"):
        speech.waveform[0] = 1


def test_the_digest_is_that_of_the_waveform() -> None:
    assert Speech.of(tone(1)).digest == Speech.of(tone(1)).digest != Speech.of(tone(1, hertz=441)).digest


def refused(source: object, **limits: float) -> str:
    with pytest.raises(BadSpeech) as caught:
        load_speech(source, **limits)  # type: ignore[arg-type]
    sentence = str(caught.value)
    assert "\n" not in sentence and sentence.endswith(".") and len(sentence) < 250
    return sentence


def test_bad_files_are_refused_with_a_sentence(tmp_path: Path, clip: Path) -> None:
    assert "not found" in refused(tmp_path / "no.wav")
    (tmp_path / "empty.wav").write_bytes(b"")
    assert "empty" in refused(tmp_path / "empty.wav")
    assert "not a file" in refused(tmp_path)
    (tmp_path / "noise.mp3").write_bytes(np.random.default_rng(0).bytes(20_000))
    assert "damaged" in refused(tmp_path / "noise.mp3")
    (tmp_path / "text.wav").write_text("this is not sound at all\n" * 100)
    assert "not an audio" in refused(tmp_path / "text.wav")
    assert "no sound track" in refused(clip)
    assert "silent" in refused(write_wav(tmp_path / "silent.wav", np.zeros(RATE)))
    assert "0.10 s" in refused(write_wav(tmp_path / "short.wav", tone(0.1)))
    assert "choose an audio file" in refused(None)
    assert "choose an audio file" in refused("")
    assert "the limit is" in refused(write_wav(tmp_path / "big.wav", tone(2.0)), max_bytes=10_000)
    assert load_speech(tmp_path / "silent.wav", allow_silence=True).peak == 0.0


def test_a_header_without_samples_is_refused(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "cut.wav", tone(1.0))
    path.write_bytes(path.read_bytes()[:44])
    refused(path)


def test_two_hours_are_refused_without_being_decoded(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    write_wav(path, np.zeros(16))
    header = bytearray(path.read_bytes()[:44])
    size = 2 * 3600 * RATE * 2
    header[4:8] = (size + 36).to_bytes(4, "little")
    header[40:44] = size.to_bytes(4, "little")
    with path.open("wb") as file:  # a sparse file: it takes no space on the disk
        file.write(header)
        file.truncate(size + 44)
    before = os.times()
    assert "2 h 0 min" in refused(path)
    after = os.times()
    assert after.children_user + after.user - before.children_user - before.user < 1.0


def test_a_sound_that_hides_its_length_is_stopped_at_the_limit(sounds: dict[str, Path]) -> None:
    stream = sounds["mp3"].read_bytes()
    assert "limit" in refused(stream * 20, max_seconds=5.0)


@pytest.mark.parametrize(
    "pair",
    [
        (RATE, None),
        (RATE, np.zeros(0, np.int16)),
        (0, np.ones(RATE)),
        (RATE, np.full(RATE, np.nan)),
        (44100, np.full(44100, np.inf)),
        (RATE, np.array(["a", "b"])),
        ("x", np.ones(RATE)),
        (RATE, np.ones((4, 4, 4))),
    ],
)
def test_bad_arrays_are_refused(pair: tuple) -> None:
    refused(pair)


def test_playlists_cannot_open_other_files(tmp_path: Path) -> None:
    secret = write_wav(tmp_path / "secret.wav", tone(1.0))
    for name, text in (
        ("list.wav", f"ffconcat version 1.0\nfile '{secret.name}'\n"),
        ("list.mp3", f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{secret.as_uri()}\n#EXT-X-ENDLIST\n"),
        ("list.mp4", f"v=0\nc=IN IP4 127.0.0.1\nm=audio 5000 RTP/AVP 0\ni={secret}\n"),
    ):
        (tmp_path / name).write_text(text)
        refused(tmp_path / name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    assert "not a file" in refused(tmp_path / "pipe.wav")


def test_a_child_that_takes_too_long_is_killed() -> None:
    endless = ["-f", "lavfi", "-i", "anoisesrc", "-f", "null", "-"]
    with Child(endless, seconds=0.3) as child:
        assert child.wait(10) != 0
        assert child.timed_out


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_mutated_files_end_in_speech_or_a_sentence(data: st.DataObject, sounds: dict[str, Path]) -> None:
    name = data.draw(st.sampled_from(sorted(sounds)))
    content = bytearray(sounds[name].read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, min(len(content) - 1, 4000)))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(1, len(content)))
    try:
        speech = load_speech(bytes(content[:cut]))
    except BadSpeech as fault:
        assert str(fault).endswith(".")
    else:
        assert 0 < speech.peak <= 1.0


def test_real_recordings(shared_data: Path) -> None:
    for path in sorted((shared_data / "speech").glob("*.wav")):
        speech = load_speech(path)
        assert 5 < speech.seconds < 10 and speech.peak > 0.1
    assert load_speech(shared_data / "videos" / "d6.mp4").seconds == pytest.approx(33.6, abs=0.1)
