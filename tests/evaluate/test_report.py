"""Reports: complete, JSON-able, in words."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from moda.evaluate import Report, evaluate_take, summary
from moda.evaluate.measures.definitions import MEASURES
from moda.evaluate.measures.real_ranges import REAL
from moda.motion.actions import ACTIONS, INDEX, write_actions
from moda.motion.space import Motion, neutral_reference


def talking(seconds: float = 8.0) -> Motion:
    frames = round(25 * seconds)
    rng = np.random.default_rng(1)
    values = np.zeros((frames, len(ACTIONS)), np.float32)
    values[:, INDEX["jaw_open"]] = 0.3 + 0.3 * np.sin(np.arange(frames) * 0.8)
    for start in range(50, frames - 10, 75):
        values[start : start + 3, INDEX["blink_left"]] = values[start : start + 3, INDEX["blink_right"]] = 1
    array = np.tile(neutral_reference(), (frames, 1))
    array[:, :63] = write_actions(values)
    array[:, 67:70] += np.cumsum(rng.normal(size=(frames, 3)), axis=0) * 0.15
    return Motion(array, 25.0, "test")


def test_a_take_is_measured_without_pixels_and_its_report_is_json() -> None:
    from moda.media.speak import speak

    speech = speak("Hello there, this is a test of the report.", "en-us+f2", offline=True)
    report = evaluate_take(talking(speech.seconds), speech)
    facts = json.loads(report.json())
    assert facts["kind"] == "take"
    assert set(facts["measures"]) <= set(MEASURES)
    assert facts["measures"]["sync_correlation"]["value"] is not None
    assert -1 <= report["sync_correlation"] <= 1
    for name in ("pitch_std", "blink_rate", "opening_high", "brow_std"):
        assert name in report.values


def test_without_speech_nothing_is_said_about_sync() -> None:
    report = evaluate_take(talking())
    assert np.isnan(report["sync_correlation"])
    assert report.as_dict()["measures"]["sync_correlation"]["value"] is None  # type: ignore[index]
    assert "speech" not in summary(report)
    assert "blinks a minute" in summary(report)


def test_the_table_names_every_measure_with_its_unit() -> None:
    report = evaluate_take(talking())
    table = report.table()
    for name in report.values:
        assert MEASURES[name].label in table
    assert "real people" in table


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"sync_correlation": 0.5, "sync_lag_ms": 0, "sync_best": 0.5}, "Lips follow the speech well (0.50)"),
        ({"sync_correlation": 0.05, "sync_lag_ms": 0, "sync_best": 0.1}, "do not follow"),
        ({"sync_correlation": 0.2, "sync_lag_ms": 160, "sync_best": 0.5}, "160 ms late"),
        ({"yaw_std": 0.2, "pitch_std": 0.2, "roll_std": 0.1}, "Still head"),
        ({"yaw_std": 15, "pitch_std": 5, "roll_std": 5}, "Restless head"),
        ({"blink_rate": 0.0, "seconds": 10}, "no blinks"),
        ({"quiet_opening": 0.5}, "open in pauses"),
        ({"face_found": 0.5}, "lost in 50 %"),
        ({"opening_std": 0.0}, "hardly moves"),
    ],
)
def test_plain_words(values: dict[str, float], words: str) -> None:
    assert words in summary(Report("x", "video", {"yaw_std": 3, "pitch_std": 2, "roll_std": 1, **values}))


def test_real_ranges_are_in_order_and_known() -> None:
    assert len(REAL) >= 25
    for name, (low, middle, high) in REAL.items():
        assert name in MEASURES
        assert low <= middle <= high


def test_whether_a_value_fits_depends_on_which_way_is_good() -> None:
    low, _, high = REAL["head_jitter"]
    assert MEASURES["head_jitter"].fits(low / 2) is True
    assert MEASURES["head_jitter"].fits(high * 2) is False
    assert MEASURES["yaw_std"].fits(0.0) is False
    assert MEASURES["sync_correlation"].fits(0.99) is True
    assert MEASURES["sharpness"].fits(1.0) is None


def test_a_take_is_measured_fast_enough_to_show_beside_it() -> None:
    import time

    motion, sound = talking(10.0), np.random.default_rng(0).normal(size=160_000).astype(np.float32) * 0.05
    evaluate_take(motion, sound)
    started = time.process_time()
    evaluate_take(motion, sound)
    assert time.process_time() - started < 0.4


def test_a_take_file_is_measured_with_its_speech(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import wave

    from moda.cli.app import run
    from moda.evaluate.measures.sync import SHIPPED
    from moda.media.espeak import synthesise
    from moda.motion.files import save_motion

    made = synthesise("A short sentence for this test.", "en-us")
    rate, samples = made.rate, made.samples
    with wave.open(str(tmp_path / "s.wav"), "wb") as file:
        file.setparams((1, 2, rate, len(samples), "NONE", ""))
        file.writeframes(samples.tobytes())
    save_motion(talking(len(samples) / rate), tmp_path / "take.npz")
    line = ["evaluate", "video", str(tmp_path / "take.npz"), "--speech", str(tmp_path / "s.wav"), "--json"]
    assert run([*line, "--regressor", str(SHIPPED)]) == 0
    report = json.loads(capsys.readouterr().out)
    assert np.isfinite(report["measures"]["sync_correlation"]["value"])
    assert "real speakers score" in report["notes"][0]
