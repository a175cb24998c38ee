"""Speech to pixels and back, with the shipped model and the mesh renderer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from moda.evaluate.measures.signals import Signals
from moda.evaluate.protocols.lip_regressor import Clip
from moda.evaluate.protocols.motion_model import any_portrait, load_head
from moda.evaluate.report import Report
from tools.rendered import render_and_measure, summary_table


def test_the_table_gives_medians_beside_real_people() -> None:
    reports = [Report(str(i), "video", {"blink_rate": float(i), "yaw_std": float("nan")}) for i in range(0, 90, 10)]
    table = summary_table(reports)
    assert "Blinks" in table
    assert " 40 " in table
    assert "Turning" not in table


@pytest.mark.slow
def test_what_is_rendered_can_be_measured(tmp_path: Path) -> None:
    from moda.media.speak import speak
    from moda.settings import Settings

    clips = []
    for text in ("Papa bought a big apple pie for my mother.", "Five boys may jump above the open window."):
        waveform = speak(text, "en-us+f2", offline=True).waveform.astype(np.float64)
        frames = int(len(waveform) / 640)
        still = np.zeros(frames)
        pair = np.zeros((frames, 2))
        opening = np.abs(np.random.default_rng(frames).normal(size=frames))
        regions = np.zeros((frames, 4))
        signals = Signals(
            opening,
            still,
            pair,
            pair,
            np.zeros((frames, 3)),
            np.zeros((frames, 3)),
            regions,
            np.zeros((frames, 20, 2)),
            0.05,
        )
        clips.append(Clip(text[:4], signals, waveform, 0.0))
    head = load_head("moda-lite", None)
    portrait = head.portrait(any_portrait())
    (report,) = render_and_measure(head, portrait, clips[:1], tmp_path, Settings(size=256), 2.0, clips)
    assert report["seconds"] == pytest.approx(2.0, abs=0.05)
    assert report["identity_drift"] < 0.1
    assert report["sharpness"] > 0.3
    assert abs(report["sound_excess_ms"]) < 60
