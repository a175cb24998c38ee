"""Which strengths the face may follow: those that change something, of takes that were sampled here, quickly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from moda.motion.space import Motion
from moda.motion.takes import Take
from moda.settings import Settings
from moda.studio.sessions import Session
from moda.studio.strengths import LONGEST, strengths_of


def session_with(folder: Path, settings: Settings, seconds: float = 2.0, sampler: str | None = "auto") -> Session:
    motion = Motion(np.zeros((round(25 * seconds), 70), np.float32), 25.0, "moda-lite")
    session = Session(folder)
    session.hold([Take(motion, motion, settings, "moda-lite")])
    session.sampler = sampler
    return session


def test_only_what_changes_something_is_followed(tmp_path: Path) -> None:
    assert strengths_of(Session(tmp_path)) == strengths_of(session_with(tmp_path, Settings())) == {}
    assert strengths_of(session_with(tmp_path, Settings(emotion="sad", emotion_strength=0.4))) == {
        "emotion_strength": 0.4
    }
    both = Settings(emotion="sad", pose_prior="nod")
    assert strengths_of(session_with(tmp_path, both)) == {"emotion_strength": 1.0, "pose_strength": 0.7}


def test_takes_that_came_another_way_and_slow_ones_wait_for_a_preview(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sad = Settings(emotion="sad")
    assert strengths_of(session_with(tmp_path, sad, LONGEST))
    assert strengths_of(session_with(tmp_path, sad, LONGEST + 1)) == {}
    session = session_with(tmp_path, sad)
    session.hold([session.takes[0]])  # held anew: restored, performed or recorded
    assert strengths_of(session) == {}
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    assert strengths_of(session_with(tmp_path, sad)) == {}
