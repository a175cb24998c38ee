"""Real recorded speech as `Utterance`s: forced alignment (or recognition) of openly licensed recordings.

pocketsphinx carries a US English acoustic model. Recordings with a transcript are aligned to it; the others are
recognised first, which still gives mostly right sounds at the right times. Looks for a folder of FLAC files with
`transcripts.tsv` (name, tab, words); trains without it where it is absent.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np

from moda.corpus.synthetic.phonemes import to_ipa
from moda.corpus.synthetic.voices import SAMPLE_RATE, Phone, Utterance


def recordings_folder() -> Path | None:
    """The folder of openly licensed recordings, or None: $MODA_OPEN_SPEECH, or beside the repository."""
    shared = Path(os.environ.get("MODA_SHARED", Path(__file__).resolve().parents[4] / "shared"))
    folder = Path(os.environ.get("MODA_OPEN_SPEECH", shared / "data" / "open_speech"))
    return folder if folder.is_dir() else None


@lru_cache(maxsize=1)
def _dictionary() -> frozenset[str]:
    from pocketsphinx import get_model_path

    lines = Path(get_model_path("en-us/cmudict-en-us.dict")).read_text(encoding="utf-8").splitlines()
    return frozenset(line.split(" ", 1)[0] for line in lines)


def align(waveform: np.ndarray, words: str | None) -> tuple[Phone, ...]:
    """Phones of a 16 kHz waveform (N,) float, aligned to `words`, or recognised where words is None.

    Raises ValueError where pocketsphinx finds no alignment."""
    from pocketsphinx import Decoder

    pcm = (np.clip(waveform, -1, 1) * 32767).astype("<i2").tobytes()
    if words is None:
        decoder = Decoder(loglevel="ERROR")
        decoder.start_utt()
        decoder.process_raw(pcm, full_utt=True)
        decoder.end_utt()
        segments = [s.word for s in decoder.seg()]
        words = " ".join(w.split("(")[0] for w in segments if w[0] not in "<[")
    known = [w for w in re.findall(r"[a-z']+", words.lower()) if w in _dictionary()]
    if not known:
        raise ValueError("no known word to align")
    decoder = Decoder(lm=None, loglevel="ERROR")
    decoder.set_align_text(" ".join(known))
    for pass_over in ("words", "sounds"):
        decoder.start_utt()
        decoder.process_raw(pcm, full_utt=True)
        decoder.end_utt()
        if pass_over == "words":  # (asking for the hypothesis after the second pass crashes pocketsphinx)
            if decoder.hyp() is None:
                raise ValueError("alignment failed")
            decoder.set_alignment()
    phones: list[Phone] = []
    for word in decoder.get_alignment():
        for sound in word:
            symbol, stress = to_ipa(sound.name)
            start = sound.start / 100.0
            phones.append(Phone(start, start + sound.duration / 100.0, symbol, stress))
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


def open_recordings(folder: Path) -> Iterator[Utterance]:
    """Every recording in `folder` that can be aligned, with the speaker in `voice`."""
    table = folder / "transcripts.tsv"
    words = {}
    if table.is_file():
        words = dict(line.split("\t", 1) for line in table.read_text(encoding="utf-8").splitlines() if "\t" in line)
    for path in sorted(folder.glob("*.flac")):
        waveform = read_recording(path)
        try:
            phones = align(waveform, words.get(path.stem))
        except (ValueError, RuntimeError):
            continue
        speaker = "-".join(path.stem.split("-")[:2]) if path.stem.startswith("libri") else "LJ"
        yield Utterance(waveform, phones, "recording", "en-us", speaker)
