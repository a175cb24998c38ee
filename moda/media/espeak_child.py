"""The process that espeak-ng runs in. Started as a script by `espeak.py`; needs the standard library only.

espeak-ng is C code with global state that is fed text by strangers: here a crash or a hang costs one request
instead of the studio, and every request starts from the same state, so the same text gives the same sound.

Reads one JSON request from standard input. Writes one JSON line, then, for speech, int16 samples.
Exit status 3: no such voice.
"""

from __future__ import annotations

import ctypes
import json
import sys

SYNCHRONOUS, DONT_EXIT, CHARS_UTF8, END_PAUSE = 2, 0x8000, 1, 0x1000
RATE, PITCH, RANGE = 1, 3, 4
NO_SUCH_VOICE = 3


class Voice(ctypes.Structure):
    """The part of espeak-ng's `espeak_VOICE` that is read here."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_void_p),
        ("identifier", ctypes.c_char_p),
    )


Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)


def main() -> int:
    """Answer one request."""
    request = json.load(sys.stdin.buffer)
    library = ctypes.CDLL(request["library"])
    rate = library.espeak_Initialize(SYNCHRONOUS, 0, request["data"].encode(), DONT_EXIT)
    out = sys.stdout.buffer
    if "text" not in request:
        library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(Voice))
        found: list[list[str]] = []
        listed = library.espeak_ListVoices(None)
        while listed[len(found)]:
            voice = listed[len(found)].contents
            code = ctypes.string_at(voice.languages + 1)  # after one byte of priority
            found.append([part.decode("utf-8", "replace").strip() for part in (code, voice.name, voice.identifier)])
        out.write(json.dumps({"rate": rate, "voices": found}).encode())
        return 0
    library.espeak_SetVoiceByName.argtypes = [ctypes.c_char_p]
    if library.espeak_SetVoiceByName(request["voice"].encode()) != 0:
        return NO_SUCH_VOICE
    if hasattr(library, "espeak_ng_SetRandSeed"):
        library.espeak_ng_SetRandSeed(ctypes.c_long(1))
    for parameter, value in ((RATE, request["rate"]), (PITCH, request["pitch"]), (RANGE, request["range"])):
        library.espeak_SetParameter(parameter, value, 0)
    room = int(request["max_seconds"] * rate)
    out.write(json.dumps({"rate": rate}).encode() + b"\n")

    def collect(samples: int | None, count: int, _events: int | None) -> int:
        nonlocal room
        if count > 0 and samples:
            out.write(ctypes.string_at(samples, 2 * count))
            room -= count
        return 0 if room > 0 else 1  # 1 stops the synthesis

    callback = Callback(collect)
    library.espeak_SetSynthCallback(callback)
    text = request["text"].encode("utf-8")
    library.espeak_Synth.argtypes = [
        ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int, ctypes.c_uint, ctypes.c_uint,
        ctypes.c_void_p, ctypes.c_void_p,
    ]  # fmt: skip
    library.espeak_Synth(text, len(text) + 1, 0, 1, 0, CHARS_UTF8 | END_PAUSE, None, None)
    out.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
