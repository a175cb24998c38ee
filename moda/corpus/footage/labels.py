"""Emotion labels of videos: from a table, or from the names of the folders they lie in -> weights over the classes."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from moda.corpus.dataset import plain_mixture
from moda.errors import UserError
from moda.media.csv_safe import read_text
from moda.motion.emotions import NAMES, class_of
from moda.motion.space import FloatArray

MAX_BYTES = 64 * 1024 * 1024
FOLDERS = "folders"
"""What is given instead of a table to read the names of folders."""


class BadLabels(UserError):
    """A table of emotions that cannot be used."""


def mixture_of(name: str, strength: float = 1.0) -> FloatArray:
    """(9,) weights: the class by its strength 0..1, the rest neutral; "none" is never weakened."""
    if name == "none":
        return plain_mixture("none")
    return (strength * plain_mixture(name) + (1 - strength) * plain_mixture("neutral")).astype(np.float32)


class Labels:
    """What each video of a data set expresses. `unknown` lists what the table names and the data set lacks."""

    def __init__(self, found: Mapping[str, tuple[str, float]] | None = None, unknown: Sequence[str] = ()) -> None:
        self._found = dict(found or {})
        self.unknown = tuple(unknown)

    def of(self, path: str) -> tuple[str, float]:
        """Class and strength of a video by its path below the data set's folder; ("none", 1) without a label."""
        return self._found.get(path, ("none", 1.0))

    @classmethod
    def read(cls, source: str | None, paths: Sequence[str]) -> Labels:
        """source: None, the word folders, or a CSV with columns video, emotion and, if wanted, strength (0..1).

        A video is named by its path below the folder, with or without its ending, or by its bare name where that is
        the only one. Raises BadLabels.
        """
        if source is None:
            return cls()
        if source == FOLDERS:
            found = {}
            for path in paths:
                known = [name for part in path.split("/")[:-1] if (name := class_of(part))]
                if known:
                    found[path] = (known[-1], 1.0)
            if not found:
                raise BadLabels(f"No folder is named after an emotion ({', '.join(NAMES)}): give a table instead.")
            return cls(found)
        return cls(*_read_table(Path(source), paths))


def _read_table(source: Path, paths: Sequence[str]) -> tuple[dict[str, tuple[str, float]], list[str]]:
    text = read_text(source, "table", "CSV", MAX_BYTES, BadLabels)
    rows = csv.DictReader(io.StringIO(text, newline=""))
    heads = {str(name).strip().casefold(): name for name in rows.fieldnames or ()}
    if not {"video", "emotion"} <= set(heads):
        raise BadLabels(f"The table {source.name!r} needs the columns video and emotion (and may have strength).")
    names = _names(paths)
    found: dict[str, tuple[str, float]] = {}
    unknown = []
    try:
        for number, row in enumerate(rows, 2):
            video = str(row[heads["video"]] or "").strip().replace("\\", "/").removeprefix("./")
            name = class_of(str(row[heads["emotion"]] or ""))
            if name is None:
                raise BadLabels(
                    f"Line {number} of {source.name!r} has the emotion {str(row[heads['emotion']])[:40]!r}: "
                    f"use {', '.join(NAMES)}."
                )
            path = names.get(video)
            if path is None:
                unknown.append(video[:200])
                continue
            if path in found:
                raise BadLabels(f"Line {number} of {source.name!r} labels {video[:80]!r} a second time: keep one line.")
            found[path] = (name, _strength(row.get(heads.get("strength", "")), number, source))
    except csv.Error as fault:
        raise BadLabels(f"The table {source.name!r} is damaged ({fault}): save it as plain CSV.") from None
    if not found:
        raise BadLabels(f"The table {source.name!r} names none of the videos: write paths below their folder.")
    return found, unknown


def _names(paths: Sequence[str]) -> dict[str, str]:
    """Every way of naming a video -> its path; bare names only where they are the only ones."""
    names: dict[str, str] = {}
    bare: dict[str, set[str]] = {}
    for path in paths:
        names[path] = names[path.rsplit(".", 1)[0]] = path
        last = path.rsplit("/", 1)[-1]
        for name in (last, last.rsplit(".", 1)[0]):
            bare.setdefault(name, set()).add(path)
    return {**{name: min(owners) for name, owners in bare.items() if len(owners) == 1}, **names}


def _strength(value: str | None, number: int, source: Path) -> float:
    if value is None or not value.strip():
        return 1.0
    try:
        strength = float(value)
    except ValueError:
        strength = -1.0
    if not 0.0 <= strength <= 1.0:
        raise BadLabels(f"Line {number} of {source.name!r} has the strength {value[:20]!r}: give 0 to 1.")
    return strength
