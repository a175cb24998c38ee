"""The offline voice: espeak-ng, called in this process through its C interface.

espeak-ng keeps one global state, so there is one engine a process and one call at a time (a lock). It is fast,
hundreds of times faster than real time, speaks more than a hundred languages, and sounds like a machine: formant
synthesis. The variants chosen here are its least harsh ones.
"""

from __future__ import annotations

import ctypes
import functools
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from moda.errors import BadText

_SYNCHRONOUS, _DONT_EXIT, _CHARS_UTF8, _END_PAUSE = 2, 0x8000, 1, 0x1000
_PARAMETER_RATE, _PARAMETER_PITCH, _PARAMETER_RANGE = 1, 3, 4
WORDS_A_MINUTE = 165  # espeak's default of 175 sounds hurried
# A test voice, scripts that fonts lack, and languages whose dictionary is not in the package.
_SKIPPED = frozenset({"xex", "chr-US-Qaaa-x-west", "en-shaw", "fo", "kaa"})


class _Voice(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_void_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("unused", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


@dataclass(frozen=True)
class Language:
    """A language that espeak-ng speaks: code ("en-gb"), English name, and the voice file behind it ("gmw/en")."""

    code: str
    name: str
    file: str


class Espeak:
    """One loaded espeak-ng. Use `engine()`: a second instance in one process would share the first one's state."""

    def __init__(self) -> None:
        import espeakng_loader

        self._lock = threading.Lock()
        self._data = Path(espeakng_loader.get_data_path())
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        self._library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
        self._library.espeak_SetVoiceByName.argtypes = [ctypes.c_char_p]
        self._library.espeak_Synth.argtypes = [
            ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int, ctypes.c_uint, ctypes.c_uint,
            ctypes.c_void_p, ctypes.c_void_p,
        ]  # fmt: skip
        self.rate = int(self._library.espeak_Initialize(_SYNCHRONOUS, 0, str(self._data).encode(), _DONT_EXIT))
        if self.rate <= 0:
            raise BadText("The offline voice could not be started: install espeakng-loader again.")
        self._pieces: list[np.ndarray] = []
        self._room = 0
        self._callback = _Callback(self._collect)  # kept: the library holds only a pointer to it
        self._library.espeak_SetSynthCallback(self._callback)
        self.languages = self._read_languages()
        folder = self._data / "voices" / "!v"
        self.variants = frozenset(path.name for path in folder.iterdir()) if folder.is_dir() else frozenset()

    def _collect(self, samples: ctypes._Pointer[ctypes.c_short], count: int, _events: int) -> int:  # type: ignore[type-var]
        if count > 0 and samples:
            self._pieces.append(np.ctypeslib.as_array(samples, shape=(count,)).copy())
            self._room -= count
        return 1 if self._room <= 0 else 0  # 1 stops the synthesis

    def _read_languages(self) -> tuple[Language, ...]:
        listed = self._library.espeak_ListVoices(None)
        found: dict[str, Language] = {}
        index = 0
        while listed[index]:
            voice = listed[index].contents
            # `languages` is a priority byte followed by the code.
            code = ctypes.string_at(voice.languages + 1).decode()
            if code not in _SKIPPED:
                found.setdefault(code, Language(code, voice.name.decode().strip(), voice.identifier.decode()))
            index += 1
        return tuple(sorted(found.values(), key=lambda language: language.code))

    def synthesise(
        self,
        text: str,
        language: str,
        variant: str = "",
        rate: float = 1.0,
        pitch: float = 0.0,
        liveliness: float = 1.0,
        max_seconds: float = 1_800.0,
    ) -> np.ndarray:
        """(N,) int16 at `self.rate` Hz.

        rate: 1 = normal, 2 = twice as fast. pitch: semitones, -12 to 12. liveliness: range of the melody, 1 = normal.
        Synthesis stops at `max_seconds`. Raises BadText for a language or variant that is not there.
        """
        file = next((known.file for known in self.languages if known.code == language), language)
        name = f"{file}+{variant}" if variant else file
        with self._lock:
            if self._library.espeak_SetVoiceByName(name.encode()) != 0:
                raise BadText(f"The offline voice '{language}' is not available: choose one from the list of voices.")
            self._set(_PARAMETER_RATE, round(float(np.clip(WORDS_A_MINUTE * rate, 80, 449))))
            # espeak doubles the base frequency over 50 steps of its pitch scale.
            self._set(_PARAMETER_PITCH, round(float(np.clip(50 + 50 * pitch / 12, 0, 99))))
            self._set(_PARAMETER_RANGE, round(float(np.clip(50 * liveliness, 0, 99))))
            self._pieces, self._room = [], int(max_seconds * self.rate)
            data = text.encode("utf-8")
            try:
                self._library.espeak_Synth(data, len(data) + 1, 0, 1, 0, _CHARS_UTF8 | _END_PAUSE, None, None)
                pieces = self._pieces
            finally:
                self._pieces = []
        return np.concatenate(pieces) if pieces else np.zeros(0, np.int16)

    def _set(self, parameter: int, value: int) -> None:
        self._library.espeak_SetParameter(parameter, value, 0)


@functools.cache
def engine() -> Espeak:
    """The process's espeak-ng, loaded at the first call (about 10 ms)."""
    return Espeak()
