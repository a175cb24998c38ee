"""Judging a model: an oracle that repeats the real lips scores 1, a stranger scores near 0."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moda.evaluate.protocols.lip_regressor import Clip, align, expected_opening, fit_speech, footage, leave_one_out
from moda.evaluate.protocols.motion_model import area_under_curve, judge, mismatched, table, totals
from moda.motion.actions import ACTIONS, INDEX, write_actions
from moda.motion.space import Motion, neutral_reference
from moda.settings import Settings


@dataclass
class Planned:
    motion: Motion


class Oracle:
    """Plans the opening that the real speaker had: the best that any model could do."""

    def __init__(self, clips: list[Clip]) -> None:
        self._clips = {clip.waveform.astype(np.float32).tobytes(): clip for clip in clips}

    def plan(self, portrait: Any, speech: Any, settings: Settings) -> Planned:
        clip = self._clips[speech.waveform.tobytes()]
        opening = clip.signals.opening
        values = np.zeros((len(opening), len(ACTIONS)), np.float32)
        values[:, INDEX["jaw_open"]] = opening / 0.30
        array = np.tile(neutral_reference(), (len(opening), 1))
        array[:, :63] = write_actions(values)
        return Planned(Motion(array, 25.0, "oracle"))


@pytest.fixture(scope="module")
def clips(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Clip]:
    """The six shortest real talking videos, followed once."""
    folder = tmp_path_factory.mktemp("grid")
    for path in sorted((shared_data / "videos").glob("grid_*.mpg")):
        (folder / path.name).symlink_to(path)
    (folder / "videos.json").write_text((shared_data / "videos" / "videos.json").read_text())
    found = footage(folder, folder / "cache")
    again = footage(folder, folder / "cache")
    assert [c.name for c in found] == [c.name for c in again]
    assert np.allclose(found[0].signals.opening, again[0].signals.opening)
    return found


@pytest.mark.slow
def test_real_speakers_are_predicted_by_a_regressor_fitted_on_others(clips: list[Clip]) -> None:
    scores = [sync.correlation for sync, _ in leave_one_out(clips).values()]
    assert len(scores) == 6
    assert np.mean(scores) > 0.3


@pytest.mark.slow
def test_the_shipped_regressor_fits_real_speakers_it_never_saw(clips: list[Clip]) -> None:
    from moda.evaluate.measures.sync import score

    scores = [score(c.signals.opening, c.waveform, late_ms=c.late_ms) for c in clips]
    assert np.mean([s.correlation for s in scores]) > 0.35


@pytest.mark.slow
def test_an_oracle_scores_one_and_others_near_zero(clips: list[Clip]) -> None:
    judged = judge(Oracle(clips), None, clips, Settings())  # type: ignore[arg-type]
    total = totals(judged)
    assert total["lips_r"] > 0.93  # not 1: the known lateness of the real lips is taken off
    assert total["lags_beyond_80_ms"] == 0
    assert total["lips_mismatched"] < 0.5
    assert total["lips_auc"] > 0.99
    assert total["sync"] > total["sync_mismatched"] + 0.15  # all of these clips say sentences of one pattern
    assert total["sync_auc"] > 0.8
    assert all(len(j.strangers) == 5 for j in judged)
    assert all(clip.name in table(judged) for clip in clips)
    assert len(mismatched(judged)) == 30


@pytest.mark.parametrize(("a", "b", "area"), [([1, 2], [0, 0.5], 1.0), ([0, 1], [0, 1], 0.5), ([0], [1], 0.0)])
def test_area_under_curve(a: list[float], b: list[float], area: float) -> None:
    assert area_under_curve(a, b) == pytest.approx(area)


def test_phonemes_become_an_opening_that_closes_on_bilabials() -> None:
    phonemes = [("AA", 0.2, 0.5), ("B", 0.5, 0.58), ("AA", 0.58, 0.9)]
    opening = expected_opening(phonemes, 30)
    assert opening[9] > 0.1
    assert opening[13] < 0.02
    assert opening[9] > 2 * opening[28]


@pytest.mark.slow
def test_known_words_are_aligned(shared_data: Path) -> None:
    pytest.importorskip("pocketsphinx")
    from moda.media.audio import load_speech

    speech = load_speech(shared_data / "videos" / "grid_pwij3p.mpg")
    names = [name for name, _, _ in align(speech.waveform, "place white in j three please")]
    assert [n for n in names if n != "SIL"][:4] == ["P", "L", "EY", "S"]


@pytest.mark.slow
def test_the_shipped_regressor_can_be_made_again(shared_data: Path, tmp_path: Path) -> None:
    pytest.importorskip("pocketsphinx")
    for name in ("LJ001-0002.flac", "LJ001-0008.flac"):
        (tmp_path / name).symlink_to(shared_data / "open_speech" / name)
    (tmp_path / "transcripts.tsv").write_text((shared_data / "open_speech" / "transcripts.tsv").read_text())
    regressor = fit_speech(tmp_path)
    assert "2 utterances" in regressor.source
    assert np.abs(regressor.weights).max() > 0
