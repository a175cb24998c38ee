"""Scripts: text to be spoken with cues in square brackets, which become edits and timed emotions of the take.

    Hello [smile] and welcome. [pause 0.5] [look left 0.5 for 1s] Over there [a bit worried] is something.

A cue is a gesture (:data:`moda.motion.edits.GESTURES`), `pause SECONDS`, or an emotion in free words, which lasts until
the next one. A number after a gesture or an emotion scales it (1 is as usual); `for 2s` says how long it lasts. A cue
begins with the word that follows it; in front of a pause, or behind the last word, with the end of the word before.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from moda.conditions.emotion import understand
from moda.errors import BadSpeech, BadText
from moda.media.alignment import align
from moda.media.audio import RATE, Speech
from moda.media.clean import MAX_TEXT
from moda.media.speak import LEAD, TAIL, speak, speak_sentences
from moda.media.transcript import transcribe
from moda.media.words import Phone, Word, moved
from moda.motion.edits import GESTURES, KINDS, Edit, gesture

MAX_CUES = 200
MAX_PAUSE = 10.0
LONGEST_GESTURE = 10.0
SURE = 0.95  # confidence that a word for an emotion is read with; below, a mistyped gesture would become a feeling
_BRACKETS = str.maketrans("[]", "()")  # in what was heard they are no cues
_CUE = re.compile(r"\[([^\[\]]*)\]")
_LENGTH = re.compile(r"\s+for\s+(\d+(?:\.\d+)?)\s*(?:s|sec|secs|second|seconds)?$")
_STRENGTH = re.compile(r"\s+(\d+(?:\.\d+)?)$")
_PAUSE = re.compile(r"pause(?:\s+(?:for\s+)?(\d+(?:\.\d+)?)\s*(?:s|sec|secs|seconds?)?)?$")
#: A strength in front of an emotion, as the reader of emotion texts understands it.
_DEGREES = ((0.4, "slightly "), (0.8, "a bit "), (1.2, ""), (9.0, "very "))


@dataclass(frozen=True)
class Cue:
    """One cue. place: letters of the spoken text before it. kind: "gesture", "emotion" or "pause".

    name: the gesture, or the emotion in words. strength: 1 is as usual; of a pause, its seconds. length: seconds, or
    None for the usual one (of an emotion: until the next).
    """

    place: int
    kind: str
    name: str
    strength: float
    length: float | None

    @property
    def understood(self) -> str:
        """What the cue was understood as, for the person."""
        if self.kind == "pause":
            return f"a pause of {self.strength:g} s"
        much = "" if self.strength == 1 else f" at {self.strength:g}"
        lasting = "" if self.length is None else f" for {self.length:g} s"
        if self.kind == "gesture":
            return f"{self.name}{much}{lasting}"
        return f"emotion{lasting}: {understand(_worded(self)).label}"


@dataclass(frozen=True)
class Script:
    """What is spoken, and the cues in it, in order. source: the text with its cues as it was written."""

    text: str
    cues: tuple[Cue, ...]
    source: str = ""


@dataclass(frozen=True)
class Direction:
    """A script's cues in time: edits of the take, and an emotion prompt with times ("" where no cue is an emotion).

    notes: what each cue was understood as.
    """

    edits: tuple[Edit, ...]
    emotion: str
    notes: tuple[str, ...]


def parse_script(text: str, max_text: int = MAX_TEXT) -> Script:
    """Text with cues -> Script. Raises BadText for brackets that do not close, unknown cues and too many of them."""
    if not isinstance(text, str):
        raise BadText("There is no text to speak: type a sentence.")
    if len(text) > 4 * max_text:
        raise BadText(f"The script has {len(text):,} letters and the limit is {max_text:,}: speak it in parts.")
    spoken, cues, done = "", [], 0
    for match in _CUE.finditer(text):
        _check_brackets(text[done : match.start()])
        spoken = _joined(spoken, text[done : match.start()])
        done = match.end()
        cues.append(_cue(match[1], len(spoken)))
        if len(cues) > MAX_CUES:
            raise BadText(f"A script can have {MAX_CUES} cues: leave some out.")
    _check_brackets(text[done:])
    spoken = _joined(spoken, text[done:])
    return Script(spoken, tuple(cues), text)


def spoken_part(text: str) -> str:
    """A text without what stands in brackets, whatever that is."""
    return " ".join(_CUE.sub(" ", text).split())


def _joined(spoken: str, more: str) -> str:
    """Two pieces of text around a cue, with one space between them and none before punctuation."""
    if spoken.endswith((" ", "\n")) or not spoken:
        more = more.lstrip(" ")
    if spoken.endswith(" ") and more[:1] in tuple(",.;:!?"):
        spoken = spoken.rstrip(" ")
    return spoken + more


def _check_brackets(text: str) -> None:
    for bracket, lack in (("[", "is not closed"), ("]", "was not opened")):
        if bracket in text:
            near = text[text.index(bracket) :][:20].strip()
            raise BadText(f"A bracket {lack} near {near!r}: cues look like [smile] or [pause 0.5].")


def _cue(inside: str, place: int) -> Cue:
    said = " ".join(inside.lower().replace("_", " ").split())
    if not said:
        raise BadText("There is an empty cue []: write for example [smile] or [nod].")
    if pause := _PAUSE.match(said):
        seconds = float(pause[1] or 0.5)
        if not 0 < seconds <= MAX_PAUSE:
            raise BadText(f"A pause lasts up to {MAX_PAUSE:g} s, not {seconds:g}.")
        return Cue(place, "pause", "pause", seconds, None)
    length = strength = None
    if found := _LENGTH.search(said):
        length, said = float(found[1]), said[: found.start()]
    if found := _STRENGTH.search(said):
        strength, said = float(found[1]), said[: found.start()]
    if said in GESTURES:
        return Cue(place, "gesture", said, _gesture_strength(said, strength), _gesture_length(said, length))
    if said == "pause" or said.startswith("pause "):
        raise BadText(f"A pause is written [pause 0.5] and lasts up to {MAX_PAUSE:g} s.")
    if numbered := re.match(rf"({'|'.join(GESTURES)})\s+[-+.\d]", said):
        raise BadText(f"[{numbered[1]}] is scaled as in [{numbered[1]} 0.5] and lasts as in [{numbered[1]} for 2s].")
    if strength is not None and not 0 <= strength <= 1.5:
        raise BadText(f"The strength of [{inside.strip()[:40]}] must be 0 to 1.5.")
    cue = Cue(place, "emotion", said, 1.0 if strength is None else strength, length)
    if understand(said).confidence < SURE:
        raise _unknown(said)
    return cue


def _gesture_strength(name: str, strength: float | None) -> float:
    usual, _, highest = KINDS[GESTURES[name][1]].amount
    most = highest / usual
    if strength is not None and not 0 < strength <= most:
        raise BadText(f"The strength of [{name}] must be above 0 and at most {most:.2g}.")
    return 1.0 if strength is None else strength


def _gesture_length(name: str, length: float | None) -> float | None:
    if length is not None and not 0.1 <= length <= LONGEST_GESTURE:
        raise BadText(f"[{name}] can last 0.1 to {LONGEST_GESTURE:g} s, not {length:g}.")
    return length


def _unknown(said: str) -> BadText:
    shown = "".join(letter for letter in said[:40] if letter.isprintable())
    near = difflib.get_close_matches(said[:60], [*GESTURES, "pause"], 2, 0.5)
    hint = (
        f"did you mean [{'] or ['.join(near)}]?"
        if near
        else "cues are gestures such as [nod], [pause 0.5], or an emotion."
    )
    return BadText(f"The cue [{shown}] is not known: {hint}")


def _worded(cue: Cue) -> str:
    return next(word for most, word in _DEGREES if cue.strength <= most) + cue.name


def speak_script(
    script: Script,
    voice: str = "auto",
    rate: float = 1.0,
    pitch: float = 0.0,
    offline: bool | None = None,
    *,
    max_text: int = MAX_TEXT,
) -> Speech:
    """The script's text spoken, with its pauses. Raises what :func:`moda.media.speak.speak` raises."""
    if len(script.text) > max_text:
        raise BadText(f"The text has {len(script.text):,} letters and the limit is {max_text:,}: speak it in parts.")
    if not any(cue.kind == "pause" for cue in script.cues):
        said = speak(script.text, voice, rate, pitch, offline, max_text=max_text)
        return replace(said, script=script.source)
    if not any(letter.isalnum() for letter in script.text):
        raise BadText("The script holds nothing that can be spoken: type words.")
    waves: list[np.ndarray] = []
    words: list[Word] = []
    phones: list[Phone] = []
    notices, names, length = [], [], 0
    for first, last, _, pause in _stretches(script):
        text = script.text[first:last]
        if any(letter.isalnum() for letter in text):
            said = speak(text, voice, rate, pitch, offline, max_text=max_text)
            words += moved(said.words, length / RATE)
            phones += moved(said.phones, length / RATE)
            waves.append(said.waveform)
            length += len(said.waveform)
            notices.append(said.notice)
            offline = True if said.notice and offline is None else offline  # one try is enough
            names.append(said.name)
        # What was spoken already ends and begins with short silences, which belong to the pause.
        rest = pause - (TAIL + LEAD if waves else 0.0)
        if rest > 0:
            waves.append(np.zeros(round(rest * RATE), dtype=np.float32))
            length += len(waves[-1])
    name, notice = (", ".join(dict.fromkeys(filter(None, texts))) for texts in (names, notices))
    return Speech.of(
        np.concatenate(waves), name=name, notice=notice, words=tuple(words), phones=tuple(phones), voice=name,
        script=script.source,
    )  # fmt: skip


def speak_script_sentences(
    script: Script, voice: str = "auto", rate: float = 1.0, pitch: float = 0.0, *, max_text: int = MAX_TEXT
) -> Iterator[tuple[Speech, Direction]]:
    """The script sentence by sentence, each with its own cues, times from its beginning; pauses are silent pieces.

    A feeling that goes on from the sentence before is there again. Raises what `speak_sentences` raises.
    """
    feeling: Cue | None = None
    for first, last, cues, pause in _stretches(script):
        text = script.text[first:last]
        written = [match.start() for match in re.finditer(r"\S+", text) if _plain(match.group())]
        done = 0
        for speech in speak_sentences(text, voice, rate, pitch, max_text=max_text) if written else ():
            start = 0 if done == 0 else written[min(done, len(written) - 1)]
            done += len(speech.words)
            end = written[done] if done < len(written) else len(text) + 1
            mine = [cue for cue in cues if start <= cue.place - first < end]
            here = [replace(cue, place=cue.place - first - start) for cue in mine]
            if feeling is not None:
                here.insert(0, replace(feeling, place=0))
            yield speech, direct(Script(text[start:end], tuple(here)), speech.words, speech.seconds)
            feeling = next((c for c in reversed(mine) if c.kind == "emotion"), feeling)
            feeling = None if feeling is None or feeling.length is not None else feeling
        if pause > 0:
            yield Speech.of(np.zeros(round(pause * RATE), dtype=np.float32)), Direction((), "", ())


def _stretches(script: Script) -> Iterator[tuple[int, int, list[Cue], float]]:
    """(first letter, behind the last, cues without pauses, seconds of the pause after it) between the pauses."""
    first, mine = 0, list[Cue]()
    for cue in script.cues:
        if cue.kind == "pause":
            yield first, cue.place, mine, cue.strength
            first, mine = cue.place, []
        else:
            mine.append(cue)
    yield first, len(script.text), mine, 0.0


def with_script(speech: Speech, text: str) -> Speech:
    """A speech whose words are known, with cues: words and phonemes are found in the sound by alignment.

    Pauses say nothing here: the sound has its own. Raises BadText, and BadSpeech where the text does not fit the sound.
    """
    script = parse_script(text)
    if not any(letter.isalnum() for letter in script.text):
        raise BadText("Give the words that this recording says; cues stand between them.")
    known = [_plain(word.text) for word in speech.words]
    if known and known == [word for word in map(_plain, script.text.split()) if word] and speech.phones:
        return replace(speech, script=text)  # only the cues are others: the voice's own times are exact
    return replace(align(speech, script.text), script=text)


def heard_script(speech: Speech) -> Speech:
    """A speech with the words that whisper hears in it as its script (English). Raises BadSpeech."""
    heard = transcribe(speech)
    if not heard.words:
        raise BadSpeech("No words were heard in this speech: write them yourself.")
    return replace(heard, script=" ".join(word.text for word in heard.words).translate(_BRACKETS))


def direct(script: Script, words: Sequence[Word], seconds: float) -> Direction:
    """The cues at their words' times. `words`: those of the speech, in order; `seconds`: its length.

    Words are matched to the script's own, so that a transcript with a few other words will do.
    """
    times = _times(script, words, seconds)
    edits: list[Edit] = []
    feelings: list[tuple[float, float, str]] = []
    notes = []
    for cue, time in zip(script.cues, times):
        meaning = "" if cue.understood == cue.name else f": {cue.understood}"
        notes.append(f"[{cue.name}] at {time:.2f} s{meaning}.")
        if cue.kind == "gesture":
            usual = KINDS[GESTURES[cue.name][1]]
            start = min(time, max(0.0, seconds - 0.2))
            length = min(cue.length or usual.length, max(0.1, seconds - start))
            edits.append(gesture(cue.name, round(start, 3), round(length, 3), usual.amount[0] * cue.strength))
        elif cue.kind == "emotion":
            if feelings and feelings[-1][1] > time:
                feelings[-1] = (feelings[-1][0], time, feelings[-1][2])
            end = seconds if cue.length is None else min(seconds, time + cue.length)
            feelings.append((time, end, _worded(cue)))
    prompt = "; ".join(f"{a:.2f}-{b:.2f}s {text}" for a, b, text in feelings if b - a > 0.05)
    return Direction(tuple(edits), prompt, tuple(notes))


def direction_of(speech: Speech) -> Direction:
    """The cues of a speech's own script at their words' times; none where it has no script, or one that cannot be
    read."""
    try:
        return direct(parse_script(speech.script), speech.words, speech.seconds)
    except BadText:
        return Direction((), "", ())


def _times(script: Script, words: Sequence[Word], seconds: float) -> list[float]:
    """Seconds of each cue: where the next word begins; behind the last word, where it ends."""
    written = [(match.start(), _plain(match.group())) for match in re.finditer(r"\S+", script.text)]
    written = [(place, word) for place, word in written if word]
    heard = [_plain(word.text) for word in words]
    same = difflib.SequenceMatcher(None, [word for _, word in written], heard, autojunk=False).get_matching_blocks()
    known = {a + i: words[b + i] for a, b, size in same for i in range(size)}
    times = []
    for number, cue in enumerate(script.cues):
        following = [index for index, (place, _) in enumerate(written) if place >= cue.place]
        ahead = written[following[0]][0] if following else len(script.text)
        # A cue in front of a pause, with no word between, comes where the pause begins.
        waits = any(later.kind == "pause" and later.place <= ahead for later in script.cues[number:])
        index = next((i for i in following if i in known), None)
        if index is not None and not waits:
            times.append(known[index].start)
        else:
            before = [known[i].end for i in sorted(known) if written[i][0] < cue.place]
            times.append(min(seconds, before[-1] if before else 0.0))
    return times


def _plain(word: str) -> str:
    return "".join(letter for letter in word.lower() if letter.isalnum())


def cue_sheet(script: Script, speech: Speech) -> dict[str, Any]:
    """What OUT.cues.json holds: words, edits and the emotion prompt; `read_cue_sheet` reads it back."""
    direction = direct(script, speech.words, speech.seconds)
    return {
        "text": script.text,
        "voice": speech.name,
        "seconds": round(speech.seconds, 3),
        "words": [{"start": round(w.start, 3), "end": round(w.end, 3), "text": w.text} for w in speech.words],
        "edits": [edit.as_dict() for edit in direction.edits],
        "emotion": direction.emotion,
    }


def read_cue_sheet(found: Any) -> tuple[tuple[Edit, ...], str, tuple[Word, ...]]:
    """(edits, emotion prompt, words) of a cue sheet. Raises BadText where it is none, BadSetting for a bad edit."""
    if (
        not isinstance(found, dict)
        or not isinstance(found.get("edits"), list)
        or not isinstance(found.get("words"), list)
    ):
        raise BadText("This is no cue sheet: make one with `moda speak TEXT -o OUT.wav --cues`.")
    try:
        words = tuple(Word(float(w["start"]), float(w["end"]), str(w["text"])) for w in found["words"])
    except (KeyError, TypeError, ValueError):
        raise BadText("The words of this cue sheet have no start, end and text.") from None
    emotion = found.get("emotion", "")
    return tuple(Edit.from_mapping(edit) for edit in found["edits"]), emotion if isinstance(emotion, str) else "", words
