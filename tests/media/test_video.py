# It asks POSIX, which mypy does not find for Windows.
# mypy: disable-error-code="attr-defined"
from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

from moda.errors import BadSetting, BadVideo, OutputFailed
from moda.media.atomic import remove_leftovers
from moda.media.audio import Speech, load_speech
from moda.media.provenance import STATEMENT, record_of
from moda.media.video import VideoWriter, probe, read_frames
from tests.sounds import write_wav

REPOSITORY = Path(__file__).resolve().parents[2]


def moving(index: int, height: int = 48, width: int = 64) -> np.ndarray:
    frame = np.full((height, width, 3), 60, np.uint8)
    frame[:, index % width] = (200, 40, 40)
    return frame


def write(path: Path, count: int, audio: object = None, size: tuple[int, int] = (64, 48), **more: object) -> Path:
    with VideoWriter(path, 25, size, audio, **more) as video:  # type: ignore[arg-type]
        for index in range(count):
            video.write(moving(index, size[1], size[0]))
    return path


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    path = tmp_path / "new %d folder" / "-o;'ü' [%03d].mp4"
    frames = [np.full((64, 96, 3), (20 * index, 250 - 20 * index, 128), np.uint8) for index in range(10)]
    with VideoWriter(path, 25, (96, 64)) as video:
        buffer = np.empty_like(frames[0])
        for frame in frames:
            buffer[:] = frame  # the caller reuses one array
            video.write(buffer)
    read = list(read_frames(path))
    assert len(read) == 10
    for expected, got in zip(frames, read):
        assert got.shape == expected.shape
        assert np.abs(got.astype(int) - expected).mean() < 4
    assert [item.name for item in path.parent.iterdir()] == [path.name]


def test_a_gpu_encodes_where_one_can() -> None:
    """The arguments differ in the encoder alone; whether it works is tried, and never taken from a list."""
    from fractions import Fraction

    from moda.media.encoding import encode, nvenc_works
    from moda.media.formats import MP4, WEBM

    plain = encode(MP4, (256, 256), Fraction(25), False, 19, "veryfast", 0)
    fast = encode(MP4, (256, 256), Fraction(25), False, 19, "veryfast", 0, gpu=True)
    codec = plain.index("-c:v")
    assert fast[:codec] == plain[:codec] and fast[fast.index("-c:v") + 1] == "h264_nvenc"
    assert fast[fast.index("-bf") + 1] == "0" and "-crf" not in fast and fast[fast.index("-cq") + 1] == "19"
    assert encode(WEBM, (256, 256), Fraction(25), False, 19, "veryfast", 0, gpu=True) == encode(
        WEBM, (256, 256), Fraction(25), False, 19, "veryfast", 0
    )
    assert nvenc_works() in (True, False)  # and raises nothing on a machine without a GPU


def test_brightness_is_as_steady_as_what_was_written(tmp_path: Path) -> None:
    image = skimage.data.astronaut()
    with VideoWriter(tmp_path / "a.mp4", 25, (512, 512)) as video:
        for k in range(40):
            drift = np.array([[1, 0, 3 * np.sin(k / 7)], [0, 1, 2 * np.cos(k / 9)]])
            frame = cv2.warpAffine(image, drift, (512, 512), borderMode=cv2.BORDER_REPLICATE)
            video.write(frame)
    read = [frame[20:200, 150:300].mean() for frame in read_frames(tmp_path / "a.mp4")]
    assert np.abs(np.diff(read, 2)).mean() < 0.2  # levels of 255; B-frames make it 0.66


def test_what_stands_still_does_not_flicker(tmp_path: Path) -> None:
    """Behind something that moves, over time: levels of the standard deviation."""
    image = skimage.data.astronaut()[:256, 200:456]
    with VideoWriter(tmp_path / "a.mp4", 25, (256, 256)) as video:
        for index in range(40):
            frame = image.copy()
            frame[80:180, 60:200] = np.roll(image, 3 * index, axis=1)[80:180, 60:200]
            video.write(frame)
    still = np.stack([frame[:48].mean(2) for frame in read_frames(tmp_path / "a.mp4")])
    assert still.std(0).mean() < 0.1


def test_format(tmp_path: Path, sentence: Speech) -> None:
    path = write(tmp_path / "a.mp4", sentence.frames(), sentence)
    about = probe(path)
    assert (about.video, about.audio, about.pixel_format) == ("h264", "aac", "yuv420p")
    assert about.size == (64, 48) and about.fps == 25 and about.frames == sentence.frames()
    content = path.read_bytes()
    assert content.find(b"moov") < content.find(b"mdat")  # faststart
    assert about.as_dict()["frames"] == about.frames


@pytest.mark.parametrize("samples", [8_000, 16_000, 16_001, 33_333, 160_000 + 639])
def test_picture_and_sound_last_as_long_as_the_speech(samples: int, tmp_path: Path) -> None:
    speech = Speech.of(0.1 * np.random.default_rng(samples).standard_normal(samples).clip(-3, 3))
    about = probe(write(tmp_path / "a.mp4", speech.frames(), speech))
    assert about.frames == speech.frames()
    assert 0 <= about.seconds - speech.seconds < 0.04
    assert abs(about.audio_seconds - about.seconds) < 0.04


def test_no_drift_in_ten_minutes(tmp_path: Path) -> None:
    samples = np.zeros(600 * 16_000 + 5, np.float32)
    clicks = [1.0, 299.0, 599.0]
    for second in clicks:
        samples[round(second * 16_000) : round(second * 16_000) + 80] = 0.9
    speech = Speech.of(samples)
    path = tmp_path / "long.mp4"
    dark, light = np.zeros((16, 16, 3), np.uint8), np.full((16, 16, 3), 255, np.uint8)
    with VideoWriter(path, 25, (16, 16), speech, preset="ultrafast", threads=1) as video:
        for index in range(speech.frames()):
            video.write(light if index / 25 in clicks else dark)
    about = probe(path)
    assert about.frames == 15_001
    assert abs(about.seconds - speech.seconds) < 0.04 and abs(about.audio_seconds - speech.seconds) < 0.06
    heard = load_speech(path).waveform
    seen = [frame.mean() for frame in read_frames(path)]
    for second in clicks:
        near = slice(round((second - 0.5) * 16_000), round((second + 0.5) * 16_000))
        onset = near.start + int(np.argmax(np.abs(heard[near]) > 0.3))
        assert abs(onset / 16_000 - second) < 0.005
        shown = int(np.argmax(seen[round((second - 0.5) * 25) : round((second + 0.5) * 25)]))
        assert (shown + round((second - 0.5) * 25)) / 25 == second


def test_fewer_frames_cut_the_sound_and_more_frames_pad_it(tmp_path: Path, sentence: Speech) -> None:
    short = probe(write(tmp_path / "short.mp4", 20, sentence))
    assert short.frames == 20 and abs(short.audio_seconds - 0.8) < 0.04
    assert short.metadata["comment"] == STATEMENT and [item.name for item in tmp_path.iterdir()] == ["short.mp4"]
    frames = sentence.frames() + 50
    long = probe(write(tmp_path / "long.mp4", frames, sentence, frames=frames))
    assert long.frames == frames and abs(long.audio_seconds - long.seconds) < 0.04


def test_the_original_recording_is_the_sound_track(tmp_path: Path) -> None:
    rate = 48_000
    time_axis = np.arange(2 * rate) / rate
    # 12 kHz does not survive 16 kHz sampling, so hearing it in the video proves where the sound came from.
    stereo = np.stack([0.3 * np.sin(2 * np.pi * 12_000 * time_axis), 0.3 * np.sin(2 * np.pi * 440 * time_axis)], 1)
    source = write_wav(tmp_path / "a.wav", stereo, rate)
    speech = load_speech(source).trim(0.5, 1.5)

    def high(path: Path) -> float:
        from moda.media.ffmpeg import executable

        raw = subprocess.run(
            [executable(), "-loglevel", "error", "-i", str(path), "-ac", "1", "-f", "f32le", "-"],
            capture_output=True, check=True,
        ).stdout  # fmt: skip
        spectrum = np.abs(np.fft.rfft(np.frombuffer(raw, "<f4")[: rate // 2]))
        return float(spectrum[5900:6100].max() / spectrum.max())

    kept = write(tmp_path / "kept.mp4", speech.frames(), speech)
    assert high(kept) > 0.3
    assert abs(probe(kept).audio_seconds - 1.0) < 0.04
    source.unlink()  # a vanished upload: the waveform takes its place
    assert high(write(tmp_path / "gone.mp4", speech.frames(), speech)) < 0.01


def test_trimmed_sound_starts_where_the_part_starts(tmp_path: Path) -> None:
    samples = np.zeros(3 * 44_100)
    samples[round(1.7 * 44_100) :][:200] = 0.9
    speech = load_speech(write_wav(tmp_path / "a.wav", samples, 44_100)).trim(1.5, 2.5)
    heard = load_speech(write(tmp_path / "a.mp4", speech.frames(), speech)).waveform
    assert abs(int(np.argmax(np.abs(heard) > 0.3)) / 16_000 - 0.2) < 0.005


@pytest.mark.parametrize(("size", "expected"), [((65, 49), (64, 48)), ((63, 48), (62, 48)), ((2, 2), (2, 2))])
def test_odd_sizes_become_even(size: tuple[int, int], expected: tuple[int, int], tmp_path: Path) -> None:
    assert probe(write(tmp_path / "a.mp4", 3, size=size)).size == expected


def test_metadata_says_what_it_is_and_survives_any_characters(tmp_path: Path) -> None:
    nasty = "a=b;c#d\\e'f\"g:h,i[j]%{k}<b>\n\x00\x07é漢😀"
    about = probe(
        write(tmp_path / "a.mp4", 2, metadata={"seed": 7, "model": "moda-lite", nasty: nasty, "title": nasty})
    )
    assert about.metadata["comment"] == STATEMENT
    record = record_of(about.metadata)
    assert record["ai_generated"] is True and record["seed"] == 7 and record["model"] == "moda-lite"
    assert record[nasty] == nasty
    assert about.metadata["title"] == nasty.replace("\n", " ").replace("\x00", " ").replace("\x07", " ")


def test_nobody_can_talk_the_mark_away(tmp_path: Path) -> None:
    about = probe(write(tmp_path / "a.mp4", 2, metadata={"comment": "all real", "ai_generated": False}))
    assert about.metadata["comment"].startswith("AI-generated") and record_of(about.metadata)["ai_generated"] is True


def test_an_exception_leaves_nothing_and_keeps_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"the old one")
    with pytest.raises(RuntimeError), VideoWriter(path, 25, (64, 48)) as video:
        for index in range(30):
            video.write(moving(index))
        raise RuntimeError
    assert [item.name for item in tmp_path.iterdir()] == ["a.mp4"] and path.read_bytes() == b"the old one"
    assert video._child.process.poll() is not None


def test_an_abandoned_writer_cleans_up(tmp_path: Path) -> None:
    video = VideoWriter(tmp_path / "a.mp4", 25, (64, 48))
    video.write(moving(0))
    child = video._child.process
    del video
    assert child.poll() is not None and not list(tmp_path.iterdir())


def test_an_encoder_that_cannot_write_is_reported_and_removed(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    if not hasattr(resource, "prlimit"):
        pytest.skip("no prlimit here")
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    with pytest.raises(OutputFailed) as caught, VideoWriter(tmp_path / "a.mp4", 25, (256, 256)) as video:
        resource.prlimit(video._child.process.pid, resource.RLIMIT_FSIZE, (50_000, 50_000))
        for _ in range(400):
            video.write(noise)
    assert "a.mp4" in str(caught.value) and "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_reported(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "none", str(small)], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a small file system needs root")
    try:
        generator = np.random.default_rng(0)
        with pytest.raises(OutputFailed, match="disk is full"), VideoWriter(small / "a.mp4", 25, (256, 256)) as video:
            for _ in range(60):
                video.write(generator.integers(0, 256, (256, 256, 3), dtype=np.uint8))
        assert not list(small.iterdir())
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder.mp4").mkdir()
    for path in (tmp_path / "file" / "a.mp4", tmp_path / "folder.mp4"):
        with pytest.raises(OutputFailed):
            VideoWriter(path)
    if os.geteuid() != 0:
        (tmp_path / "locked").mkdir(mode=0o500)
        with pytest.raises(OutputFailed, match="permission"):
            VideoWriter(tmp_path / "locked" / "a.mp4")


def test_impossible_settings(tmp_path: Path) -> None:
    for options in ({"size": (0, 10)}, {"size": (10_000, 10)}, {"fps": 0}, {"fps": float("nan")}):
        with pytest.raises(BadSetting):
            VideoWriter(tmp_path / "a.mp4", **options)  # type: ignore[arg-type]
    with pytest.raises(BadSetting, match="mp4"):
        VideoWriter(tmp_path / "a.avi")
    with pytest.raises(OutputFailed, match="no frames"), VideoWriter(tmp_path / "a.mp4"):
        pass
    with pytest.raises(ValueError, match="expected"), VideoWriter(tmp_path / "a.mp4", size=(64, 48)) as video:
        video.write(np.zeros((48, 48, 3), np.uint8))
    assert not list(tmp_path.iterdir())


KILLED = """
import sys, time
import numpy as np
from moda.media.audio import Speech
from moda.media.video import VideoWriter
video = VideoWriter(sys.argv[1], 25, (64, 48), Speech.of(np.full(16000 * 60, 0.1)))
frame = np.zeros((48, 64, 3), np.uint8)
for index in range(1500):
    video.write(frame)
    if index == 20:
        print(video._child.process.pid, flush=True)
    time.sleep(0.01)
"""


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_killed_in_mid_render(number: signal.Signals, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(out)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, text=True,
    ) as parent:  # fmt: skip
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        shown = len(list(tmp_path.iterdir()))
        assert shown == (0 if hasattr(os, "O_TMPFILE") else 1)  # on Linux it has no name before it is complete
        assert remove_leftovers(tmp_path) == 0  # it is at work: nobody else may touch its file
        parent.send_signal(number)
        parent.wait(20)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and _runs(child):
        time.sleep(0.05)
    assert not _runs(child), "an orphan encoder is still running"
    assert len(list(tmp_path.iterdir())) <= shown and not out.exists()
    write(tmp_path / "next.mp4", 2)  # the next writer in that folder clears what the dead one left
    assert [item.name for item in tmp_path.iterdir()] == ["next.mp4"]


def _runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().split(")")[1].split()[0] != "Z"
    except OSError:
        return False


def test_reading_at_another_rate_and_size(clip: Path) -> None:
    assert len(list(read_frames(clip, fps=12.5))) == 25
    assert len(list(read_frames(clip, fps=50))) == 100
    small = next(read_frames(clip, size=32))
    assert small.shape == (24, 32, 3)
    assert next(read_frames(clip, size=(10, 20))).shape == (20, 10, 3)
    assert next(read_frames(clip, size=1000)).shape == (48, 64, 3)
    later = list(read_frames(clip, start=1.0, seconds=0.4))
    assert len(later) == 10 and abs(later[0].mean() - 120) < 4


def test_a_reader_that_is_left_early_ends_its_child(clip: Path) -> None:
    frames = read_frames(clip)
    next(frames)
    frames.close()  # type: ignore[attr-defined]
    for child in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert b"rawvideo\0pipe:1" not in child.read_bytes() or _parent(child.parent) != os.getpid()
        except OSError:
            continue


def _parent(process: Path) -> int:
    return int((process / "stat").read_text().rsplit(")", 1)[1].split()[1])


def test_bad_videos(tmp_path: Path, sounds: dict[str, Path]) -> None:
    (tmp_path / "noise.mp4").write_bytes(np.random.default_rng(1).bytes(5000))
    (tmp_path / "empty.mp4").write_bytes(b"")
    for path in (tmp_path / "none.mp4", tmp_path / "noise.mp4", tmp_path / "empty.mp4", tmp_path, sounds["wav"]):
        with pytest.raises(BadVideo):
            probe(path)
        with pytest.raises(BadVideo):
            next(read_frames(path))


def test_a_long_video_is_refused(clip: Path) -> None:
    with pytest.raises(BadVideo, match="limit"):
        next(read_frames(clip, max_seconds=1.0))


def test_a_gif_is_footage_too(tmp_path: Path) -> None:
    from PIL import Image

    shades = [Image.new("RGB", (32, 24), (40 * index, 0, 0)) for index in range(5)]
    shades[0].save(tmp_path / "a.gif", save_all=True, append_images=shades[1:], duration=40)
    assert len(list(read_frames(tmp_path / "a.gif", fps=25))) == 5


def test_real_footage(shared_data: Path) -> None:
    about = probe(shared_data / "videos" / "grid_bbaf2n.mpg")
    assert about.size == (360, 288) and about.fps == pytest.approx(25, abs=0.4) and about.audio == "mp2"
    frames = list(read_frames(shared_data / "videos" / "d6.mp4", fps=25, size=128, seconds=2.0))
    assert len(frames) == 50 and frames[0].std() > 10
