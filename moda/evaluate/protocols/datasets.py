"""Data sets of talking videos: which clips there are, who speaks in them, and which part of each is used.

Works on the folder layouts in which common data sets come, and on any folder of videos:

* VoxCeleb2: .../id00012/21Uxsk56VDQ/00001.mp4, speaker id00012
* LRS3:      .../5639pBqzqPo/00001.mp4 with 00001.txt beside ("Text:  ..."), speaker 5639pBqzqPo, words known
* HDTF:      WDA_BarackObama_000.mp4, speaker WDA_BarackObama
* CelebV-HQ: M2Ohb0FAaJU_1.mp4 (eleven letters of a video, then a number), speaker M2Ohb0FAaJU
* otherwise a folder is a speaker: anna/one.mp4 and anna/happy/two.mp4 are anna's (folders named after emotions do not
  count), while videos without a folder, or in one named `others`, are each of another person.

Words lie beside: in words.tsv at the top of the folder (columns file, word, one line a word in the order in which they
are said, or file, text), or as LRS3 has them.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from moda.errors import BadVideo
from moda.media.csv_safe import cell
from moda.media.footage import VIDEO_ENDINGS
from moda.motion.emotions import class_of

MAX_FILES = 2_000_000
WORDS = "words.tsv"
SILENT = frozenset({"", "sil", "sp", "<sil>"})
NOBODY = frozenset({"others", "various", "misc"})
"""Folders that hold many people."""


class ClipFile(NamedTuple):
    """A video of a data set. path: below the folder, with slashes. words: what is said, where it is known."""

    path: str
    layout: str
    speaker: str
    words: str = ""


def find_clips(folder: Path) -> list[ClipFile]:
    """Every video below a folder, sorted by path. Raises BadVideo where there is none."""
    if not folder.is_dir():
        raise BadVideo(f"{folder} is not a folder: give the folder that holds the videos.")
    found = []
    table = _word_table(folder / WORDS)
    for path in folder.rglob("*"):
        if path.suffix.lower() in VIDEO_ENDINGS and not path.name.startswith(".") and path.is_file():
            name = path.relative_to(folder).as_posix()
            found.append(describe(name, table.get(name) or _words(path)))
            if len(found) > MAX_FILES:
                raise BadVideo(f"{folder} holds more than {MAX_FILES:,} videos: give a part of it.")
    if not found:
        raise BadVideo(f"{folder} holds no videos ({', '.join(VIDEO_ENDINGS)}): give the folder that does.")
    return sorted(found, key=lambda clip: clip.path)


def describe(path: str, words: str = "") -> ClipFile:
    """Layout and speaker of a clip, read from its path below the data set's folder."""
    parts = path.split("/")
    stem = parts[-1].rsplit(".", 1)[0]
    if len(parts) >= 3 and re.fullmatch(r"id\d{5}", parts[-3]) and re.fullmatch(r"\d{5}", stem):
        return ClipFile(path, "VoxCeleb2", parts[-3], words)
    if len(parts) >= 2 and re.fullmatch(r"\d{5}", stem):
        return ClipFile(path, "LRS3", parts[-2], words)
    if match := re.fullmatch(r"((?:WDA|WRA|RD)_?\w*?)_?(\d{3})", stem):
        return ClipFile(path, "HDTF", match[1], words)
    if match := re.fullmatch(r"([\w-]{11})_(\d+)", stem):
        return ClipFile(path, "CelebV-HQ", match[1], words)
    folders = [part for part in parts[:-1] if class_of(part) is None]
    if not folders or folders[-1].casefold() in NOBODY:
        folders.append(stem)
    return ClipFile(path, "folder", "/".join(folders), words)


def _word_table(path: Path) -> dict[str, str]:
    """What is said, by path, of words.tsv; {} where there is none. Raises BadVideo for one that cannot be used."""
    if not path.is_file():
        return {}
    try:
        rows = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline=""), delimiter="\t")
        column = next((name for name in ("word", "text") if name in (rows.fieldnames or ())), "")
        if "file" not in (rows.fieldnames or ()) or not column:
            raise BadVideo(f"The table {path} needs the columns file and word (or text), parted by tabs.")
        found: dict[str, list[str]] = {}
        for row in rows:
            if (row[column] or "").strip() not in SILENT:
                found.setdefault((row["file"] or "").strip(), []).append((row[column] or "").strip())
    except (OSError, UnicodeDecodeError, csv.Error):
        raise BadVideo(f"The table {path} cannot be read: save it as UTF-8 text, columns parted by tabs.") from None
    return {name: " ".join(words)[:2000] for name, words in found.items()}


def _words(video: Path) -> str:
    """LRS3's text file beside a video: its first line says "Text:  THE WORDS"."""
    beside = video.with_suffix(".txt")
    try:
        first = beside.read_text(encoding="utf-8", errors="replace").partition("\n")[0] if beside.is_file() else ""
    except OSError:
        return ""
    return " ".join(first.partition("Text:")[2].split())[:2000]


def choose(clips: Sequence[ClipFile], count: int | None, seed: int) -> list[ClipFile]:
    """`count` clips, spread evenly over the speakers, at random by `seed`; None = all. In the order of their paths.

    Speakers are shuffled, and so are the clips of each; then every speaker gives one clip in turn.
    """
    if count is None or count >= len(clips):
        return list(clips)
    rng = np.random.default_rng(seed)
    by_speaker: dict[str, list[ClipFile]] = {}
    for clip in clips:
        by_speaker.setdefault(clip.speaker, []).append(clip)
    order = [list(by_speaker)[i] for i in rng.permutation(len(by_speaker))]
    piles = [[by_speaker[name][i] for i in rng.permutation(len(by_speaker[name]))] for name in order]
    taken: list[ClipFile] = []
    while len(taken) < count:
        for pile in piles:
            if pile and len(taken) < count:
                taken.append(pile.pop())
    return sorted(taken, key=lambda clip: clip.path)


def split_table(all_clips: Sequence[ClipFile], chosen: Sequence[ClipFile], seconds: float) -> str:
    """The split as CSV: index among all clips, path, layout, speaker, the part that is used (s)."""
    index = {clip.path: number for number, clip in enumerate(all_clips)}
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["index", "path", "layout", "speaker", "start", "seconds"])
    for clip in chosen:
        writer.writerow([index[clip.path], cell(clip.path), clip.layout, cell(clip.speaker), 0, f"{seconds:g}"])
    return text.getvalue()
