"""Text to speech: online voices where the internet is there, neural voices or espeak-ng where it is not."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from moda import policy
from moda.errors import BadSpeech, BadText, UserError
from moda.media.alignment import align
from moda.media.audio import MAX_SECONDS, MIN_SECONDS, RATE, Speech, load_speech
from moda.media.clean import MAX_TEXT, clean
from moda.media.espeak import languages, variants
from moda.media.language import guess_language, script_of, sentence_language, unread
from moda.media.neural import kokoro, piper
from moda.media.neural.packages import VoiceMissing, installed
from moda.media.offline import KOKORO, Joe, Kokoro, Robot, Speaker, at_speech_rate, neural, speakers
from moda.media.online import Unreachable, service
from moda.media.reading import reading, sentences
from moda.media.voices import ONLINE, ONLINE_NAME, VARIANTS, to_espeak, to_online
from moda.media.words import Sound, moved, phones_of, sounds_of, words_of

LEVEL = -20.0  # dB full scale, root mean square while speaking
PEAK = 0.89  # -1 dB full scale
LEAD, TAIL, FADE = 0.12, 0.25, 0.02  # seconds of silence before and after, and of the fade; lips open before sound
TIMEOUT = 10.0
"""Seconds to wait for the online service; longer texts are given in proportion more."""
PAUSE, BREATH = 0.30, 0.08  # seconds between sentences, and between the parts of a long one


@dataclass(frozen=True)
class Voice:
    """A voice that `speak` knows: name to give it, language (code), gender, engine and whether it needs internet.

    kind: "neural" (on this machine), "robot" (on this machine, formant synthesis) or "online". licence: of the voice.
    """

    name: str
    language: str
    gender: str
    engine: str
    online: bool
    kind: str
    licence: str


_MICROSOFT = "Microsoft's terms"
UNNAMED = ("", "auto", "female", "male")
"""What is asked for where no voice and no language is named: the text's language decides."""


def _neural_voice(name: str) -> Voice:
    if name == "joe":
        return Voice("joe", "en-us", "male", "piper", False, "neural", "CC0")
    return Voice(name, "en-us", KOKORO[name][1], "kokoro", False, "neural", "Apache-2.0")


def is_neural(names: str) -> bool:
    """Whether a Speech's `voice` (one name, or several with commas) is of neural voices of this machine alone."""
    return all(name.rpartition("+")[2] in ("joe", *KOKORO) for name in names.split(", "))


def voices() -> list[Voice]:
    """Every listed voice: neural ones of this machine, online ones, then espeak-ng's. Works without the internet."""
    found = [_neural_voice("joe")] if installed(piper.PACKAGE) else []
    found += [_neural_voice(name) for name in KOKORO] if installed(kokoro.PACKAGE) else []
    found += [
        Voice(f"{locale}-{name}Neural", locale, gender, "edge-tts", True, "online", _MICROSOFT)
        for locale, pair in sorted(ONLINE.items())
        for name, gender in zip(pair, ("female", "male"))
    ]
    found += [
        Voice(f"{language.code}+{variant}", language.code, gender, "espeak-ng", False, "robot", "GPL-3.0")
        for language in languages()
        for gender, variant in VARIANTS.items()
    ]
    return found


@dataclass(frozen=True)
class Casting:
    """Who speaks a text: `first`, and `second` where the first is online and cannot be reached (None: nobody)."""

    first: Voice
    second: Voice | None = None


def casting(text: str, voice: str = "auto") -> Casting:
    """Who would speak a text now. Raises BadText for an unknown voice, and for a language that nobody speaks."""
    asked = _resolve(voice, text)
    usable = next(filter(_usable, asked.offline), None)
    alone = asked.online is None or (service().closed and usable is not None)
    if usable is not None and alone:
        for _, sentence in sentences(text):
            _check_letters(sentence, _candidates(sentence, asked)[0])
    here = None if usable is None else _offline_voice(usable)
    if asked.online is None or alone:
        if here is None:
            raise BadText(f"No voice speaks the language of '{voice}': choose another.")
        return Casting(here)
    gender = "male" if asked.online == to_online(asked.online.rpartition("-")[0], "male") else "female"
    locale = asked.online.rpartition("-")[0]
    return Casting(Voice(asked.online, locale, gender, "edge-tts", True, "online", _MICROSOFT), here)


def _usable(speaker: Speaker) -> bool:
    try:
        speaker.check()
    except VoiceMissing:
        return False
    return True


def _offline_voice(speaker: Speaker) -> Voice:
    return next(
        (known for known in voices() if known.name == speaker.name and known.language == speaker.language),
        replace(_neural_voice(speaker.name), language=speaker.language)
        if isinstance(speaker, (Joe, Kokoro))
        else Voice(speaker.name, speaker.language, "", "espeak-ng", False, "robot", "GPL-3.0"),
    )


def language_name(code: str) -> str:
    """English name of a language or locale code ("en-GB" -> "English (Great Britain)"), the code where unknown."""
    known = {language.code: language.name for language in languages()} | {"th-TH": "Thai"}
    return known.get(code) or known.get(to_espeak(code, frozenset(known)) or "", code)


def speak(
    text: str,
    voice: str = "auto",
    rate: float = 1.0,
    pitch: float = 0.0,
    offline: bool | None = None,
    *,
    max_text: int = MAX_TEXT,
    timeout: float = TIMEOUT,
) -> Speech:
    """Speak a text.

    voice: "auto" (language guessed from the text), a language ("en", "pt-BR"), an online voice
        ("en-GB-SoniaNeural") or an offline one ("en-gb+Annie"); see `voices()`.
    rate: 0.5 to 2, 1 = normal. pitch: -12 to 12 semitones.
    offline: True = never use the internet; None = online where it can be reached, else offline with a `notice` that
        says so; False = online or fail.
    timeout: seconds to wait for the online service, more for longer texts.

    Returns a Speech at about -20 dB full scale, with short silences around it. Raises BadText for a text that is
    empty, too long or has nothing to speak, for an unknown voice, and for rate or pitch out of range; Refused.
    """
    words = _checked(text, rate, pitch, max_text)
    asked = _resolve(voice, words)
    policy.ask("speak", text=words, voice=voice, rate=rate, pitch=pitch)
    notice = ""
    if offline is True and asked.online is not None and ONLINE_NAME.match(voice.strip()):
        hint = f"such as {asked.offline[0].name}" if asked.offline else "from the list of voices"
        raise BadText(
            f"The voice '{asked.online}' speaks online only: choose an offline voice {hint}, or allow online voices."
        )
    if offline is not True and asked.online is not None:
        try:
            return _online(words, asked.online, rate, pitch, timeout)
        except (Unreachable, BadSpeech) as fault:
            if offline is False:
                raise BadText(
                    f"The online voice '{asked.online}' could not be used ({fault}): check the internet connection, "
                    "or use an offline voice."
                ) from None
            notice = _without(fault)
    elif offline is False:
        raise BadText(f"The voice '{voice}' is an offline one: choose an online voice, or allow offline voices.")
    if not asked.offline:
        raise _online_only(asked, notice)
    parts: list[np.ndarray] = []
    sounds: list[Sound] = []
    names, notes, length = [], [notice], 0
    for said in _sentences(words, asked, rate, pitch):
        pause = np.zeros(round((PAUSE if said.closes else BREATH) * RATE) if parts else 0, dtype=np.float32)
        parts += [pause, said.waveform]
        length += len(pause)
        sounds += moved(said.sounds, length / RATE)
        length += len(said.waveform)
        names.append(said.name)
        notes.append(said.notice)
    if not parts:
        raise BadText(f"Nothing in this text can be spoken by '{asked.offline[0].name}': write it in words.")
    told = " ".join(dict.fromkeys(note for note in notes if note))
    return _finish(np.concatenate(parts), tuple(sounds), words, ", ".join(dict.fromkeys(names)), told)


def speak_sentences(
    text: str, voice: str = "auto", rate: float = 1.0, pitch: float = 0.0, *, max_text: int = MAX_TEXT
) -> Iterator[Speech]:
    """The same sentence by sentence: the first is there before the others are made.

    Each Speech has its own short silences and the same loudness. Where the online voice fails, an offline one goes on
    and its first sentence has the `notice`. Raises what `speak` raises.
    """
    words = _checked(text, rate, pitch, max_text)
    asked = _resolve(voice, words)
    policy.ask("speak", text=words, voice=voice, rate=rate, pitch=pitch)
    rest, notice = words, ""
    if asked.online is not None:
        for place, sentence in sentences(words):
            rest = words[place:]
            try:
                yield _online(sentence.strip(), asked.online, rate, pitch, TIMEOUT)
            except (Unreachable, BadSpeech) as fault:
                notice = _without(fault)
                break
        else:
            return
    if not asked.offline:
        raise _online_only(asked, notice)
    for said in _sentences(rest, asked, rate, pitch):
        sounds = tuple(replace(sound, place=sound.place - said.place) for sound in said.sounds)
        yield _finish(said.waveform, sounds, said.text, said.name, f"{notice} {said.notice}")
        notice = ""


def _without(fault: Exception) -> str:
    return f"The online voices could not be used ({fault}), so an offline voice speaks."


def _online_only(asked: _Asked, notice: str) -> BadText:
    """Nobody speaks: the voices of the language are online ones, which may not be used or cannot (notice)."""
    language = language_name((asked.online or "").rpartition("-")[0])
    why = "could not be reached" if notice else "are not to be used"
    return BadText(
        f"Only online voices speak {language}, and they {why}: allow them and check the internet, or type the text in "
        "another language, such as English, Russian, Arabic, Hindi or Chinese."
    )


def _online(text: str, voice: str, rate: float, pitch: float, timeout: float) -> Speech:
    """Spoken by an online voice. Its words come with the sound, its phonemes by alignment.

    Raises Unreachable, BadSpeech."""
    data, words = service().synthesise(text, voice, rate, pitch, timeout + len(text) / 100.0)
    heard = load_speech(data, max_seconds=MAX_SECONDS)
    speech = _finish(heard.waveform, sounds_of(text, words), text, voice, "")
    try:
        found = align(speech, text)
    except UserError:
        return replace(speech, phones=())
    return replace(found, words=speech.words or found.words)


def _checked(text: str, rate: float, pitch: float, max_text: int) -> str:
    words = clean(text, max_text)
    if not (math.isfinite(rate) and 0.5 <= rate <= 2.0):
        raise BadText(f"A speaking rate of {rate:g} is out of range: use 0.5 (slow) to 2 (fast).")
    if not (math.isfinite(pitch) and -12.0 <= pitch <= 12.0):
        raise BadText(f"A pitch of {pitch:g} semitones is out of range: use -12 to 12.")
    return words


@dataclass(frozen=True)
class _Sentence:
    """A spoken sentence at 16 kHz; place: letters of the text before it; closes: a sentence ended before it."""

    waveform: np.ndarray
    sounds: tuple[Sound, ...]
    name: str
    notice: str
    text: str
    place: int
    closes: bool


def _sentences(text: str, asked: _Asked, rate: float, pitch: float) -> Iterator[_Sentence]:
    """Each sentence by the first voice that can be used; sentences that say nothing are left out."""
    closes = True
    for place, sentence in sentences(text):
        made = _said(sentence, place, _candidates(sentence, asked), rate, pitch)
        if made is not None:
            yield replace(made, closes=closes)
        closes = sentence.rstrip()[-1:] in ".!?…。！？\"'”’)»"


def _candidates(sentence: str, asked: _Asked) -> tuple[Speaker, ...]:
    """Who may speak a sentence offline, the best first."""
    return asked.offline if asked.gender is None else _offline(_language_of(sentence, asked), asked.gender)


def _said(sentence: str, place: int, candidates: tuple[Speaker, ...], rate: float, pitch: float) -> _Sentence | None:
    notice = ""
    for speaker, following in zip(candidates, (*candidates[1:], None)):
        _check_letters(sentence, speaker)
        read = reading(sentence, speaker.language)
        try:
            said = speaker.say(read.text, rate, pitch)
        except VoiceMissing as fault:
            if following is None:
                raise BadText(f"The voice {speaker.name} cannot be used: {fault}.") from None
            notice = f"The voice {speaker.name} cannot be used ({fault}), so {following.name} speaks."
            continue
        sounds = tuple(replace(sound, place=place + read.written(sound.place)) for sound in said.sounds)
        wave, began = _trimmed(at_speech_rate(said))
        if len(wave) == 0:
            return None
        end = len(wave) / RATE
        kept = [replace(s, end=min(s.end, end)) for s in moved(sounds, -began / RATE) if s.start < end]
        return _Sentence(wave, tuple(kept), speaker.name, notice, sentence, place, True)
    return None


def _check_letters(text: str, speaker: Speaker) -> None:
    """Raises BadText where the voice would spell a word in letters of another language instead of reading it."""
    word = unread(text, speaker.language)
    if not word:
        return
    hint = "write it in kana" if speaker.language == "ja" else "take the voice auto, or one that speaks its language"
    raise BadText(
        f"The offline voice {speaker.name} speaks {language_name(speaker.language)} and cannot read '{word[:20]}' "
        f"({script_of(word)} letters): {hint}."
    )


def _trimmed(wave: np.ndarray) -> tuple[np.ndarray, int]:
    """Without the silence at both ends but for 20 ms, and how many samples fell off the beginning."""
    loud = np.flatnonzero(np.abs(wave) > 2e-3 * max(float(np.abs(wave).max(initial=0.0)), 1e-6))
    if not loud.size or float(np.abs(wave).max()) < 1e-4:
        return wave[:0], 0
    began = max(0, int(loud[0]) - RATE // 50)
    return wave[began : int(loud[-1]) + RATE // 50], began


@dataclass(frozen=True)
class _Asked:
    """Who speaks: an online voice, or offline ones in order of choice.

    gender: given where the language was guessed, so that each sentence may be spoken in its own language.
    """

    online: str | None
    offline: tuple[Speaker, ...]
    language: str = ""
    gender: str | None = None


def _resolve(voice: str, text: str) -> _Asked:
    """Who is meant by what the person asked for. Raises BadText for unknown names."""
    asked = (voice or "auto").strip()
    codes = frozenset(language.code for language in languages())
    match = ONLINE_NAME.match(asked)
    if match:
        gender = "male" if match[2] == ONLINE.get(match[1], ("", ""))[1] else "female"
        code = to_espeak(match[1], codes)
        return _Asked(asked, () if code is None else _offline(code, gender))
    if asked.lower() in UNNAMED:
        gender = "" if asked.lower() == "auto" else asked.lower()
        language = guess_language(text)
        code = to_espeak(language, codes)
        if code is None and to_online(language, gender) is None:
            raise BadText(
                f"No voice speaks the language of this text ({script_of(text)} letters): type it in another one, such "
                "as English, Spanish, Russian, Arabic, Hindi or Chinese, or record it."
            )
        return _Asked(to_online(language, gender), () if code is None else _offline(code, gender), code or "", gender)
    language, _, variant = asked.partition("+")
    code = to_espeak(language, codes)
    spoken = neural((variant or asked).lower(), code or "en-us")
    if spoken is not None and (code or not variant):
        return _Asked(None, (spoken, *(other for other in _offline(spoken.language, "") if other != spoken)))
    named = {name.lower(): name for name in variants()}
    if variant:
        if code is None or variant.lower() not in named:
            known = [f"{code or 'en-us'}+{name}" for name in named.values()]
            raise _unknown(voice, [*codes, *known, "joe", *KOKORO])
        return _Asked(None, (Robot(code, named[variant.lower()]),))
    online = to_online(language)
    if code is None and online is None:
        neighbours = (f"{locale}-{name}Neural" for locale, pair in ONLINE.items() for name in pair)
        raise _unknown(voice, [*codes, *neighbours, "joe", *KOKORO])
    return _Asked(online, () if code is None else _offline(code, ""))


def _offline(code: str, gender: str) -> tuple[Speaker, ...]:
    return speakers(code, gender, VARIANTS["male" if gender == "male" else "female"])


def _language_of(sentence: str, asked: _Asked) -> str:
    """The language of one sentence of a text whose language was guessed: the text's own unless much speaks against."""
    guess = to_espeak(sentence_language(sentence, asked.language), frozenset(one.code for one in languages()))
    return guess if guess and guess.split("-")[0] != asked.language.split("-")[0] else asked.language


def _unknown(voice: str, names: list[str]) -> BadText:
    shown = "".join(letter if letter.isprintable() else " " for letter in voice[:61])
    shown = shown if len(shown) <= 60 else shown[:60] + "..."
    lower = {name.lower(): name for name in names}
    close = [lower[name] for name in difflib.get_close_matches(voice.lower()[:60], list(lower), 3, 0.5)]
    hint = f"did you mean {' or '.join(close)}?" if close else "use 'auto', a language such as 'en', or a listed voice."
    return BadText(f"There is no voice or language '{shown}': {hint}")


def _finish(wave: np.ndarray, sounds: tuple[Sound, ...], text: str, name: str, notice: str) -> Speech:
    """Even out the loudness, fade both ends and put short silences around; words and phonemes move along."""
    wave = wave.astype(np.float64)
    block = RATE // 50
    power = np.square(wave[: len(wave) // block * block]).reshape(-1, block).mean(axis=1)
    power = power[power > power.max(initial=0.0) * 1e-3]
    if not power.size:
        power = np.square(wave).mean(keepdims=True)
    gain = 10.0 ** (LEVEL / 20.0) / max(float(np.sqrt(power.mean())), 1e-6)
    wave *= min(gain, PEAK / max(float(np.abs(wave).max()), 1e-6))
    began = 0
    loud = np.flatnonzero(np.abs(wave) > 1e-3)
    if loud.size:  # the engine's own silences differ; ours are the same for all
        began = max(0, int(loud[0]) - block)
        wave = wave[began : loud[-1] + block]
    fade = min(round(FADE * RATE), len(wave) // 2)
    ramp = 0.5 - 0.5 * np.cos(np.pi * np.arange(fade) / max(1, fade))
    wave[:fade] *= ramp
    wave[len(wave) - fade :] *= ramp[::-1]
    tail = max(TAIL, MIN_SECONDS - len(wave) / RATE - LEAD)
    whole = np.concatenate([np.zeros(round(LEAD * RATE)), wave, np.zeros(math.ceil(tail * RATE))])
    timed = moved(sounds, round(LEAD * RATE) / RATE - began / RATE)
    words, phones = words_of(text, timed), phones_of(timed)
    return Speech.of(whole.astype(np.float32), name=name, notice=notice.strip(), words=words, phones=phones, voice=name)
