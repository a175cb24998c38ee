"""Following a face through real encoded video whose motion is known."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from moda.errors import BadVideo, Cancelled
from moda.portrait.portrait import Portrait
from moda.portrait.track import track_frames, track_video
from tests.portrait.conftest import turned
from tests.sounds import write_wav

FPS = 25


def encode(path: Path, frames: Iterable[np.ndarray], fps: float = FPS) -> Path:
    writer = None
    for frame in frames:
        if writer is None:
            size = (frame.shape[1], frame.shape[0])
            writer = imageio_ffmpeg.write_frames(
                str(path), size, fps=fps, quality=9, macro_block_size=2, output_params=["-preset", "ultrafast"]
            )
            writer.send(None)
        writer.send(np.ascontiguousarray(frame))
    assert writer is not None
    writer.close()
    return path


def swaying(image: np.ndarray, count: int) -> list[np.ndarray]:
    """The picture rolling as a sine of 12 degrees over 40 frames."""
    return [turned(image, 12 * np.sin(2 * np.pi * i / 40)) for i in range(count)]


@pytest.fixture(scope="module")
def sway(hopper: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return encode(tmp_path_factory.mktemp("track") / "sway.mp4", swaying(hopper, 60))


def test_head_roll_is_followed(sway: Path) -> None:
    track = track_video(sway)
    assert track.frames == 60 and track.found.all() and track.fps == 25 and track.size == (512, 600)
    assert track.landmarks.shape == (60, 478, 3)
    truth = 12 * np.sin(2 * np.pi * np.arange(60) / 40)
    roll = track.pose[:, 2]
    assert np.corrcoef(roll, truth)[0, 1] > 0.999
    assert np.polyfit(truth, roll, 1)[0] == pytest.approx(1, abs=0.05)
    assert track.pose[:, 1].std() < 1.5  # nothing else moves
    assert np.abs(track.scale - 1).max() < 0.03
    for measure in (track.gap, track.mouth_width, track.smile, track.eyes, track.brows):
        assert len(measure) == 60 and measure.std(axis=0).max() < 0.03


def test_other_frame_rates_and_a_time_limit(hopper: np.ndarray, tmp_path: Path) -> None:
    path = encode(tmp_path / "fast.mp4", swaying(hopper, 30), fps=50)
    assert abs(track_video(path).frames - 15) <= 1
    assert abs(track_video(path, max_seconds=0.4).frames - 10) <= 1


def test_a_short_loss_is_bridged_and_a_long_one_told(hopper: np.ndarray) -> None:
    frames = swaying(hopper, 70)
    grey = np.full_like(hopper, 120)
    for i in (10, 11, 12, *range(30, 50)):
        frames[i] = grey
    track = track_frames(frames)
    assert track.found[:30].all()
    # The gap of 20 frames is longer than half a second; the search for the face may add a few.
    assert not track.found[30:50].any() and track.found[58:].all()
    truth = 12 * np.sin(2 * np.pi * np.arange(70) / 40)
    assert np.abs((track.pose[:30, 2] - track.pose[0, 2]) - truth[:30]).max() < 2.0


def test_the_jump_of_a_cut_is_followed(hopper: np.ndarray) -> None:
    moved = np.full((700, 1200, 3), 120, np.uint8)
    near, far = moved.copy(), moved.copy()
    near[50:650, 0:512] = hopper
    far[50:650, 680:1192] = hopper
    track = track_frames([near] * 6 + [far] * 6)
    jump = track.translation[-1, 0] - track.translation[0, 0]
    assert jump * track.iod == pytest.approx(680, abs=6)


def test_a_face_measured_in_video_equals_the_face_in_the_picture(hopper: np.ndarray, hopper_portrait: Portrait) -> None:
    track = track_frames([hopper] * 5)
    iod = hopper_portrait.placement.scale
    error = np.linalg.norm((track.landmarks[-1] - hopper_portrait.landmarks)[:468, :2], axis=1).mean() / iod
    assert error < 0.03
    assert track.gap[-1] == pytest.approx(hopper_portrait.rest.gap, abs=0.03)


def test_it_can_be_cancelled(hopper: np.ndarray) -> None:
    def stop(done: int) -> None:
        if done == 3:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        track_frames([hopper] * 50, on_frame=stop)


def test_bad_videos_get_one_sentence(hopper: np.ndarray, hopper_path: Path, tmp_path: Path) -> None:
    empty, junk, page, playlist = (tmp_path / n for n in ("empty.mp4", "junk.mp4", "page.mp4", "list.m3u8"))
    empty.touch()
    junk.write_bytes(np.random.default_rng(0).bytes(5000))
    page.write_text("<html></html>")
    playlist.write_text(f"#EXTM3U\n#EXTINF:1,\n{tmp_path / 'blank.mp4'}\n")
    blank = encode(tmp_path / "blank.mp4", [np.full((240, 320, 3), 90, np.uint8)] * 10)
    single = encode(tmp_path / "single.mp4", [hopper])
    rare = encode(tmp_path / "rare.mp4", [hopper] * 3 + [np.full_like(hopper, 90)] * 17)
    cases = {
        empty: "empty",
        junk: "not a video",
        page: "not a video",
        playlist: "not a video",
        tmp_path / "nowhere.mp4": "was not found",
        tmp_path: "is not a file",
        blank: "no face",
        single: "1 frame",
        rare: "% of its frames",
    }
    for path, expected in cases.items():
        with pytest.raises(BadVideo) as caught:
            track_video(path)
        text = str(caught.value)
        assert expected in text, path.name
        assert "\n" not in text and text.endswith(".")


def test_sound_without_pictures_is_refused(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "sound.wav", np.zeros(16_000))
    with pytest.raises(BadVideo, match="no picture track"):
        track_video(path)


@pytest.mark.slow
def test_real_talking_video(shared_data: Path) -> None:
    track = track_video(shared_data / "videos" / "grid_lrwp9a.mpg")
    assert track.frames == 75 and track.found.all()
    assert np.abs(track.pose).max() < 15
    # Lips meet on the bilabials of "lay red with p nine again" and open widely in between.
    assert np.percentile(track.gap, 5) < 0.02 and 0.15 < np.percentile(track.gap, 95) < 0.45
    assert track.eyes.min() < 0.5 * np.median(track.eyes)  # a blink
