from __future__ import annotations

import csv
import re
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from moda.conditions.pose import pose_prior
from moda.errors import BadSetting, OutputFailed
from moda.media.audio import Speech
from moda.motion.actions import ACTIONS, INDEX, write_actions
from moda.motion.space import Motion, neutral_reference
from moda.preview.panels import COLUMNS, PANELS, envelope, thinned, trajectories
from moda.preview.trajectories import MAX_TAKES, TEXT, figure, write_csv, write_html, write_png


def talking(seed: int, frames: int = 100) -> tuple[Motion, np.ndarray]:
    rng = np.random.default_rng(seed)
    values = np.zeros((frames, len(ACTIONS)), np.float32)
    values[:, INDEX["jaw_open"]] = 0.3 + 0.3 * np.sin(np.arange(frames) * 1.3)
    if frames > 26:
        values[20:26, INDEX["blink_left"]] = [0.3, 0.9, 1.0, 0.7, 0.4, 0.1]
    values[:, INDEX["gaze_x"]] = rng.uniform(-0.3, 0.3)
    reference = neutral_reference(1.0, -2.0, 3.0)
    array = np.tile(reference, (frames, 1))
    array[:, :63] = write_actions(values)
    array[:, 63:70] += pose_prior("lively", frames, rng=rng)
    array[:, 63] *= 1.05
    return Motion(array, reference=reference), values


@pytest.fixture(scope="module")
def speech() -> Speech:
    return Speech.of(0.5 * np.sin(np.arange(4 * 16_000) / 20))


def test_what_is_drawn_is_what_the_motion_holds(speech: Speech) -> None:
    motion, values = talking(0)
    drawn = figure([motion], speech, ["seed 0"])
    traces = {trace.name: trace for trace in drawn.data}
    assert np.abs(np.array(traces["jaw open"].y) - values[:, INDEX["jaw_open"]]).max() < 2e-4
    assert np.abs(np.array(traces["yaw, + image left"].y) - motion.rotation[:, 1]).max() < 1e-4
    assert np.allclose(traces["yaw, + image left"].x, np.arange(100) / 25, atol=1e-4)
    assert np.allclose(traces["head size"].y, 5.0, atol=0.01)
    assert traces["jaw open"].visible is True and traces["frown"].visible == "legendonly"


def test_every_action_is_there_once() -> None:
    keys = [line.key for panel in PANELS for line in panel.lines]
    assert len(keys) == len(set(keys)) and set(ACTIONS) <= set(keys)
    for panel in PANELS:
        colours = [line.colour for line in panel.lines]
        assert len(colours) == len(set(colours)), panel.title


def test_panels_share_one_time_axis_and_do_not_touch(speech: Speech) -> None:
    layout = figure([talking(0)[0]], speech).to_dict()["layout"]
    spans = sorted(axis["domain"] for name, axis in layout.items() if name.startswith("yaxis"))
    assert len(spans) == 5 and [name for name in layout if name.startswith("xaxis")] == ["xaxis"]
    assert all(below[1] < above[0] for below, above in pairwise(spans)) and spans[0][0] >= 0
    assert layout["xaxis"]["range"] == [0, 4.0]
    assert len([n for n in figure([talking(0)[0]]).to_dict()["layout"] if n.startswith("yaxis")]) == 4


def contrast(colour: str, ground: float) -> float:
    parts = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    light = float(linear @ [0.2126, 0.7152, 0.0722])
    return (max(light, ground) + 0.05) / (min(light, ground) + 0.05)


def test_colours_are_seen_on_light_and_dark_pages() -> None:
    dark = 0.006  # luminance of #0d1117
    for panel in PANELS:
        for line in panel.lines:
            assert contrast(line.colour, 1.0) >= 2.7 and contrast(line.colour, dark) >= 3.0, line
    assert contrast(TEXT, 1.0) >= 4.0 and contrast(TEXT, dark) >= 4.2
    drawn = figure([talking(0)[0]]).layout
    assert drawn.paper_bgcolor == drawn.plot_bgcolor == "rgba(0,0,0,0)"


def test_takes_lie_over_each_other_and_are_switched_together() -> None:
    drawn = figure([talking(k)[0] for k in range(3)], None, ["a", "b", "c"])
    jaws = [trace for trace in drawn.data if trace.legendgroup == "jaw_open"]
    assert len(jaws) == 3 and len({trace.line.dash for trace in jaws}) == 3
    assert {trace.line.color for trace in jaws} == {jaws[0].line.color}
    assert [trace.showlegend for trace in jaws] == [True, False, False]


def test_names_are_text_not_markup() -> None:
    drawn = figure([talking(0)[0], talking(1)[0]], None, ["<img src=x onerror=alert(1)>", "b"])
    assert "<img" not in str(drawn.to_json())


def test_takes_that_cannot_be_drawn() -> None:
    motion = talking(0)[0]
    for motions, names in (([], None), ([motion] * (MAX_TAKES + 1), None), ([motion], ["a", "b"])):
        with pytest.raises(BadSetting):
            figure(motions, None, names)
    assert len(figure([motion] * MAX_TAKES).data) > 0


def test_one_frame_can_be_drawn(tmp_path: Path) -> None:
    motion = talking(0, 1)[0]
    assert len(figure([motion]).data) > 0
    assert write_png(tmp_path / "a.png", [motion]).stat().st_size > 5000


def test_ten_minutes_stay_small_and_keep_their_blinks() -> None:
    values = np.zeros(15_000)
    values[7000:7006] = [0.3, 0.9, 1.0, 0.7, 0.4, 0.1]
    times, curve = thinned(np.arange(15_000) / 25, values)
    assert len(curve) <= 3000 and curve.max() == 1.0 and curve.min() == 0.0
    assert times[np.argmax(curve)] == 7002 / 25 and np.all(np.diff(times) >= 0)
    reference = neutral_reference()
    long = Motion(np.tile(reference, (15_000, 1)))
    started = time.process_time()
    drawn = figure([long], Speech.of(np.zeros(600 * 16_000)))
    assert time.process_time() - started < 5
    assert len(drawn.to_json()) < 6_000_000


def test_the_envelope_bounds_the_waveform() -> None:
    wave = np.random.default_rng(0).uniform(-1, 1, 50_000).astype(np.float32)
    times, low, high = envelope(wave, 16_000)
    assert len(times) <= 1500 and low.min() == wave.min() and high.max() == wave.max() and np.all(low <= high)
    assert len(envelope(np.zeros(0), 16_000)[0]) == 0


def test_the_table_holds_everything(tmp_path: Path) -> None:
    motion, values = talking(0)
    with write_csv(tmp_path / "new" / "a.csv", motion).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 100 and list(rows[0]) == ["frame", "time", *COLUMNS]
    assert float(rows[30]["time"]) == 1.2
    for name in ACTIONS:
        assert np.abs(np.array([float(row[name]) for row in rows]) - values[:, INDEX[name]]).max() < 1e-4
    for column, axis in (("scale", 63), ("translation_x", 64), ("pitch", 67), ("roll", 69)):
        assert np.allclose([float(row[column]) for row in rows], motion.array[:, axis], rtol=1e-5, atol=1e-6)


def test_the_page_works_offline(tmp_path: Path, speech: Speech) -> None:
    page = write_html(tmp_path / "a.html", [talking(0)[0]], speech, title="<b>x</b>").read_text(encoding="utf-8")
    assert "<title>&lt;b&gt;x&lt;/b&gt;</title>" in page and "Plotly" in page
    # Plotly names map services in code that is never reached here; what counts is what the page itself asks for.
    assert not re.search(r"<script[^>]+src=|<link |@import", page)


def test_the_picture_changes_with_the_motion(tmp_path: Path, speech: Speech) -> None:
    from PIL import Image

    first = np.asarray(Image.open(write_png(tmp_path / "a.png", [talking(0)[0]], speech, title="deyu")))
    second = np.asarray(Image.open(write_png(tmp_path / "b.png", [talking(1)[0]], speech, title="deyu")))
    assert first.shape == second.shape and first.shape[1] == 1650
    assert not np.array_equal(first, second) and first.std() > 10


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for write in (write_html, write_png):
        with pytest.raises(OutputFailed):
            write(tmp_path / "file" / "a", [talking(0)[0]])
    with pytest.raises(OutputFailed):
        write_csv(tmp_path, talking(0)[0])


def test_trajectories_agree_with_what_was_written() -> None:
    motion, values = talking(3)
    found = trajectories(motion)
    for name in ACTIONS:
        assert np.abs(found[name] - values[:, INDEX[name]]).max() < 1e-4
    assert found["shift_x"].shape == (100,)
