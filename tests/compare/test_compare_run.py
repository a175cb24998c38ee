from __future__ import annotations

import csv
import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from moda.compare.manifest import Request, read_manifest
from moda.compare.run import Comparison, compare, repeat
from moda.errors import BadSetting, Cancelled
from moda.media.audio import Speech, load_speech
from moda.media.footage import probe, read_frames
from moda.motion.takes import Take
from moda.pipeline import TalkingHead
from tests.compare.inputs import BASE


def test_everything_is_there(made: Comparison, speech: Speech) -> None:
    assert set(made.files) == {
        "grid", "strip_png", "strip_pdf", "overlay_png", "overlay_pdf", "trajectories", "csv", "latex", "report",
        "manifest",
    }  # fmt: skip
    assert all(path.stat().st_size > 500 for path in made.files.values())
    assert [row.name for row in made.rows] == ["steps 1", "steps 3", "theirs"]
    about = probe(made.files["grid"])
    assert about.frames == speech.frames() and about.audio and about.size[0] > 3 * 256
    assert not list(made.folder.rglob(".moda-*")), "nothing half-written is left"


def test_grid_plays_the_speech_and_shows_the_variants(made: Comparison, speech: Speech) -> None:
    heard = load_speech(made.files["grid"]).waveform
    count = min(len(heard), len(speech.waveform))
    assert np.corrcoef(heard[:count], speech.waveform[:count])[0, 1] > 0.95
    grid = next(read_frames(made.files["grid"])).astype(int)
    ours = next(read_frames(made.folder / "variants" / "steps-1.npz".replace("npz", "mp4"))).astype(int)
    width, height = probe(made.folder / "variants" / "steps-1.mp4").size
    gap, bar = max(4, round(0.02 * width)), max(20, round(0.085 * height))
    part = grid[gap + bar : gap + bar + height, gap : gap + width]
    assert np.abs(part - ours).mean() < 4, "the first cell is the first variant"
    assert grid[gap : gap + bar, gap : gap + width].min() < 100, "its name is written above"


def test_variants_equal_single_takes_to_the_bit(
    made: Comparison, head: TalkingHead, speech: Speech, portrait_file: Path
) -> None:
    kept = Take.load(made.folder / "variants" / "steps-3.npz")
    alone = head.plan(head.portrait(portrait_file), speech, BASE.changed(steps=3))
    assert kept.motion.array.tobytes() == alone.motion.array.tobytes()
    facts = made.manifest["variants"][1]
    assert facts["motion_sha256"] == hashlib.sha256(alone.motion.array.tobytes()).hexdigest()
    assert facts["settings"] == BASE.changed(steps=3).as_dict()


def test_figures_have_print_width(made: Comparison) -> None:
    from PIL import Image

    for name in ("strip_png", "overlay_png"):
        with Image.open(made.files[name]) as image:
            assert image.width == pytest.approx(6.875 * 300, abs=2)
            assert image.height <= 9.2 * 300
    for name in ("strip_pdf", "overlay_pdf"):
        data = made.files[name].read_bytes()
        box = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+) ([\d.]+) ?\]", data)
        assert box is not None and float(box[1]) == pytest.approx(6.875 * 72, abs=0.5)
        assert b"/FontFile2" in data, "type is embedded as outlines, not as a picture"


def test_report_needs_no_network(made: Comparison) -> None:
    page = made.files["report"].read_text(encoding="utf-8")
    assert page.count("<section>") == 2
    assert not re.search(r"""(src|href)=["'](https?:)?//""", page)
    for target in re.findall(r'(?:src|href)="(?!data:)([^"]+)"', page):
        assert (made.folder / target).is_file(), target


def test_numbers_are_the_same_everywhere(made: Comparison) -> None:
    with made.files["csv"].open(newline="") as file:
        table = list(csv.DictReader(file))
    facts = json.loads(made.files["manifest"].read_text())
    for row, kept in zip(table, facts["rows"]):
        assert row["name"] == kept["name"] and row["measured"] == kept["measured"]
        assert float(row["yaw_std"]) == pytest.approx(kept["values"]["yaw_std"], abs=1e-4)
    for name, digest in facts["files"].items():
        assert hashlib.sha256((made.folder / name).read_bytes()).hexdigest() == digest


def test_a_manifest_makes_it_again_and_notices_changes(made: Comparison, head: TalkingHead, tmp_path: Path) -> None:
    facts, request = read_manifest(made.files["manifest"])
    assert request.vary == {"steps": [1, 3]} and request.base == BASE
    again = repeat(head, made.files["manifest"], tmp_path / "again")
    assert "to the bit" in again.notes[-1]
    for name in ("strip.png", "strip.pdf", "trajectories.pdf", "variants/steps-1.mp4", "grid.mp4"):
        assert (tmp_path / "again" / name).read_bytes() == (made.folder / name).read_bytes(), name
    (tmp_path / "manifest.json").write_text(json.dumps(facts))
    with pytest.raises(BadSetting, match="missing or has changed"):
        read_manifest(tmp_path / "manifest.json")
    (tmp_path / "manifest.json").write_text('{"kind": "else"}')
    with pytest.raises(BadSetting, match="not the manifest"):
        read_manifest(tmp_path / "manifest.json")


def test_nothing_to_compare_is_said_before_any_work(
    head: TalkingHead, speech: Speech, portrait_file: Path, tmp_path: Path
) -> None:
    for request, says in (
        (Request({}), "nothing to compare"),
        (Request({"steps": (4,)}), "nothing to compare"),
        (Request({"steps": (4, 5)}, measure="guess"), "measure must be"),
        (Request({"steps": (4, 5)}, width="huge"), "width must be"),
    ):
        with pytest.raises(BadSetting, match=says):
            compare(head, portrait_file, speech, request, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_it_can_be_stopped(head: TalkingHead, speech: Speech, portrait_file: Path, tmp_path: Path) -> None:
    request = Request({"steps": (1, 2)}, replace(BASE))
    with pytest.raises(Cancelled):
        compare(head, portrait_file, speech, request, tmp_path, cancel=lambda: True)
    assert not list(tmp_path.rglob("*.mp4")) and not list(tmp_path.rglob(".moda-*"))


def test_transparent_variants_are_files_of_their_own(
    head: TalkingHead, speech: Speech, portrait_file: Path, tmp_path: Path
) -> None:
    base = BASE.changed(alpha=True, steps=1)
    made = compare(head, portrait_file, speech, Request({"expression": (0.8, 1.2)}, base, measure="motion"), tmp_path)
    for facts in made.manifest["variants"]:
        clear = tmp_path / facts["transparent"]
        assert b"\x53\xc0\x81\x01" in clear.read_bytes()  # Matroska's AlphaMode
        assert probe(clear).frames == probe(tmp_path / facts["video"]).frames == speech.frames()
        assert facts["settings"]["alpha"] is True
    assert any("transparent" in note.lower() for note in made.notes)


def test_hostile_names_stay_text(made: Comparison) -> None:
    from moda.compare.report import page
    from moda.compare.tables import Row

    evil = '<img src=x onerror="alert(1)">'
    manifest = {**made.manifest, "caption": evil, "notes": [evil]}
    text = page(made.folder, manifest, [Row(evil, {"yaw_std": 1.0})], made.files)
    assert "<img src=x" not in text and "&lt;img src=x" in text
