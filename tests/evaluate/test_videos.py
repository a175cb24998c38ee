"""Whole videos: what is written into them is what is measured."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from moda.cli.app import run
from moda.errors import BadVideo, NoFaceFound
from moda.evaluate import Report, evaluate_video
from moda.evaluate.measures.following import follow
from moda.evaluate.measures.pictures import detail, detail_at, eye_distance, geometry_distance, skin_mask
from moda.evaluate.videos import portrait_face
from moda.media.audio import Speech
from moda.media.video import VideoWriter


@pytest.fixture(scope="module")
def still(still_video: Path, picture: np.ndarray) -> Report:
    return evaluate_video(still_video, picture)


@pytest.fixture(scope="module")
def poor(poor_video: Path, picture: np.ndarray) -> Report:
    return evaluate_video(poor_video, picture)


def test_a_still_picture_is_sharp_calm_and_the_same_person(still: Report) -> None:
    assert 0.75 < still["sharpness"] < 1.1
    assert still["identity_drift"] < 0.02
    assert still["yaw_std"] < 0.8  # the tracker settles
    assert still["wobble"] < 0.012
    assert still["flicker"] < 0.5
    assert still["background_still"] > 0.99
    assert still["blink_rate"] == 0
    assert still["face_found"] == 1


def test_faults_show(still: Report, poor: Report) -> None:
    assert poor["sharpness"] < 0.4
    assert poor["flicker"] > 5
    assert poor["background_change"] > 30
    assert poor["background_still"] < 0.9
    assert poor["roll_std"] == pytest.approx(4 / np.sqrt(2), rel=0.25)
    assert poor["identity_drift"] < 0.05


def test_the_container_is_measured(still: Report, poor: Report, speech: Speech) -> None:
    assert still["seconds"] == pytest.approx(1.6, abs=0.01)
    assert still["fps"] == pytest.approx(25, abs=0.01)
    assert abs(still["sound_excess_ms"]) < 60
    assert np.isnan(poor["sound_excess_ms"])
    assert "no sound" in poor.notes[0]
    assert np.isnan(poor["sync_correlation"])


def test_the_command_prints_a_table_or_json(still_video: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", "video", str(still_video)]) == 0
    assert "Lips" in capsys.readouterr().out
    assert run(["evaluate", str(still_video), "--json"]) == 0  # a file alone is a video
    facts = json.loads(capsys.readouterr().out)
    assert facts["subject"] == "still.mp4"
    assert facts["measures"]["fps"]["value"] == pytest.approx(25, abs=0.01)


def test_what_is_no_talking_video_is_refused(tmp_path: Path) -> None:
    from moda.media.video import VideoWriter

    wall = tmp_path / "wall.mp4"
    with VideoWriter(wall, 25.0, (96, 96)) as video:
        for _ in range(5):
            video.write(np.full((96, 96, 3), 90, np.uint8))
    with pytest.raises(BadVideo, match="face"):
        evaluate_video(wall)
    with pytest.raises(BadVideo):
        evaluate_video(tmp_path / "absent.mp4")
    with pytest.raises(NoFaceFound):
        portrait_face(np.full((200, 200, 3), 90, np.uint8))


def test_detail_falls_with_blur_and_not_with_size(picture: np.ndarray) -> None:
    import cv2

    _, landmarks = portrait_face(picture)
    blurred = np.asarray(cv2.GaussianBlur(picture, (0, 0), 1.0), np.uint8)
    assert detail(blurred, landmarks) < 0.7 * detail(picture, landmarks)
    small = np.asarray(cv2.resize(picture, (160, 160), interpolation=cv2.INTER_AREA), np.uint8)
    half = eye_distance(landmarks) / 2
    assert detail_at(picture, landmarks, half) == pytest.approx(detail(small, landmarks / 2), rel=0.1)


def test_the_skin_leaves_out_mouth_and_eyes(picture: np.ndarray) -> None:
    _, landmarks = portrait_face(picture)
    mask = skin_mask(picture.shape[:2], landmarks)
    for inside in (50, 280, 151):
        assert mask[int(landmarks[inside, 1]), int(landmarks[inside, 0])] == 255
    for outside in (13, 159, 386):
        assert mask[int(landmarks[outside, 1]), int(landmarks[outside, 0])] == 0


def test_geometry_ignores_place_size_and_roll_but_not_build() -> None:
    from moda.portrait.canonical import canonical_face

    face = np.pad(canonical_face().astype(np.float64), ((0, 10), (0, 0)))
    angle = np.radians(20)
    turn = np.array([[np.cos(angle), np.sin(angle), 0], [-np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    assert geometry_distance(2.5 * face @ turn + 3, face) == pytest.approx(0, abs=1e-6)
    assert geometry_distance(face * np.array([1.1, 1, 1]), face) > 0.02


def test_landmarks_of_large_frames_are_in_their_own_pixels(tmp_path: Path, picture: np.ndarray) -> None:
    import cv2

    found = []
    for size in (320, 960):
        frame = np.asarray(cv2.resize(picture, (size, size), interpolation=cv2.INTER_CUBIC), np.uint8)
        with VideoWriter(tmp_path / f"{size}.mp4", 25.0, (size, size)) as video:
            for _ in range(5):
                video.write(frame)
        found.append(follow(tmp_path / f"{size}.mp4", 25.0)[2][-1])
    small, large = found
    assert np.abs(large[:, :2] / 3 - small[:, :2]).mean() < 2.0
