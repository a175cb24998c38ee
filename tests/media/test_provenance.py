from __future__ import annotations

from pathlib import Path

import numpy as np

from moda import __version__
from moda.media.provenance import STATEMENT, made_by, record_of
from moda.media.video import VideoWriter, probe
from moda.settings import Settings


def written(path: Path, settings: Settings) -> dict[str, object]:
    """What a video of these settings says of itself, read from the file."""
    with VideoWriter(path, 25, (64, 48), metadata=made_by("moda-lite", "mesh", settings)) as video:
        video.write(np.zeros((48, 64, 3), np.uint8))
    found = probe(path).metadata
    assert found["comment"] == STATEMENT and "AI-generated" in found["title"]
    return record_of(found)


def test_a_video_says_how_it_was_made_and_nothing_else(tmp_path: Path) -> None:
    settings = Settings(seed=7, emotion="wry; 'quoted' \\ = # ü 愤怒")
    assert written(tmp_path / "a.mp4", settings) == {
        "ai_generated": True, "generator": "MoDA Studio", "model": "moda-lite", "renderer": "mesh",
        "version": __version__, "seed": 7, "settings": settings.digest(),
    }  # fmt: skip


def test_the_hash_tells_settings_apart(tmp_path: Path) -> None:
    first, same, other = (
        written(tmp_path / f"{k}.mp4", settings)["settings"]
        for k, settings in enumerate((Settings(), Settings(seed=0), Settings(expression=1.05)))
    )
    assert first == same != other
