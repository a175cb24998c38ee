"""From what was read off all videos to the corpus: speakers, the split, shards, statistics, the report."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from moda.corpus.dataset import HELD_OUT
from moda.corpus.footage.clip import Stretch, rows_of, stretches_of
from moda.corpus.footage.labels import mixture_of
from moda.corpus.shards import ITEMS_PER_SHARD, write_items
from moda.errors import BadSetting
from moda.media.csv_safe import cell
from moda.motion.space import FPS, POSE, neutral_reference, normalise
from moda.performance.fitting import Rest, motion_of

FACTS, REPORT, BUILDING = "dataset.json", "report.csv", ".building"
COLUMNS = ("video", "speaker", "start", "seconds", "kept", "split", "emotion", "reason", "fps", "face_px", "yaw_deg",
           "opening_std", "level_db", "sync_r", "lag_ms")  # fmt: skip
DECIMALS = {"start": 2, "seconds": 2, "fps": 2, "face_px": 0, "yaw_deg": 1, "opening_std": 3, "level_db": 1,
            "sync_r": 2, "lag_ms": 0}  # fmt: skip


@dataclass(frozen=True)
class Source:
    """A video and its work file. number: its place among all videos; fault: why it has no work file, "" = it has."""

    number: int
    path: str
    speaker: str
    emotion: str
    strength: float
    work: Path | None
    fault: str = ""

    def rows(self) -> list[dict[str, Any]]:
        """Its rows, good and bad."""
        return rows_of(self.work) if self.work is not None else [{"fault": self.fault, "whole": True}]


def held_out_speakers(speakers: Sequence[str], share: float, seed: int = 0) -> set[str]:
    """The share of speakers, at least one of two or more, that is never trained on; by name, so that it stays the
    same when videos are added. Raises BadSetting for a share outside 0..0.9."""
    if not 0 <= share <= 0.9:
        raise BadSetting("The held-out share must be 0 to 0.9.")
    everyone = sorted(set(speakers), key=lambda name: hashlib.sha256(f"{seed}/{name}".encode()).digest())
    if share == 0 or len(everyone) < 2:
        return set()
    return set(everyone[: min(max(1, round(share * len(everyone))), len(everyone) - 1)])


def items_of(speaker: Sequence[Source]) -> Iterator[dict[str, np.ndarray]]:
    """Items of the corpus of one speaker's videos. The resting face is learnt from the clips that are labelled
    neutral, or from all where none is."""
    found: list[tuple[Source, Stretch]] = []
    for source in speaker:
        assert source.work is not None
        found += [(source, stretch) for stretch in stretches_of(source.work)]
    readings = [stretch.reading for _, stretch in found if "points" in stretch.arrays]
    neutral = [
        stretch.reading for source, stretch in found if source.emotion == "neutral" and "points" in stretch.arrays
    ]
    rest = Rest.of(neutral or readings) if readings else None
    for source, stretch in found:
        if "motion" in stretch.arrays:
            motion = stretch.arrays["motion"]
        else:
            assert rest is not None
            motion = motion_of(stretch.reading, rest)
        before = neutral_reference()
        before[POSE] = motion[0, POSE]
        yield {
            "columns": stretch.arrays["columns"],
            "motion": normalise(motion).astype(np.float16),
            "mixture": mixture_of(source.emotion, source.strength),
            "identity": stretch.arrays["identity"],
            "rest": normalise(before),
            "source": np.array(source.number),
        }


class Spread:
    """Mean and standard deviation of frames (T, D), gathered piece by piece."""

    def __init__(self) -> None:
        self.count, self.sum, self.square = 0, np.zeros(0), np.zeros(0)

    def add(self, frames: np.ndarray) -> None:
        """Take in some frames."""
        values = frames.astype(np.float64)
        if not self.count:
            self.sum, self.square = np.zeros(values.shape[1]), np.zeros(values.shape[1])
        self.count += len(values)
        self.sum += values.sum(0)
        self.square += (values**2).sum(0)

    def as_dict(self) -> dict[str, list[float]]:
        """Lists of D numbers each, rounded; empty where nothing was taken in."""
        if not self.count:
            return {"mean": [], "std": []}
        mean = self.sum / self.count
        std = np.sqrt(np.maximum(self.square / self.count - mean**2, 0))
        return {"mean": np.round(mean, 6).tolist(), "std": np.round(std, 6).tolist()}


def assemble(sources: Sequence[Source], output: Path, share: float, about: dict[str, Any]) -> dict[str, Any]:
    """Write shards, held-out shards, dataset.json and report.csv into `output`; returns what dataset.json holds.

    Everything is built beside and moved in whole at the end; dataset.json comes last.
    """
    good = [s for s in sources if any(not row["fault"] for row in s.rows())]
    apart = held_out_speakers([s.speaker for s in good], share)
    building = output / BUILDING
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    counts = {"train": [0, 0], HELD_OUT: [0, 0]}  # items, frames
    spread, emotions = Spread(), Counter[str]()
    for split, folder in (("train", building), (HELD_OUT, building / HELD_OUT)):
        batch: list[dict[str, np.ndarray]] = []
        shard = 0
        for name in sorted({s.speaker for s in good if (s.speaker in apart) == (split == HELD_OUT)}):
            for item in items_of([s for s in good if s.speaker == name]):
                batch.append(item)
                counts[split][0] += 1
                counts[split][1] += len(item["motion"])
                emotions[sources[int(item["source"])].emotion] += 1
                if split == "train":
                    spread.add(item["motion"])
                if len(batch) == ITEMS_PER_SHARD:
                    write_items(batch, folder / f"shard-{shard:04d}")
                    batch, shard = [], shard + 1
        if batch:
            write_items(batch, folder / f"shard-{shard:04d}")
    facts = {
        "kind": "moda-dataset", **about,
        "videos": len(sources), "items": counts["train"][0], "hours": round(counts["train"][1] / FPS / 3600, 4),
        "held_out": {"speakers": sorted(apart), "items": counts[HELD_OUT][0],
                     "hours": round(counts[HELD_OUT][1] / FPS / 3600, 4)},
        "speakers": len({s.speaker for s in good}), "emotions": dict(sorted(emotions.items())),
        "normalised_motion": spread.as_dict(), "sources": [s.path for s in sources],
    }  # fmt: skip
    _put(output / REPORT, report(sources, apart))
    _move_in(building, output)
    _put(output / FACTS, json.dumps(facts, indent=1, ensure_ascii=False) + "\n")
    return facts


def _move_in(building: Path, output: Path) -> None:
    (output / FACTS).unlink(missing_ok=True)
    for old in [*output.glob("shard-*"), output / HELD_OUT]:
        shutil.rmtree(old, ignore_errors=True)
    for new in sorted(building.iterdir()):
        new.rename(output / new.name)
    building.rmdir()


def _put(path: Path, text: str) -> None:
    from moda.media.output import write_bytes

    write_bytes(path, text.encode("utf-8"))


def report(sources: Sequence[Source], apart: set[str]) -> str:
    """Every stretch of every video as CSV: what was measured, whether it was kept, and if not, why."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for source in sources:
        for row in source.rows():
            kept = not row["fault"]
            split = (HELD_OUT if source.speaker in apart else "train") if kept else ""
            known = {"video": source.path, "speaker": source.speaker, "emotion": source.emotion, "reason": row["fault"],
                     "kept": "yes" if kept else "no", "split": split}  # fmt: skip
            writer.writerow([cell(known[name]) if name in known else _shown(name, row.get(name)) for name in COLUMNS])
    return text.getvalue()


def _shown(name: str, value: Any) -> str:
    if value is None or not np.isfinite(value):
        return ""
    return f"{value:.{DECIMALS[name]}f}"
