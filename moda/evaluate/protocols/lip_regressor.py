"""Fitting the lip-sync regressor, on footage or on openly licensed speech; tools/fit_regressor.py is its command line.

Footage: the lips of each video are predicted by a regressor fitted on the others. It is not part of the package:
footage stays with whoever has the right to use it.

Speech: a folder with transcripts.tsv (name, TAB, words). The words are aligned by pocketsphinx and every phoneme
stands for the opening it has on average; that is how the shipped regressor was made.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from moda.errors import BadSpeech
from moda.evaluate.measures.signals import RATE, Array, Signals
from moda.evaluate.measures.sync import Regressor, Sync, fit, score, sound_features
from moda.media import recogniser
from moda.media.footage import VIDEO_ENDINGS
from moda.motion.actions import GAP_PER_JAW

#: Opening in the middle of a phoneme, in units of jaw_open: medians measured on real speakers, by phonetic class
#: where a phoneme was not said. In the short pauses of running speech lips stay parted.
OPENINGS: dict[str, float] = {
    "AA": 0.80, "AE": 0.74, "AH": 0.45, "AO": 0.62, "AW": 0.74, "AY": 0.74, "EH": 0.72, "ER": 0.22, "EY": 0.76,
    "IH": 0.36, "IY": 0.42, "OW": 0.34, "OY": 0.36, "UH": 0.21, "UW": 0.15, "B": 0.0, "P": 0.0, "M": 0.0, "F": 0.06,
    "V": 0.10, "W": 0.08, "R": 0.18, "L": 0.36, "N": 0.36, "NG": 0.40, "T": 0.36, "D": 0.34, "S": 0.32, "Z": 0.32,
    "SH": 0.30, "ZH": 0.30, "CH": 0.32, "JH": 0.34, "K": 0.45, "G": 0.45, "HH": 0.42, "Y": 0.34, "TH": 0.34,
    "DH": 0.34, "SIL": 0.25,
}  # fmt: skip
COARTICULATION = 0.03  # seconds, standard deviation


class Clip:
    """One talking video: its signals, its sound, and by how many milliseconds its lips are known to be late."""

    def __init__(self, name: str, signals: Signals, waveform: Array, late_ms: float) -> None:
        self.name, self.signals, self.waveform, self.late_ms = name, signals, waveform, late_ms

    def pair(self) -> tuple[Array, Array]:
        """Features of the sound and the opening of the lips, for `fit`."""
        return sound_features(self.waveform, len(self.signals), self.late_ms), self.signals.opening


def footage(folder: Path, cache: Path | None = None) -> list[Clip]:
    """Every talking video of a folder, followed; `cache` keeps the result (signals and sound) for the next time.

    A file videos.json in the folder may say {"name.mp4": {"lips_late_ms": 12.0}}.
    """
    about = folder / "videos.json"
    known = json.loads(about.read_text(encoding="utf-8")) if about.is_file() else {}
    clips = []
    for path in sorted(p for p in folder.iterdir() if p.suffix.lower() in VIDEO_ENDINGS):
        late = float(known.get(path.name, {}).get("lips_late_ms", 0.0))
        kept = None if cache is None else cache / f"{path.stem}.npz"
        if kept is not None and kept.is_file():
            with np.load(kept, allow_pickle=False) as file:
                clips.append(Clip(path.stem, Signals.load(kept), file["waveform"].astype(np.float64), late))
            continue
        from moda.evaluate.measures.following import follow, sound_of
        from moda.media.footage import probe

        waveform, _ = sound_of(path)
        if waveform is None:
            continue
        signals = follow(path, probe(path).fps)[0]
        if kept is not None:
            kept.parent.mkdir(parents=True, exist_ok=True)
            signals.save(kept, waveform=waveform.astype(np.float32))
        clips.append(Clip(path.stem, signals, waveform, late))
    return clips


def leave_one_out(clips: Sequence[Clip]) -> dict[str, tuple[Sync, Regressor]]:
    """For each clip: its sync by a regressor fitted on all the others, and that regressor."""
    pairs = {clip.name: clip.pair() for clip in clips}
    found = {}
    for clip in clips:
        others = [pair for name, pair in pairs.items() if name != clip.name]
        regressor = fit(others, source=f"footage without {clip.name}")
        found[clip.name] = (score(clip.signals.opening, clip.waveform, regressor, clip.late_ms), regressor)
    return found


def align(waveform: npt.ArrayLike, words: str = "") -> list[tuple[str, float, float]]:
    """Phonemes (ARPAbet, start s, end s) of a waveform (N,) at 16 kHz by pocketsphinx; without words it guesses them.

    Raises BadSpeech where the words do not fit the sound, or the dictionary has none of them.
    """
    sound = np.asarray(waveform, np.float64)
    pcm = (sound / max(float(np.abs(sound).max(initial=0.0)), 1e-6) * 26000).astype("<i2").tobytes()
    decoder = recogniser.aligner()
    plain = "".join(c if c.isalpha() or c == "'" else " " for c in (words or recogniser.hear(pcm)).lower()).split()
    placed = recogniser.place(decoder, " ".join(word for word in plain if decoder.lookup_word(word)), pcm)
    if not placed:
        raise BadSpeech("The words do not fit the speech, or the dictionary has none of them.")
    return [
        (name, first / recogniser.FRAMES, (first + length) / recogniser.FRAMES)
        for _, sounds in placed
        for name, first, length in sounds
    ]


def expected_opening(phonemes: Sequence[tuple[str, float, float]], frames: int) -> Array:
    """Opening (frames,) in IOD that phonemes make on average: a step for each, smoothed; p, b, m pull down hardest."""
    from scipy.ndimage import gaussian_filter1d

    fine = 200
    count = int(frames / RATE * fine) + 1
    track = np.zeros(count)
    for name, start, end in phonemes:
        track[int(start * fine) : int(end * fine)] = OPENINGS.get(name.strip("012"), 0.0)
    smooth = gaussian_filter1d(track, COARTICULATION * fine)
    for name, start, end in phonemes:
        if name in ("P", "B", "M"):
            middle, half = (start + end) / 2 - 0.017, max((end - start) / 2, 0.035) + 0.01
            away = np.abs(np.arange(count) / fine - middle)
            smooth *= np.clip((away - half) / 0.05, 0, 1)
    at = np.clip(((np.arange(frames) + 0.5) / RATE * fine).astype(int), 0, count - 1)
    return smooth[at] * GAP_PER_JAW


def fit_speech(folder: Path) -> Regressor:
    """A regressor fitted on aligned speech: the one that ships. Needs pocketsphinx; transcripts.tsv gives words."""
    from moda.media.audio import load_speech

    table = folder / "transcripts.tsv"
    lines = table.read_text(encoding="utf-8").splitlines() if table.is_file() else []
    words = dict(line.split("\t", 1) for line in lines if "\t" in line)
    pairs = []
    for path in sorted(p for p in folder.iterdir() if p.suffix.lower() in (".flac", ".wav", ".ogg", ".mp3")):
        waveform = load_speech(path).waveform
        try:
            phonemes = align(waveform, words.get(path.stem, ""))
        except BadSpeech:
            continue
        frames = int(len(waveform) / 16_000 * RATE)
        pairs.append((sound_features(waveform, frames), expected_opening(phonemes, frames)))
    seconds = sum(len(y) for _, y in pairs) / RATE
    about = f"{len(pairs)} utterances ({seconds:.0f} s) of LJSpeech (public domain) and LibriSpeech (CC BY 4.0)"
    return fit(pairs, source=about + ", phonemes aligned by pocketsphinx, openings by phoneme")
