"""What each emotion sounds like in plain English: the sentences that free text is compared with.

Each class of MoDA has three lists, by how strongly a person feels it: mild (intensity 0.55), plain (1.0) and
strong (1.35). They mix four ways of describing a performance, because people prompt in all four: a mood ("in a
foul temper"), a face ("lips pressed together"), a line of speech ("get out of my house"), and a situation ("the
airline lost the luggage again"). All of them were written for this project; none is a test prompt.

`prototypes.npz` holds their embeddings; `python -m tools.prototypes` rebuilds it after an edit.
"""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import numpy as np

from moda.conditions.prototype_sentences import PROTOTYPES

SHIPPED = Path(__file__).with_name("prototypes.npz")


def listed() -> tuple[list[str], list[str], list[float]]:
    """All prototype sentences in a fixed order: (sentences, their classes, their intensities)."""
    rows = [
        (sentence, name, level)
        for name, levels in PROTOTYPES.items()
        for level, sentences in levels.items()
        for sentence in sentences
    ]
    sentences, classes, levels_ = zip(*rows)
    return list(sentences), list(classes), list(levels_)


def fingerprint() -> str:
    """sha256 over the sentences; the shipped embeddings carry it, so that stale ones are noticed."""
    return hashlib.sha256("\n".join(listed()[0]).encode()).hexdigest()


def embeddings() -> np.ndarray:
    """(N, 384) float32 unit rows, one a sentence of `listed`; computed afresh if the shipped file is stale."""
    try:
        with np.load(SHIPPED) as stored:
            if str(stored["fingerprint"]) == fingerprint():
                return stored["embeddings"].astype(np.float32)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        pass  # absent or damaged: the sentences are the truth, the file only saves two seconds
    return computed()


def computed() -> np.ndarray:
    """The embeddings from the sentences themselves (about 2 s)."""
    from moda.conditions.sentence import sentence_encoder

    return sentence_encoder().embed(listed()[0])
