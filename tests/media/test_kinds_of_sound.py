"""What people hand in as speech, by kinds: late and broken tracks, several tracks, channels that cancel, wrong lengths.

Every kind is drawn at random from what recorders write; see tests/siblings.py for how many.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moda.errors import BadSpeech
from moda.media.audio import RATE, Speech, load_speech
from moda.media.decode import speech_score
from moda.media.ffmpeg import executable
from moda.media.sound_track import loudness
from moda.media.video import VideoWriter, probe
from tests.siblings import siblings
from tests.sounds import write_wav

CONTAINERS = {
    "mp4": ["aac", "libmp3lame", "alac"], "mov": ["aac", "pcm_s16le"], "mkv": ["aac", "flac", "libopus", "libvorbis"],
    "webm": ["libopus", "libvorbis"], "m4a": ["aac", "alac"],
}  # fmt: skip
RATES = (8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000)
OPUS_RATES = (8_000, 16_000, 48_000)


def talk(seconds: float, rate: int = RATE, seed: int = 0) -> np.ndarray:
    """Syllables of a voiced sound with pauses: speech as far as loudness over time goes."""
    generator = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    voice = sum(np.sin(2 * np.pi * 130 * k * time) / k for k in range(1, 12))
    shape = np.zeros(len(time))
    start = 0.05
    while start < seconds:
        length = generator.uniform(0.1, 0.22)
        inside = (time >= start) & (time < start + length)
        shape[inside] = np.sin(np.pi * (time[inside] - start) / length) ** 0.5 * generator.uniform(0.5, 1)
        start += length + generator.choice([0.03, 0.05, 0.3], p=[0.5, 0.3, 0.2])
    return (0.25 * voice * shape).astype(np.float32)


def ffmpeg(*arguments: object) -> None:
    command = [executable(), "-loglevel", "error", "-nostdin", "-y", *map(str, arguments)]
    subprocess.run(command, check=True, timeout=60)


def likeness(a: np.ndarray, b: np.ndarray) -> float:
    """Cosine between the loudness of two sounds over time."""
    one, other = loudness([a]), loudness([b])
    count = min(len(one), len(other))
    assert count >= max(len(one), len(other)) - 4
    one, other = one[:count], other[:count]
    return float(np.dot(one, other) / (np.linalg.norm(one) * np.linalg.norm(other) + 1e-12))


def written(speech: Speech, path: Path) -> Speech:
    """The sound of a finished video of this speech."""
    with VideoWriter(path, 25, (16, 16), speech, preset="ultrafast", threads=1) as video:
        for _ in range(speech.frames()):
            video.write(np.zeros((16, 16, 3), np.uint8))
    about = probe(path)
    assert about.frames == speech.frames() and abs(about.audio_seconds - about.seconds) < 0.05
    return load_speech(path, allow_silence=True)


def same(heard: Speech, video: Speech) -> bool:
    return likeness(heard.waveform, video.waveform) > 0.95 and abs(heard.level - video.level) < 4.0


@siblings
@given(data=st.data())
def test_late_and_broken_tracks_are_heard_and_written_where_they_are(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("late")
    container = data.draw(st.sampled_from(sorted(CONTAINERS)))
    codec = data.draw(st.sampled_from(CONTAINERS[container]))
    rate = data.draw(st.sampled_from(OPUS_RATES if codec == "libopus" else RATES))
    late = data.draw(st.sampled_from([0.0, 0.04, 0.3, 1.5, 4.0]))
    holes = [None, (0.4, 0.7), (0.9, 2.0)]
    hole = data.draw(st.sampled_from(holes if codec not in ("pcm_s16le", "alac") else holes[:1]))  # those keep no gaps
    channels = data.draw(st.sampled_from([1, 2]))
    sound = talk(2.4, rate, data.draw(st.integers(0, 99)))
    write_wav(folder / "a.wav", np.stack([sound] * channels, 1) if channels > 1 else sound, rate)
    picture = [] if container == "m4a" else ["-f", "lavfi", "-i", f"color=blue:s=32x32:r=25:d={late + 2.4}"]
    gap = (
        []
        if hole is None
        else ["-af", f"asetnsamples={rate // 100},aselect='not(between(t,{hole[0] + late},{hole[1] + late}))'"]
    )
    video = ["-c:v", "libvpx", "-b:v", "50k"] if container == "webm" else ["-c:v", "libx264", "-preset", "ultrafast"]
    source = folder / f"a.{container}"
    maps = ["-map", "0:a", *(["-map", "1:v", *video] if picture else [])]
    ffmpeg("-itsoffset", late, "-i", folder / "a.wav", *picture, *gap, *maps, "-c:a", codec, "-strict", "-2", source)
    heard = load_speech(source)
    expected = talk(2.4, RATE, 0)  # the same length at our rate, to lay the original into
    original = np.interp(np.arange(len(expected)) / RATE, np.arange(len(sound)) / rate, sound)
    if hole is not None:
        original[round(hole[0] * RATE) : round(hole[1] * RATE)] = 0.0
    shift = late if picture else 0.0  # a file of sound alone starts where its sound starts
    whole = np.concatenate([np.zeros(round(shift * RATE)), original])
    whole = np.pad(whole, (0, max(0, len(heard.waveform) - len(whole))))[: len(heard.waveform)]
    if picture or late == 0.0:
        coarse = hole is not None and rate < 16_000  # a packet lasts 128 ms there, and gaps begin between packets
        assert likeness(heard.waveform, whole) > (0.75 if coarse else 0.9)
    assert same(heard, written(heard, folder / "out.mp4"))


def test_a_track_that_starts_late_at_any_rate(tmp_path: Path) -> None:
    for rate in (22_050, 44_100):
        write_wav(tmp_path / "a.wav", talk(1.5, rate), rate)
        ffmpeg("-itsoffset", 1.5, "-i", tmp_path / "a.wav", "-f", "lavfi", "-i", "color=s=32x32:r=25:d=3",
               "-map", "0:a", "-map", "1:v", "-c:a", "aac", tmp_path / "a.mp4")  # fmt: skip
        heard = load_speech(tmp_path / "a.mp4")
        assert heard.seconds == pytest.approx(3.0, abs=0.1) and np.abs(heard.waveform[: int(1.4 * RATE)]).max() < 0.01
        for ending in (".mp4", ".webm", ".mov"):
            assert same(heard, written(heard, tmp_path / f"out{ending}"))


@pytest.mark.parametrize(("ending", "codec"), [("ts", "aac"), ("m2ts", "ac3"), ("mpg", "mp2")])
def test_a_late_track_of_a_transport_stream(ending: str, codec: str, tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", talk(1.5, 48_000), 48_000)
    ffmpeg("-itsoffset", 1.5, "-i", tmp_path / "a.wav", "-f", "lavfi", "-i", "color=s=64x64:r=25:d=3",
           "-map", "0:a", "-map", "1:v", "-c:v", "mpeg2video", "-c:a", codec, tmp_path / f"a.{ending}")  # fmt: skip
    heard = load_speech(tmp_path / f"a.{ending}")
    assert heard.seconds == pytest.approx(3.0, abs=0.15) and np.abs(heard.waveform[: int(1.4 * RATE)]).max() < 0.01


def test_a_sound_track_that_came_out_wrong_is_replaced_by_what_was_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The comparison itself: a filter that loses the sound (as one did) must not reach the video."""
    from moda.media import sound_track

    heard = load_speech(write_wav(tmp_path / "a.wav", talk(1.2, 44_100), 44_100))
    monkeypatch.setattr(sound_track, "channel_filter", lambda channel: "volume=0,")
    assert same(heard, written(heard, tmp_path / "out.mp4"))


@siblings
@given(data=st.data())
def test_the_track_with_speech_is_taken(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("tracks")
    rate = data.draw(st.sampled_from([16_000, 44_100, 48_000]))
    sound = talk(3.0, rate, data.draw(st.integers(0, 99)))
    time = np.arange(len(sound)) / rate
    others = {
        "silence": np.zeros(len(sound)),
        "hum": 0.2 * np.sin(2 * np.pi * 50 * time),
        "noise": 0.05 * np.random.default_rng(1).standard_normal(len(sound)),
        "chord": sum(0.08 * np.sin(2 * np.pi * f * time) for f in (220, 277, 330)) * (1 - 0.3 * (time % 1.0)),
    }
    kinds = data.draw(st.lists(st.sampled_from(sorted(others)), min_size=1, max_size=3))
    place = data.draw(st.integers(0, len(kinds)))
    tracks = [others[kind] for kind in kinds]
    tracks.insert(place, sound)
    container = data.draw(st.sampled_from(["mkv", "mp4", "mov"]))
    inputs: list[object] = []
    maps: list[object] = []
    for number, track in enumerate(tracks):
        inputs += ["-i", write_wav(folder / f"{number}.wav", track, rate)]
        maps += ["-map", f"{number}:a"]
    ffmpeg(*inputs, *maps, "-c:a", "aac", folder / f"a.{container}")
    heard = load_speech(folder / f"a.{container}")
    assert heard.track == place
    assert same(heard, written(heard, folder / "out.mp4"))


@siblings
@given(
    balance=st.sampled_from([-1.0, -0.95, -0.85, -1.1]), rate=st.sampled_from(RATES), seed=st.integers(0, 99),
    noise=st.sampled_from([0.0, 0.002]), codec=st.sampled_from(["wav", "flac", "m4a", "mp3"]),
)  # fmt: skip
def test_channels_that_cancel_each_other_are_heard(
    balance: float, rate: int, seed: int, noise: float, codec: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("anti")
    sound = talk(1.6, rate, seed)
    pair = np.stack([sound, balance * sound], 1)
    pair += noise * np.random.default_rng(seed).standard_normal(pair.shape)
    write_wav(folder / "a.wav", np.clip(pair, -1, 1), rate)
    if codec != "wav":
        ffmpeg("-i", folder / "a.wav", folder / f"a.{codec}")
    heard = load_speech(folder / f"a.{codec}")
    assert heard.channel in (0, 1)
    assert abs(heard.level - Speech.of(talk(1.6, RATE, seed)).level) < 2.0
    assert same(heard, written(heard, folder / "out.mp4"))
    from_array = load_speech((rate, pair))
    assert abs(from_array.level - heard.level) < 2.0


def test_ordinary_stereo_is_mixed(tmp_path: Path) -> None:
    sound, other = talk(1.5, 44_100, 1), talk(1.5, 44_100, 2)
    for pair in ((sound, sound), (sound, 0 * sound), (0 * sound, sound), (sound, other), (sound, 0.1 * sound)):
        assert load_speech(write_wav(tmp_path / "a.wav", np.stack(pair, 1), 44_100)).channel is None
    one = np.zeros((len(sound), 6))
    one[:, 2] = sound
    assert load_speech(write_wav(tmp_path / "b.wav", one, 44_100)).level > Speech.of(talk(1.5, RATE, 1)).level - 12


@siblings
@given(
    quiet=st.floats(2.0, 8.0), loud=st.floats(1.0, 6.0), rate=st.sampled_from([16_000, 44_100, 48_000]),
    ending=st.sampled_from(["aac", "mp3", "ac3", "amr", "ogg", "wav"]),
)  # fmt: skip
def test_lengths_are_counted_not_believed(
    quiet: float, loud: float, rate: int, ending: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("length")
    rate = 8_000 if ending == "amr" else 48_000 if ending == "ac3" else rate
    sound = np.concatenate([np.zeros(round(quiet * rate)), talk(loud, rate)])
    write_wav(folder / "a.wav", sound, rate)
    options: dict[str, list[object]] = {"aac": ["-c:a", "aac", "-f", "adts"], "mp3": ["-write_xing", 0, "-q:a", 3],
                                        "amr": ["-c:a", "libopencore_amrnb"]}  # fmt: skip
    path = folder / f"a.{ending}"
    if ending != "wav":
        ffmpeg("-i", folder / "a.wav", *options.get(ending, []), path)
    else:  # as a recorder leaves it that was switched off: the size is not filled in
        content = bytearray(path.read_bytes())
        content[4:8] = content[40:44] = b"\xff\xff\xff\xff"
        path.write_bytes(content)
    seconds = len(sound) / rate
    assert load_speech(path, max_seconds=seconds + 1.0).seconds == pytest.approx(seconds, abs=0.15)
    with pytest.raises(BadSpeech, match="limit"):
        load_speech(path, max_seconds=seconds - 1.5)


def test_chapters_and_titles_of_the_speech_stay_out_of_the_video(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", talk(2.0))
    (tmp_path / "about.txt").write_text(
        ";FFMETADATA1\ntitle=A book\nartist=Somebody\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1000\ntitle=One\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=1000\nEND=2000\ntitle=Two\n",
        encoding="utf-8",
    )
    ffmpeg(
        "-i", tmp_path / "a.wav", "-i", tmp_path / "about.txt", "-map_metadata", 1, "-c:a", "aac", tmp_path / "a.m4b"
    )
    speech = load_speech(tmp_path / "a.m4b")
    for ending in (".mp4", ".webm", ".mov"):
        written(speech, tmp_path / f"out{ending}")
        log = subprocess.run([executable(), "-i", tmp_path / f"out{ending}"], capture_output=True).stderr.decode()
        assert "Chapter" not in log and "A book" not in log and "Somebody" not in log and log.count("Stream #") == 2


def test_talk_scores_above_music_and_hum(shared_data: Path) -> None:
    time = np.arange(10 * RATE) / RATE
    hum = (0.3 * np.sin(2 * np.pi * 50 * time)).astype(np.float32)
    for path in sorted((shared_data / "open_speech").glob("*.wav"))[:12]:
        assert speech_score(load_speech(path).waveform) > 1.5 * speech_score(hum)


@pytest.mark.parametrize(
    ("name", "limit", "seconds", "track"),
    [("sound_starts_late_44k.mp4", 60, 4.1, 0), ("two_tracks_first_silent.mp4", 60, 2.6, 1),
     ("antiphase.wav", 60, 2.6, 0), ("adts_56s.aac", 60, 56.1, 0), ("chapters.m4b", 60, 2.6, 0),
     ("speech_as_video.mp4", 60, 2.6, 0)],
)  # fmt: skip
def test_reported_files(name: str, limit: float, seconds: float, track: int, shared_data: Path, tmp_path: Path) -> None:
    heard = load_speech(shared_data / "reports" / name, max_seconds=limit)
    assert heard.seconds == pytest.approx(seconds, abs=0.15) and heard.track == track and heard.level > -30
    assert same(
        heard, written(heard.trim(0, min(5.0, heard.seconds)) if limit < heard.seconds else heard, tmp_path / "o.mp4")
    )
