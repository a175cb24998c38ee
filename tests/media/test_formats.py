# It asks POSIX, which mypy does not find for Windows.
# mypy: disable-error-code="attr-defined"
"""Every kind of output: what ffmpeg says it is, which pixels and transparency come back; all or nothing."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from moda.errors import BadSetting, OutputFailed
from moda.media.audio import Speech, load_speech
from moda.media.ffmpeg import executable
from moda.media.footage import probe
from moda.media.formats import FORMATS, MP4, PNG, target_of
from moda.media.output import check_video, open_writer
from moda.media.png_sequence import PngSequence
from moda.media.video import VideoWriter

SIZE = (96, 64)
FRAMES = 15


def frame(index: int, alpha: bool = False) -> np.ndarray:
    """A red disc that moves over blue; its opacity falls off to the right."""
    y, x = np.mgrid[: SIZE[1], : SIZE[0]]
    inside = (x - 20 - 2 * index) ** 2 + (y - 32) ** 2 < 18**2
    picture = np.where(inside[..., None], (210, 50, 40), (40, 60, 150)).astype(np.uint8)
    if not alpha:
        return picture
    return np.dstack([picture, np.broadcast_to(np.linspace(255, 0, SIZE[0]).astype(np.uint8), (SIZE[1], SIZE[0]))])


def write(path: Path, alpha: bool = False, audio: Speech | None = None) -> Path:
    with open_writer(path, 25, SIZE, audio, {"seed": 7, "model": "m"}, frames=FRAMES, alpha=alpha) as video:
        for index in range(FRAMES):
            video.write(frame(index, alpha))
    return path


def speech() -> Speech:
    return Speech.of(0.3 * np.sin(np.arange(FRAMES * 640) / 7))


def described(path: Path) -> str:
    return subprocess.run([executable(), "-hide_banner", "-i", path], capture_output=True).stderr.decode()


def decoded(path: Path, *options: str) -> np.ndarray:
    """Frames (T, H, W, 4) with transparency, decoded by ffmpeg."""
    raw = subprocess.run(
        [executable(), "-loglevel", "error", *options, "-i", path, "-f", "rawvideo", "-pix_fmt", "rgba", "-"],
        capture_output=True, check=True,
    ).stdout  # fmt: skip
    return np.frombuffer(raw, np.uint8).reshape(-1, SIZE[1], SIZE[0], 4)


def test_webm_has_vp9_opus_and_transparency(tmp_path: Path) -> None:
    plain = write(tmp_path / "a.webm", audio=speech())
    assert "Video: vp9" in described(plain) and "yuv420p(tv, smpte170m/bt709/bt709" in described(plain)
    assert probe(plain).audio == "opus" and probe(plain).frames == FRAMES
    clear = write(tmp_path / "b.webm", alpha=True, audio=speech())
    assert b"\x53\xc0\x81\x01" in clear.read_bytes() and probe(clear).audio == "opus"  # Matroska's AlphaMode
    found = decoded(clear, "-c:v", "libvpx-vp9")
    assert len(found) == FRAMES
    assert np.abs(found[7][..., 3].astype(int) - frame(7, True)[..., 3]).mean() < 3
    assert np.abs(found[7][:, :40, :3].astype(int) - frame(7)[:, :40]).mean() < 6


def test_mov_is_prores_4444_with_alpha_and_plain_sound(tmp_path: Path) -> None:
    clear = write(tmp_path / "a.mov", alpha=True, audio=speech())
    about = described(clear)
    assert "prores (4444)" in about and "yuva444p" in about and "pcm_s16le" in about
    found = decoded(clear)
    assert np.abs(found[7][..., 3].astype(int) - frame(7, True)[..., 3]).mean() < 1.5
    assert np.abs(found[7][..., :3].astype(int) - frame(7)).mean() < 5
    assert "yuv444p" in described(write(tmp_path / "b.mov"))


def test_gif_repeats_and_keeps_its_colours_still(tmp_path: Path) -> None:
    path = write(tmp_path / "a.gif", audio=speech())
    with Image.open(path) as image:
        assert getattr(image, "n_frames", 1) == FRAMES and image.info["duration"] == 40 and image.info["loop"] == 0
        image.seek(9)
        shown = np.asarray(image.convert("RGB")).astype(int)
        image.seek(10)
        following = np.asarray(image.convert("RGB")).astype(int)
    assert np.abs(shown - frame(9)).mean() < 5
    assert (shown[:, :10] == following[:, :10]).all()  # what does not move does not shimmer


def test_webp_is_animated_and_transparent(tmp_path: Path) -> None:
    with Image.open(write(tmp_path / "a.webp", alpha=True)) as image:
        assert getattr(image, "n_frames", 1) == FRAMES and image.mode == "RGBA"
        image.seek(7)
        shown = np.asarray(image.convert("RGBA")).astype(int)
    assert np.abs(shown[..., 3] - frame(7, True)[..., 3]).mean() < 3
    assert np.abs(shown[:, :40, :3] - frame(7)[:, :40]).mean() < 8


@pytest.mark.parametrize("alpha", [False, True])
def test_png_pictures_are_the_frames_to_the_bit(alpha: bool, tmp_path: Path) -> None:
    folder = write(tmp_path / "frames", alpha=alpha)
    assert sorted(item.name for item in folder.iterdir()) == [f"{k:05d}.png" for k in range(FRAMES)]
    for index in (0, 9):
        with Image.open(folder / f"{index:05d}.png") as image:
            assert np.array_equal(np.asarray(image), frame(index, alpha))
            assert "AI-generated" in image.info["Comment"]
    write(tmp_path / "shot" / "take_%03d.png", alpha=alpha)
    assert (tmp_path / "shot" / f"take_{FRAMES - 1:03d}.png").is_file()


def test_a_png_sequence_replaces_its_like_and_leaves_nothing_when_it_fails(tmp_path: Path) -> None:
    write(tmp_path / "frames")
    (tmp_path / "frames" / "readme.txt").write_text("mine", encoding="utf-8")
    with PngSequence(tmp_path / "frames", SIZE) as video:
        video.write(frame(3))
    assert sorted(item.name for item in (tmp_path / "frames").iterdir()) == ["00000.png", "readme.txt"]
    with pytest.raises(RuntimeError), PngSequence(tmp_path / "frames", SIZE) as video:
        video.write(frame(4))
        raise RuntimeError
    with Image.open(tmp_path / "frames" / "00000.png") as image:
        assert np.array_equal(np.asarray(image), frame(3))
    with pytest.raises(RuntimeError), PngSequence(tmp_path / "new", SIZE) as video:
        video.write(frame(4))
        raise RuntimeError
    with pytest.raises(OutputFailed, match="no frames"), PngSequence(tmp_path / "new", SIZE):
        pass
    assert sorted(item.name for item in tmp_path.iterdir()) == ["frames"]


def test_what_cannot_be_transparent_names_what_can(tmp_path: Path) -> None:
    for name in ("a.mp4", "a.gif"):
        with pytest.raises(BadSetting) as caught:
            check_video(tmp_path / name, alpha=True)
        assert all(ending in str(caught.value) for ending in (".webm", ".mov", ".webp", "PNG"))
        assert str(caught.value).endswith(".") and "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a.avi", "a.png", "%d_%d.png", "%s.png", "a.mp4.txt"])
def test_unknown_names_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadSetting):
        check_video(tmp_path / name)


def test_names_tell_the_format(tmp_path: Path) -> None:
    for form in FORMATS:
        if form is not PNG:
            assert target_of(tmp_path / f"A b.{form.ending[1:].upper()}").format is form
    assert target_of(tmp_path / "frames").pattern == "%05d.png"
    assert target_of(tmp_path / "x_%d.png") == type(target_of(tmp_path / "a"))(tmp_path, PNG, "x_%d.png")
    (tmp_path / "taken").write_text("x", encoding="utf-8")
    with pytest.raises(OutputFailed, match="need a folder"):
        check_video(tmp_path / "taken")
    assert MP4.sound and not MP4.alpha


@pytest.mark.parametrize("ending", [".webm", ".mov", ".gif", ".webp"])
def test_a_failure_leaves_nothing_in_any_format(ending: str, tmp_path: Path) -> None:
    (tmp_path / f"a{ending}").write_bytes(b"old")
    with pytest.raises(RuntimeError), VideoWriter(tmp_path / f"a{ending}", 25, SIZE, speech()) as video:
        video.write(frame(0))
        raise RuntimeError
    assert [item.name for item in tmp_path.iterdir()] == [f"a{ending}"]
    assert (tmp_path / f"a{ending}").read_bytes() == b"old"


@pytest.mark.parametrize("ending", [".mp4", ".webm", ".mov"])
def test_sound_is_as_long_as_the_frames_in_every_format(ending: str, tmp_path: Path) -> None:
    with VideoWriter(tmp_path / f"a{ending}", 25, SIZE, Speech.of(np.full(32_000, 0.1)), preset="ultrafast") as video:
        for index in range(20):
            video.write(frame(index % FRAMES))
    about = probe(tmp_path / f"a{ending}")
    assert about.frames == 20 and abs(about.audio_seconds - 0.8) < 0.05
    assert load_speech(tmp_path / f"a{ending}").seconds == pytest.approx(0.8, abs=0.05)


@pytest.mark.skipif(not hasattr(os, "wait4"), reason="reads the memory of children")
def test_a_long_gif_needs_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    from moda.media import encoding
    from moda.media.formats import GIF

    peaks = []
    for count in (20, 200):
        raw = np.random.default_rng(0).integers(0, 256, (20, 128, 128, 3), dtype=np.uint8).tobytes()
        (tmp_path / "raw").write_bytes(raw * (count // 20))
        source = ["-f", "rawvideo", "-pixel_format", "rgb24", "-video_size", "128x128", "-i", str(tmp_path / "raw")]
        subprocess.run(
            [executable(), "-loglevel", "error", "-y", *source, *encoding.LOSSLESS, tmp_path / "a.mkv"], check=True
        )
        child = subprocess.Popen(
            [
                executable(),
                "-loglevel",
                "error",
                *encoding.second_pass(GIF, tmp_path / "a.mkv"),
                "-y",
                tmp_path / "a.gif",
            ]
        )
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = status
        assert status == 0
        peaks.append(usage.ru_maxrss)
    assert peaks[1] < peaks[0] + 12_000  # KB; 180 frames more are 9 MB raw, and each is held as 4 bytes a pixel
