"""What is good enough to learn from, and the reason where it is not."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from moda.corpus.footage.limits import Limits, face_width, fault_of, judge, stretches
from moda.errors import BadSetting
from moda.performance.fitting import read_face
from moda.portrait.canonical import canonical_face
from moda.portrait.track import track_video
from tests.corpus.footage.conftest import Talk

FINE = {"face_px": 120.0, "yaw_deg": 10.0, "opening_std": 0.3, "level_db": -20.0, "sync_r": 0.5, "lag_ms": 0.0}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, ""),
        ({"face_px": 43.0}, "the face is 43 pixels wide, under 64"),
        ({"yaw_deg": 61.0}, "turned 61 degrees"),
        ({"level_db": -80.0}, "silence (-80 dB"),
        ({"opening_std": 0.01}, "the mouth hardly moves (0.010"),
        ({"sync_r": 0.05}, "the lips do not follow the sound (r 0.05"),
        ({"sync_r": math.nan}, "the lips do not follow the sound"),
    ],
)
def test_every_limit_says_what_is_missing(change: dict[str, float], words: str) -> None:
    found = fault_of({**FINE, **change}, Limits())
    assert words in found and bool(found) == bool(words)


@pytest.mark.parametrize(
    "bad",
    [{"min_seconds": 9.0, "max_seconds": 3.0}, {"min_seconds": 0.0}, {"min_fps": 60.0}, {"min_face": math.nan}],
)
def test_impossible_limits_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(BadSetting):
        Limits(**bad)


def faces(count: int) -> np.ndarray:
    points = np.concatenate([canonical_face(), np.zeros((10, 3))]) * 60 + 200
    return np.repeat(points[None], count, 0).astype(np.float32)


def test_long_stretches_are_parted_evenly_and_lost_faces_end_one() -> None:
    found = np.ones(500, bool)
    found[300:310] = False
    limits = Limits(max_seconds=6.0)
    assert stretches(faces(500), found, limits, 25.0) == [(0, 150), (150, 300), (310, 405), (405, 500)]
    assert stretches(faces(500), np.zeros(500, bool), limits, 25.0) == []
    assert stretches(faces(0), np.zeros(0, bool), limits, 25.0) == []


@pytest.mark.parametrize("what", ["place", "size"])
def test_another_face_is_another_stretch(what: str) -> None:
    landmarks = faces(100)
    if what == "place":
        landmarks[60:, :, 0] += 50  # an eye distance is 60 px
    else:
        landmarks[60:] *= 1.5
    assert stretches(landmarks, np.ones(100, bool), Limits(), 25.0) == [(0, 60), (60, 100)]
    landmarks = faces(100)
    landmarks[:, :, 0] += 10 * np.arange(100)[:, None]  # quick, but the same face
    assert stretches(landmarks, np.ones(100, bool), Limits(), 25.0) == [(0, 100)]


def test_a_talker_is_in_sync_with_their_own_words_alone(talk: Talk) -> None:
    track = track_video(talk.path)
    reading = read_face(track.landmarks)
    width = face_width(track.landmarks)
    assert 60 < width < 200
    limits = replace(Limits(), min_face=40.0)
    measures, fault = judge(reading, width, talk.speech.waveform, limits)
    assert fault == "" and measures["sync_r"] > 0.35
    assert abs(measures["lag_ms"]) <= 80
    other = talk.speech.waveform[::-1].copy()
    assert "do not follow" in judge(reading, width, other, limits)[1]
    assert "silence" in judge(reading, width, np.zeros(64_000, np.float32), limits)[1]
    still = read_face(np.repeat(track.landmarks[:1], len(reading), 0))
    assert "hardly moves" in judge(still, width, talk.speech.waveform, limits)[1]
