"""Text to speech: online voices where the internet is there, espeak-ng where it is not, one interface."""

from __future__ import annotations

import difflib
import math
import re
import unicodedata
from dataclasses import dataclass, replace

import numpy as np

from moda import policy
from moda.errors import BadSpeech, BadText
from moda.media.audio import MAX_SECONDS, MIN_SECONDS, RATE, Speech, load_speech
from moda.media.espeak import languages, synthesise, variants
from moda.media.online import Unreachable, service
from moda.media.voices import ONLINE, ONLINE_NAME, VARIANTS, guess_language, to_espeak, to_online

MAX_TEXT = 5_000
"""Most letters that are spoken at once: about six minutes."""

LEVEL = -20.0  # dB full scale, root mean square while speaking
LIVELINESS = 1.25  # range of the offline voice's melody; espeak's own is flatter than people are
PEAK = 0.89  # -1 dB full scale
LEAD, TAIL, FADE = 0.12, 0.25, 0.02  # seconds of silence before and after, and of the fade; lips open before sound


@dataclass(frozen=True)
class Voice:
    """A voice that `speak` knows: name to give it, language (code), gender, engine and whether it needs internet."""

    name: str
    language: str
    gender: str
    engine: str
    online: bool


def voices() -> list[Voice]:
    """Every listed voice, online ones first. Works without the internet."""
    found = [
        Voice(f"{locale}-{name}Neural", locale, gender, "edge-tts", True)
        for locale, pair in sorted(ONLINE.items())
        for name, gender in zip(pair, ("female", "male"))
    ]
    found += [
        Voice(f"{language.code}+{variant}", language.code, gender, "espeak-ng", False)
        for language in languages()
        for gender, variant in VARIANTS.items()
    ]
    return found


def speak(
    text: str,
    voice: str = "auto",
    rate: float = 1.0,
    pitch: float = 0.0,
    offline: bool | None = None,
    *,
    max_text: int = MAX_TEXT,
    timeout: float = 10.0,
) -> Speech:
    """Speak a text.

    voice: "auto" (language guessed from the text), a language ("en", "pt-BR"), an online voice
        ("en-GB-SoniaNeural") or an offline one ("en-gb+Annie"); see `voices()`.
    rate: 0.5 to 2, 1 = normal. pitch: -12 to 12 semitones.
    offline: True = never use the internet; None = online where it can be reached, else offline with a `notice` that
        says so; False = online or fail.
    timeout: seconds to wait for the online service (longer texts are given in proportion more).

    Returns a Speech at about -20 dB full scale, with short silences around it. Raises BadText for a text that is
    empty, too long or has nothing to speak, for an unknown voice, and for rate or pitch out of range; Refused.
    """
    words = clean(text, max_text)
    if not (math.isfinite(rate) and 0.5 <= rate <= 2.0):
        raise BadText(f"A speaking rate of {rate:g} is out of range: use 0.5 (slow) to 2 (fast).")
    if not (math.isfinite(pitch) and -12.0 <= pitch <= 12.0):
        raise BadText(f"A pitch of {pitch:g} semitones is out of range: use -12 to 12.")
    online, language, variant = _resolve(voice, words)
    policy.ask("speak", text=words, voice=voice, rate=rate, pitch=pitch)
    notice = ""
    if offline is not True and online is not None:
        try:
            data = service().synthesise(words, online, rate, pitch, timeout + len(words) / 100.0)
            return replace(_finish(load_speech(data, max_seconds=MAX_SECONDS)), name=online)
        except (Unreachable, BadSpeech) as fault:
            if offline is False:
                raise BadText(
                    f"The online voice '{online}' could not be used ({fault}): check the internet connection, "
                    "or use an offline voice."
                ) from None
            notice = f"The online voices could not be used ({fault}), so the offline voice (espeak-ng) speaks."
    elif offline is False:
        raise BadText(f"The voice '{voice}' is an offline one: choose an online voice, or allow offline voices.")
    if language is None:
        raise BadText(f"The voice '{voice}' needs the internet, and no offline voice speaks its language.")
    heard = synthesise(words, language, variant, rate, pitch, LIVELINESS)
    if language == "ja" and re.search("[一-鿿]", words):
        notice += " It cannot read kanji: write the text in kana."
    try:
        sound = load_speech(heard, min_seconds=0.02)
    except BadSpeech:
        raise BadText(f"Nothing in this text can be spoken in '{language}': write it in words.") from None
    return replace(_finish(sound), name=f"{language}+{variant}" if variant else language, notice=notice.strip())


def clean(text: str, max_text: int = MAX_TEXT) -> str:
    """The text as it is spoken: composed, without control characters, spaces collapsed.

    Raises BadText if it is empty, longer than `max_text` letters, or has neither letters nor digits.
    """
    if not isinstance(text, str) or not text.strip():
        raise BadText("There is no text to speak: type a sentence.")
    if len(text) > max_text:
        raise BadText(f"The text has {len(text):,} letters and the limit is {max_text:,}: speak it in parts.")
    composed = unicodedata.normalize("NFC", text)
    kept = "".join(letter if unicodedata.category(letter) not in ("Cc", "Cf", "Cs", "Co", "Cn") else
                   (" " if letter.isspace() else "") for letter in composed)  # fmt: skip
    words = re.sub(r"\s+", " ", kept).strip()
    if not any(unicodedata.category(letter)[0] in "LN" for letter in words):
        raise BadText("The text holds nothing that can be spoken: type words.")
    return words


def _resolve(voice: str, text: str) -> tuple[str | None, str | None, str]:
    """(online voice or None, espeak language or None, espeak variant) for what the person asked for."""
    asked = (voice or "auto").strip()
    codes = frozenset(language.code for language in languages())
    match = ONLINE_NAME.match(asked)
    if match:
        male = match[2] == ONLINE.get(match[1], ("", ""))[1]
        return asked, to_espeak(match[1], codes), VARIANTS["male" if male else "female"]
    if asked.lower() in ("auto", "female", "male"):
        gender = "male" if asked.lower() == "male" else "female"
        language = guess_language(text)
        return to_online(language, gender), to_espeak(language, codes), VARIANTS[gender]
    language, _, variant = asked.partition("+")
    code = to_espeak(language, codes)
    named = {name.lower(): name for name in variants()}
    if variant:
        if code is None or variant.lower() not in named:
            raise _unknown(voice, [*codes, *(f"{code or 'en-us'}+{name}" for name in named.values())])
        return None, code, named[variant.lower()]
    online = to_online(language)
    if code is None and online is None:
        raise _unknown(voice, [*codes, *(f"{locale}-{name}Neural" for locale, pair in ONLINE.items() for name in pair)])
    return online, code, VARIANTS["female"]


def _unknown(voice: str, names: list[str]) -> BadText:
    shown = "".join(letter if letter.isprintable() else " " for letter in voice[:61])
    shown = shown if len(shown) <= 60 else shown[:60] + "..."
    lower = {name.lower(): name for name in names}
    close = [lower[name] for name in difflib.get_close_matches(voice.lower()[:60], list(lower), 3, 0.5)]
    hint = f"did you mean {' or '.join(close)}?" if close else "use 'auto', a language such as 'en', or a listed voice."
    return BadText(f"There is no voice or language '{shown}': {hint}")


def _finish(speech: Speech) -> Speech:
    """Even out the loudness, fade both ends and put short silences around."""
    wave = speech.waveform.astype(np.float64)
    block = RATE // 50
    power = np.square(wave[: len(wave) // block * block]).reshape(-1, block).mean(axis=1)
    power = power[power > power.max(initial=0.0) * 1e-3]
    if not power.size:
        power = np.square(wave).mean(keepdims=True)
    gain = 10.0 ** (LEVEL / 20.0) / max(float(np.sqrt(power.mean())), 1e-6)
    wave *= min(gain, PEAK / max(float(np.abs(wave).max()), 1e-6))
    loud = np.flatnonzero(np.abs(wave) > 1e-3)
    if loud.size:  # the engine's own silences differ; ours are the same for all
        wave = wave[max(0, loud[0] - block) : loud[-1] + block]
    fade = min(round(FADE * RATE), len(wave) // 2)
    ramp = 0.5 - 0.5 * np.cos(np.pi * np.arange(fade) / max(1, fade))
    wave[:fade] *= ramp
    wave[len(wave) - fade :] *= ramp[::-1]
    tail = max(TAIL, MIN_SECONDS - len(wave) / RATE - LEAD)
    whole = np.concatenate([np.zeros(round(LEAD * RATE)), wave, np.zeros(math.ceil(tail * RATE))])
    return Speech.of(whole.astype(np.float32), name=speech.name, notice=speech.notice)
