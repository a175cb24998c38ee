"""Synthetic voices with exact phoneme times: espeak-ng, flite and festival, as one kind of `Utterance`.

espeak-ng comes with the wheel espeakng-loader and is always there; flite and festival are used where their programs
are installed (Debian: flite, festival and festvox-*). Phone symbols are IPA, whatever the engine.
"""

from __future__ import annotations

import ctypes
import itertools
import shutil
import subprocess
import tempfile
import wave
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from moda.corpus.synthetic.phonemes import to_ipa

SAMPLE_RATE = 16000


@dataclass(frozen=True)
class Phone:
    """One sound: start and end in seconds, IPA symbol ("" = silence), stress 0 none, 1 secondary, 2 primary."""

    start: float
    end: float
    symbol: str
    stress: int = 0


@dataclass(frozen=True)
class Utterance:
    """Speech with its phones. waveform (N,) float32 16 kHz mono; phones cover it from 0 to the end; lips (T, 9) at 25
    frames a second where the speaker was filmed (columns `coarticulation.LIPS`)."""

    waveform: np.ndarray
    phones: tuple[Phone, ...]
    engine: str
    language: str
    voice: str
    lips: np.ndarray | None = None


HELD_OUT_VARIANTS = ("f4", "m7", "klatt4", "Gene", "Michael", "belinda", "iven3", "Diogo")
"""espeak-ng voice variants never trained on."""

VARIANTS = (
    "f1", "f2", "f3", "f5", "m1", "m2", "m3", "m4", "m5", "m6", "m8", "croak", "klatt", "klatt2",
    "klatt3", "klatt5", "klatt6", "whisper", "whisperf", "Alex", "Alicia", "Andrea", "Andy", "Annie",
    "AnxiousAndy", "Denis", "Gene2", "Henrique", "Hugo", "Jacky", "Lee", "Marco", "Mario", "Mike",
    "Nguyen", "Reed", "Storm", "Tweaky", "adam", "anika", "announcer", "antonio", "aunty", "benjamin",
    "boris", "caleb", "david", "ed", "edward", "edward2", "grandma", "grandpa", "gustave", "ian", "iven",
    "iven2", "iven4", "john", "kaukovalta", "linda", "marcelo", "max", "michel", "miguel", "mike2",
    "norbert", "pablo", "paul", "pedro", "quincy", "robert", "robosoft", "sandro", "shelby", "steph",
    "steph2", "steph3", "travis", "victor", "zac",
)  # fmt: skip
"""The variants that are trained on; Demonic and rob crash espeak-ng 1.52 now and then and are left out."""

FLITE_VOICES = ("kal", "kal16", "awb", "rms", "slt")
FESTIVAL_VOICES: dict[str, tuple[str, str]] = {  # voice -> (language of its sentences, encoding it wants)
    "kal_diphone": ("en-us", "ascii"),
    "ked_diphone": ("en-us", "ascii"),
    "czech_dita": ("cs", "iso-8859-2"),
    "czech_krb": ("cs", "iso-8859-2"),
    "czech_machac": ("cs", "iso-8859-2"),
    "czech_ph": ("cs", "iso-8859-2"),
    "hy_fi_mv_diphone": ("fi", "iso-8859-1"),
    "suo_fi_lj_diphone": ("fi", "iso-8859-1"),
    "lp_diphone": ("it", "iso-8859-1"),
    "pc_diphone": ("it", "iso-8859-1"),
    "msu_ru_nsh_clunits": ("ru", "utf-8"),
}
HELD_OUT_FESTIVAL: dict[str, tuple[str, str]] = {
    "cmu_us_slt_arctic_hts": ("en-us", "ascii"),
    "upc_ca_ona_hts": ("ca", "iso-8859-1"),
}
"""The HTS engine: never trained on."""


class _EventId(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user", ctypes.c_void_p),
        ("id", _EventId),
    ]


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))
_SYNCHRONOUS, _PHONEME_IPA_EVENTS, _PHONEME = 2, 3, 7
_RATE, _PITCH, _RANGE = 1, 3, 4
_UTF8 = 1
_CLOSURE = 0.035
"""espeak-ng marks a voiceless stop at its burst; the silent closure before it lasts 35 ms (measured)."""


class Espeak:
    """espeak-ng in this process (the library keeps one global voice: use one instance per process)."""

    def __init__(self) -> None:
        import espeakng_loader

        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        data = str(espeakng_loader.get_data_path()).encode()
        self.rate = int(self._library.espeak_Initialize(_SYNCHRONOUS, 400, data, _PHONEME_IPA_EVENTS))
        if self.rate <= 0:
            raise RuntimeError("espeak-ng did not start: reinstall espeakng-loader")
        self._samples: list[np.ndarray] = []
        self._events: list[tuple[float, str]] = []

        def collect(samples: Any, count: int, events: Any) -> int:
            if samples and count > 0:
                self._samples.append(np.ctypeslib.as_array(samples, (count,)).copy())
            place = 0
            while events[place].type != 0:
                if events[place].type == _PHONEME:
                    symbol = bytes(events[place].id.string).split(b"\0")[0].decode("utf-8", "ignore")
                    self._events.append((events[place].audio_position / 1000.0, symbol))
                place += 1
            return 0

        self._collect = _CALLBACK(collect)  # the library holds a bare pointer: keep the object alive
        self._library.espeak_SetSynthCallback(self._collect)

    def speak(
        self, text: str, language: str, variant: str = "", rate: int = 165, pitch: int = 50, span: int = 50
    ) -> Utterance:
        """Say `text`. rate in words a minute (80..450), pitch and span (intonation range) 0..100.

        Raises ValueError for an unknown language or variant."""
        voice = f"{language}+{variant}" if variant else language
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ValueError(f"espeak-ng has no voice {voice}")
        for parameter, value in ((_RATE, rate), (_PITCH, pitch), (_RANGE, span)):
            self._library.espeak_SetParameter(parameter, int(value), 0)
        self._samples.clear()
        self._events.clear()
        encoded = text.encode()
        self._library.espeak_Synth(encoded, len(encoded) + 1, 0, 1, 0, _UTF8, None, None)
        self._library.espeak_Synchronize()
        if not self._samples:
            raise ValueError(f"espeak-ng said nothing for {text!r}")
        waveform = to_sample_rate(np.concatenate(self._samples).astype(np.float32) / 32768.0, self.rate)
        marks = [(start, *_split_stress(symbol)) for start, symbol in self._events]
        phones = _from_marks(marks, len(waveform) / SAMPLE_RATE)
        return Utterance(waveform, tuple(_with_closures(phones)), "espeak", language, voice)


def _split_stress(symbol: str) -> tuple[str, int]:
    stress = 2 if "ˈ" in symbol else 1 if "ˌ" in symbol else 0
    return symbol.replace("ˈ", "").replace("ˌ", ""), stress


def _from_marks(marks: list[tuple[float, str, int]], seconds: float) -> list[Phone]:
    """Start marks -> phones that cover 0..seconds; zero-length marks fall out, repeated silences merge."""
    marks = [(0.0, "", 0), *marks, (seconds, "", 0)]
    phones = []
    for (start, symbol, stress), (end, _, _) in itertools.pairwise(marks):
        end = min(end, seconds)
        if end - start > 1e-4:
            phones.append(Phone(start, end, symbol, stress))
    return phones


def _with_closures(phones: list[Phone]) -> list[Phone]:
    """Give voiceless stops the silent closure that espeak-ng leaves to the sound before them."""
    result = list(phones)
    for i in range(1, len(result)):
        symbol, before = result[i].symbol, result[i - 1]
        if symbol[:1] in tuple("ptkcq") and before.symbol and before.end - before.start > 1.5 * _CLOSURE:
            edge = result[i].start - _CLOSURE
            result[i - 1] = replace(before, end=edge)
            result[i] = replace(result[i], start=edge)
    return result


def to_sample_rate(waveform: np.ndarray, rate: int, wanted: int = SAMPLE_RATE) -> np.ndarray:
    """Sound (N,) at `rate` Hz -> at `wanted` Hz, float32."""
    import torch
    from torchaudio.functional import resample

    return np.asarray(resample(torch.tensor(waveform, dtype=torch.float32), rate, wanted).numpy())


def _read_wave(path: Path) -> np.ndarray:
    with wave.open(str(path)) as file:
        data = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32768.0
        return to_sample_rate(data, file.getframerate())


def flite(text: str, voice: str = "kal16", stretch: float = 1.0) -> Utterance:
    """Say English `text` with a flite voice; stretch > 1 is slower. Raises FileNotFoundError without flite."""
    if shutil.which("flite") is None:
        raise FileNotFoundError("flite is not installed")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "say.wav"
        command = ["flite", "-voice", voice, "-psdur", "--setf", f"duration_stretch={stretch}", "-t", text, "-o"]
        printed = subprocess.run([*command, str(path)], capture_output=True, text=True, check=True).stdout
        waveform = _read_wave(path)
    start, phones = 0.0, []
    for token in printed.split():
        name, _, end = token.rpartition(":")
        phones.append(Phone(start, float(end), *to_ipa(name)))
        start = float(end)
    return Utterance(waveform, _covering(phones, waveform), "flite", "en-us", f"flite-{voice}")


def festival(
    texts: list[str], voice: str, language: str, encoding: str, engine: str = "festival"
) -> Iterator[Utterance]:
    """Say `texts` with a festival voice in one run. Raises FileNotFoundError without festival or the voice."""
    if shutil.which("festival") is None or not any(Path("/usr/share/festival/voices").glob(f"*/{voice}*")):
        raise FileNotFoundError(f"festival voice {voice} is not installed")
    with tempfile.TemporaryDirectory() as folder:
        lines = [f"(voice_{voice})"]
        for i, text in enumerate(texts):
            quoted = text.replace("\\", " ").replace('"', " ")
            stem = f"{folder}/{i:04d}"
            lines += [
                f'(unwind-protect (begin (set! u (Utterance Text "{quoted}")) (utt.synth u)',
                f'(utt.save.wave u "{stem}.wav" \'riff) (utt.save.segs u "{stem}.lab")))',
            ]
        script = Path(folder) / "say.scm"
        script.write_bytes("\n".join(lines).encode(encoding, "ignore"))
        subprocess.run(["festival", "-b", str(script)], capture_output=True, check=False)
        for path in sorted(Path(folder).glob("*.lab")):
            waveform = _read_wave(path.with_suffix(".wav"))
            start, phones = 0.0, []
            for row in path.read_text(errors="ignore").split("\n")[1:]:
                parts = row.split()
                if len(parts) == 3:
                    phones.append(Phone(start, float(parts[0]), *to_ipa(parts[2], language)))
                    start = float(parts[0])
            if phones and len(waveform) > SAMPLE_RATE // 2:
                yield Utterance(waveform, _covering(phones, waveform), engine, language, voice)


def _covering(phones: list[Phone], waveform: np.ndarray) -> tuple[Phone, ...]:
    seconds = len(waveform) / SAMPLE_RATE
    kept = [replace(p, end=min(p.end, seconds)) for p in phones if p.start < seconds and p.end > p.start]
    if kept and kept[-1].end < seconds - 1e-3:
        kept.append(Phone(kept[-1].end, seconds, ""))
    return tuple(kept)
