"""Real recorded speech as `Utterance`s: forced alignment of openly licensed recordings.

pocketsphinx carries a US English acoustic model: recordings in English are aligned to their words. Where those are not
known they are heard by whisper tiny.en where it is installed (the extra `transcribe`), else by pocketsphinx itself,
which still gives mostly right sounds at the right times. A folder of recordings has a transcripts.tsv: name, tab,
words, without a head; or the columns file, speaker, language, text. What is absent is trained without.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from moda.corpus.synthetic.phonemes import to_ipa
from moda.corpus.synthetic.voices import SAMPLE_RATE, Phone, Utterance
from moda.media import recogniser


def recordings_folders() -> list[Path]:
    """Folders of openly licensed recordings: $MODA_OPEN_SPEECH, parted as in PATH, or those beside the repository."""
    shared = Path(os.environ.get("MODA_SHARED", Path(__file__).resolve().parents[4] / "shared"))
    given = os.environ.get("MODA_OPEN_SPEECH")
    folders = [Path(part) for part in given.split(os.pathsep)] if given else []
    folders = folders or [shared / "data" / "open_speech", shared / "data" / "voices"]
    return [folder for folder in folders if folder.is_dir()]


def align(waveform: np.ndarray, words: str | None) -> tuple[Phone, ...]:
    """Phones of a 16 kHz waveform (N,) float, aligned to `words`, or recognised where words is None.

    Raises ValueError where pocketsphinx finds no alignment."""
    pcm = (np.clip(waveform, -1, 1) * 32767).astype("<i2").tobytes()
    decoder = recogniser.aligner()
    said = re.findall(r"[a-z']+", (recogniser.hear(pcm) if words is None else words).lower())
    known = [word for word in said if decoder.lookup_word(word)]
    if not known:
        raise ValueError("no known word to align")
    placed = recogniser.place(decoder, " ".join(known), pcm)
    if not placed:
        raise ValueError("alignment failed")
    phones: list[Phone] = []
    for _, sounds in placed:
        for name, first, length in sounds:
            symbol, stress = to_ipa(name)
            start = first / recogniser.FRAMES
            phones.append(Phone(start, start + length / recogniser.FRAMES, symbol, stress))
    seconds = len(waveform) / SAMPLE_RATE
    if phones and phones[-1].end < seconds:
        phones.append(Phone(phones[-1].end, seconds, ""))
    return tuple(_with_stress(phones))


def _with_stress(phones: list[Phone]) -> list[Phone]:
    """The dictionary carries no stress: long vowels are taken as stressed."""
    from dataclasses import replace

    from moda.corpus.synthetic.phonemes import is_vowel

    return [
        replace(p, stress=2 if p.end - p.start > 0.10 else 1 if p.end - p.start > 0.07 else 0)
        if is_vowel(p.symbol)
        else p
        for p in phones
    ]


def read_recording(path: Path) -> np.ndarray:
    """Any sound file -> (N,) float32 16 kHz mono."""
    import imageio_ffmpeg

    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(path)]
    command += ["-f", "s16le", "-ac", "1", "-ar", str(SAMPLE_RATE), "-"]
    done = subprocess.run(command, capture_output=True, check=True, stdin=subprocess.DEVNULL)
    return np.frombuffer(done.stdout, "<i2").astype(np.float32) / 32768.0


@dataclass(frozen=True)
class Recording:
    """A sound file, who speaks, in which language, and the words ("" = not known)."""

    path: Path
    speaker: str
    language: str = "en"
    words: str = ""


def recordings_in(folder: Path) -> list[Recording]:
    """The recordings of a folder, by its transcripts.tsv, else every FLAC file as English of a speaker of its own."""
    table = folder / "transcripts.tsv"
    rows = [line.split("\t") for line in table.read_text(encoding="utf-8").splitlines()] if table.is_file() else []
    if rows and rows[0][0] == "file":
        listed = [Recording(folder / row[0], row[1], row[2], row[3] if len(row) > 3 else "") for row in rows[1:]]
        return [recording for recording in listed if recording.path.is_file()]
    words = {row[0]: row[1] for row in rows if len(row) > 1}

    def speaker(name: str) -> str:
        return "-".join(name.split("-")[:2]) if name.startswith("libri") else name.split("0")[0].split("-")[0]

    return [
        Recording(path, speaker(path.stem), "en", words.get(path.stem, "")) for path in sorted(folder.glob("*.flac"))
    ]


def spread(recordings: Sequence[Recording], count: int) -> list[Recording]:
    """At most `count` recordings, one of each speaker in turn."""
    piles: dict[str, list[Recording]] = {}
    for recording in recordings:
        piles.setdefault(recording.speaker, []).append(recording)
    turns = [
        pile[k] for k in range(max(map(len, piles.values()), default=0)) for pile in piles.values() if k < len(pile)
    ]
    return turns[:count]


def open_recordings(folders: Sequence[Path], count: int = 1200) -> Iterator[Utterance]:
    """Recordings in English, at most `count`, as many people as there are, each with its phones; what cannot be aligned
    is left out."""
    found = [recording for folder in folders for recording in recordings_in(folder) if recording.language == "en"]
    for recording in spread(found, count):
        waveform = read_recording(recording.path)
        try:
            phones = align(waveform, recording.words or heard(waveform))
        except (ValueError, RuntimeError):
            continue
        yield Utterance(waveform, phones, "recording", "en-us", recording.speaker)


def heard(waveform: np.ndarray) -> str | None:
    """The words that whisper hears, or None where it is not installed."""
    from moda.media.audio import Speech
    from moda.media.transcript import available, transcribe

    if not available():
        return None
    return " ".join(word.text for word in transcribe(Speech.of(waveform)).words) or None
