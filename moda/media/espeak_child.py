"""The process that espeak-ng runs in. Started as a script by `espeak.py`; needs the standard library only.

espeak-ng is C code with global state that is fed text by strangers: here a crash or a hang costs one request
instead of the studio, and every request starts from the same state, so the same text gives the same sound.

Reads one JSON request from standard input. Writes one JSON line, then, for speech, int16 samples. The line holds the
rate and, for speech, `marks`: [kind, place, seconds, symbol] for each word ("word"), phoneme ("phone", with its IPA
symbol) and end of a clause ("clause"); `place` counts letters of the text from 0. Exit status 3: no such voice.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys

SYNCHRONOUS, PHONEME_EVENTS, IPA, DONT_EXIT, CHARS_UTF8, END_PAUSE = 2, 1, 2, 0x8000, 1, 0x1000
KINDS = {1: "word", 5: "clause", 7: "phone"}
RATE, PITCH, RANGE = 1, 3, 4
NO_SUCH_VOICE = 3


class Voice(ctypes.Structure):
    """The part of espeak-ng's `espeak_VOICE` that is read here."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_void_p),
        ("identifier", ctypes.c_char_p),
    )


class Mark(ctypes.Union):
    """What an event is about: a number or a phoneme's name."""

    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("symbol", ctypes.c_char * 8))


class Event(ctypes.Structure):
    """espeak-ng's `espeak_EVENT`; `place` counts letters from 1, `time` is in milliseconds."""

    _fields_ = (
        ("kind", ctypes.c_int),
        ("identifier", ctypes.c_uint),
        ("place", ctypes.c_int),
        ("length", ctypes.c_int),
        ("time", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user", ctypes.c_void_p),
        ("mark", Mark),
    )


Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(Event))


def main() -> int:
    """Answer one request."""
    request = json.load(sys.stdin.buffer)
    library = ctypes.CDLL(request["library"])
    # espeak cuts the path of its data at 160 bytes, and on Windows reads it as ANSI: "." is short and plain.
    os.chdir(os.path.dirname(request["data"]))  # noqa: PTH120 - pathlib takes longer to import than a word to say
    rate = library.espeak_Initialize(SYNCHRONOUS, 0, b".", PHONEME_EVENTS | IPA | DONT_EXIT)
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
    sound = bytearray()
    marks: list[tuple[str, int, float, str]] = []

    def collect(samples: int | None, count: int, events: ctypes._Pointer[Event]) -> int:
        nonlocal room
        if count > 0 and samples:
            if not request.get("silent"):
                sound.extend(ctypes.string_at(samples, 2 * count))
            room -= count
        number = 0
        while (event := events[number]).kind:
            if event.kind in KINDS:
                symbol = event.mark.symbol.decode("utf-8", "ignore") if event.kind == 7 else ""
                marks.append((KINDS[event.kind], max(0, event.place - 1), event.time / 1000.0, symbol))
            number += 1
        return 0 if room > 0 else 1  # 1 stops the synthesis

    callback = Callback(collect)
    library.espeak_SetSynthCallback(callback)
    text = request["text"].encode("utf-8")
    library.espeak_Synth.argtypes = [
        ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int, ctypes.c_uint, ctypes.c_uint,
        ctypes.c_void_p, ctypes.c_void_p,
    ]  # fmt: skip
    library.espeak_Synth(text, len(text) + 1, 0, 1, 0, CHARS_UTF8 | END_PAUSE, None, None)
    out.write(json.dumps({"rate": rate, "marks": marks}).encode() + b"\n")
    out.write(sound)
    out.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
