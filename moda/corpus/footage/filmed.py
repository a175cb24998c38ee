"""Footage as filmed speech: sound, phones, and what the lips did, for the corpus of moda-lite.

Only the lips are taken: a speaker who holds the head still would teach every talker to do so. Head, gaze, blinks, brows
and feelings of the corpus are made up around them (`moda.corpus.synthetic.behaviour`).
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from moda.corpus.footage.clip import SAMPLES, Recipe, Stretch, stretches_of
from moda.corpus.footage.limits import Limits
from moda.corpus.footage.run import read_all
from moda.corpus.synthetic.coarticulation import LIPS
from moda.corpus.synthetic.recordings import align
from moda.corpus.synthetic.voices import Phone, Utterance
from moda.errors import UserError
from moda.evaluate.protocols.datasets import ClipFile, find_clips
from moda.motion.actions import INDEX
from moda.performance.fitting import Rest, action_values

MEASURED_ON = frozenset({"bbaf2n", "brbk7n", "lbbc2a", "lrwp9a", "pwij3p", "sbia1a"})
"""Names of GRID clips that models are measured on: nobody's clip of such a name is learnt from."""
APART = 10
"""One of so many clips is kept for validation."""
LIMITS = Limits(min_seconds=1.0, min_motion=0.0, min_sync=-1.0)
"""Silence and closed lips are learnt from too."""
COLUMNS = [INDEX[name] for name in LIPS]


def footage_folder() -> Path | None:
    """The folder of openly licensed footage: $MODA_FOOTAGE, or beside the repository; None where there is none."""
    shared = Path(os.environ.get("MODA_SHARED", Path(__file__).resolve().parents[4] / "shared"))
    folder = Path(os.environ.get("MODA_FOOTAGE", shared / "data" / "grid"))
    return folder if folder.is_dir() else None


def kept_apart(path: str) -> bool:
    """Whether a clip is for validation: chosen by its name, so that it stays the same when clips are added."""
    return zlib.crc32(path.encode()) % APART == 0


def filmed_speech(folder: Path, work: Path, apart: bool, workers: int = 1) -> Iterator[Utterance]:
    """Every good stretch of the videos below a folder, or of those kept apart; what was followed stays in `work`."""
    from moda.media.audio import load_speech

    recipe = Recipe(LIMITS, "landmarks")
    work.mkdir(parents=True, exist_ok=True)
    clips = [clip for clip in find_clips(folder) if Path(clip.path).stem not in MEASURED_ON]
    files = {clip.path: file for clip, file in read_all(folder, clips, recipe, work, workers, None)}
    for speaker in sorted({clip.speaker for clip in clips}):
        found: list[tuple[ClipFile, Stretch]] = []
        for clip in (clip for clip in clips if clip.speaker == speaker):
            found += [(clip, stretch) for stretch in stretches_of(files[clip.path])]
        if not found:
            continue
        rest = Rest.of([stretch.reading for _, stretch in found])
        for clip, stretch in found:
            if kept_apart(clip.path) != apart:
                continue
            begin, seconds = stretch.row["start"], stretch.row["seconds"]
            wave = load_speech(folder / clip.path).waveform[round(begin * SAMPLES) : round((begin + seconds) * SAMPLES)]
            whole = begin < 0.05 and clip.words != ""
            phones = phones_of(wave, clip.words if whole else "")
            lips = action_values(stretch.reading, rest)[:, COLUMNS]
            yield Utterance(wave, phones, "footage", "en-us", speaker, lips)


def phones_of(wave: np.ndarray, words: str) -> tuple[Phone, ...]:
    """The phones of known words, () where they are not known or cannot be aligned."""
    if not words:
        return ()
    try:
        return align(wave, words)
    except (ValueError, RuntimeError, UserError):
        return ()


def balanced(clips: Sequence[Utterance], least: float = 0.015) -> list[Utterance]:
    """The clips, those of a speaker with few of them as often as makes `least` of the whole."""
    count: dict[str, int] = {}
    for clip in clips:
        count[clip.voice] = count.get(clip.voice, 0) + 1
    wanted = max(1, round(least * len(clips)))
    return [clip for clip in clips for _ in range(max(1, wanted // count[clip.voice]))]
