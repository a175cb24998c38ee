"""Cues in a script: what they are read as, when they come, and what they do to a take."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moda.errors import BadSpeech, BadText
from moda.media import spoken
from moda.media.audio import load_speech
from moda.media.output import wav_bytes, write_wav
from moda.media.words import Word
from moda.script import (
    Script,
    cue_sheet,
    direct,
    direction_of,
    parse_script,
    read_cue_sheet,
    speak_script,
    speak_script_sentences,
    with_script,
)

TEXT = "Hello [smile] and welcome. [pause 0.5] [look left 0.5 for 1.2s] Over there [nod], [a bit worried] is it safe?"


def test_text_and_cues_part() -> None:
    script = parse_script(TEXT)
    assert script.text == "Hello and welcome. Over there, is it safe?"
    assert [(c.kind, c.name, c.strength, c.length) for c in script.cues] == [
        ("gesture", "smile", 1.0, None), ("pause", "pause", 0.5, None), ("gesture", "look left", 0.5, 1.2),
        ("gesture", "nod", 1.0, None), ("emotion", "a bit worried", 1.0, None),
    ]  # fmt: skip
    assert [script.text[cue.place :].split()[0] for cue in script.cues] == ["and", "Over", "Over", "is", "is"]
    assert "fear" in script.cues[-1].understood and script.cues[1].understood == "a pause of 0.5 s"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Hello [smile and go", "not closed"), ("Hello smile] and go", "not opened"), ("[]", "empty cue"),
        ("[smyle] hi", "did you mean [smile"),
        ("[nodd] hi", "[nod]"), ("[clap] hi", "not known"),
        ("[xqzt] hi", "not known"), ("[pause 99] hi", "10 s"),
        ("[pause 1e9] hi", "[pause 0.5]"), ("[pause nan] hi", "[pause 0.5]"), ("[smile -3] hi", "[smile 0.5]"),
        ("[smile 9] hi", "strength of [smile]"), ("[nod for 99s] hi", "0.1 to 10 s"),
        ("[nod]" * 201 + "hi", "200 cues"),
    ],
)  # fmt: skip
def test_bad_cues_are_told_in_a_sentence(text: str, says: str) -> None:
    with pytest.raises(BadText) as caught:
        parse_script(text)
    assert says in str(caught.value) and len(str(caught.value)) < 250


@given(st.text("ab [].,9s", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        script = parse_script(text)
    except BadText:
        return
    assert "[" not in script.text and all(0 <= cue.place <= len(script.text) for cue in script.cues)


def test_cues_come_with_their_words() -> None:
    said = [Word(0.2, 0.5, "Hello"), Word(0.6, 0.8, "and"), Word(0.8, 1.3, "welcome."), Word(2.0, 2.2, "Over"),
            Word(2.3, 2.6, "there,"), Word(3.0, 3.1, "is"), Word(3.1, 3.3, "it"), Word(3.3, 3.8, "safe?")]  # fmt: skip
    direction = direct(parse_script(TEXT), said, 4.0)
    assert [(e.kind, e.lane, e.start) for e in direction.edits] == [
        ("smile", "smile", 0.6), ("look", "gaze.x", 2.0), ("nod", "head", 3.0)
    ]  # fmt: skip
    assert direction.edits[1].amount == pytest.approx(-0.3) and direction.edits[1].length == 1.2
    assert direction.emotion == "3.00-4.00s a bit worried" and len(direction.notes) == 5


def test_a_transcript_with_other_words_will_do() -> None:
    heard = [Word(0.0, 0.4, "Hullo"), Word(0.5, 0.7, "and"), Word(0.7, 1.1, "welcome"), Word(2.0, 2.2, "over")]
    assert direct(parse_script("Hello [smile] and welcome over there [nod]"), heard, 3.0).edits[0].start == 0.5
    assert direct(parse_script("[nod] Yes."), [], 1.0).edits[0].start == 0.0


def test_a_spoken_script_has_its_pauses_and_its_sheet_can_be_read_back() -> None:
    plain = speak_script(parse_script("Hello there. Over there."), "en-us+f2", offline=True)
    script = parse_script("Hello there. [pause 2] [nod] Over there. [very happy]")
    speech = speak_script(script, "en-us+f2", offline=True)
    gap = speech.words[2].start - speech.words[1].end
    assert [word.text for word in speech.words] == ["Hello", "there.", "Over", "there."]
    assert 1.8 < gap < 2.2 and 1.2 < speech.seconds - plain.seconds < 2.2
    edits, emotion, words = read_cue_sheet(cue_sheet(script, speech))
    assert edits[0].kind == "nod" and abs(edits[0].start - speech.words[2].start) < 0.08
    assert emotion.endswith("very happy") and len(words) == 4
    with pytest.raises(BadText, match="cue sheet"):
        read_cue_sheet([])


@pytest.mark.parametrize("voice", ["en-us+f2", "joe", "de+m1"])
def test_every_cue_begins_with_its_word(voice: str) -> None:
    gestures = ("nod", "smile", "look left", "blink", "brow raise", "tilt right", "shake", "look up")
    words = ["Well", "then,", "over", "there", "we", "saw", "the", "old", "house,", "and", "it", "was", "open."]
    places = [k for k in range(len(words)) if k % 3 != 1][: len(gestures)]
    named = dict(zip(places, gestures))
    text = " ".join(f"[{named[k]}] {word}" if k in named else word for k, word in enumerate(words))
    speech = speak_script(parse_script(text), voice, offline=True)
    assert [word.text for word in speech.words] == words
    starts = [edit.start for edit in direction_of(speech).edits]
    assert starts == pytest.approx([speech.words[k].start for k in places], abs=1e-3)


def test_a_script_of_cues_alone_cannot_be_spoken() -> None:
    with pytest.raises(BadText):
        speak_script(Script("", parse_script("[pause 1] [nod]").cues), "en-us+f2", offline=True)


def test_a_cue_in_front_of_a_pause_comes_before_it() -> None:
    said = [Word(0.2, 0.5, "Fine."), Word(2.0, 2.4, "Over"), Word(2.4, 2.8, "there.")]
    direction = direct(parse_script("Fine [smile]. [pause 1] [look left] Over there."), said, 3.0)
    assert [edit.start for edit in direction.edits] == [0.5, 2.0]


def test_a_script_comes_sentence_by_sentence_with_its_cues() -> None:
    script = parse_script("Hello [nod] there. [happy] How are you? [pause 1] [look left] Over there, it rains. Bye!")
    pieces = list(speak_script_sentences(script, "en-us+f2"))
    assert [len(speech.words) for speech, _ in pieces] == [2, 3, 0, 4, 1]
    assert [[edit.kind for edit in told.edits] for _, told in pieces] == [["nod"], [], [], ["look"], []]
    assert [bool(told.emotion) for _, told in pieces] == [False, True, False, True, True]
    nod = pieces[0][1].edits[0]
    assert abs(nod.start - pieces[0][0].words[1].start) < 0.01 and pieces[2][0].seconds == 1.0


def test_a_file_of_a_spoken_script_knows_its_cues_until_it_is_changed(tmp_path: Path) -> None:
    text = "Hello [nod] there. [pause 0.5] [very happy] Good morning."
    speech = speak_script(parse_script(text), "en-us+f2", offline=True)
    path = write_wav(speech, tmp_path / "spoken.wav")
    read = load_speech(path)
    assert (read.script, read.voice) == (text, "en-us+f2") and direction_of(read) == direction_of(speech)
    assert [word.text for word in read.words] == ["Hello", "there.", "Good", "morning."]
    assert [phone.symbol for phone in read.phones] == [phone.symbol for phone in speech.phones]
    assert read.trim(0.5).script == "" and load_speech(read).script == text
    content = bytearray(path.read_bytes())
    content[5000] ^= 0x40  # one sample is another
    path.write_bytes(content)
    changed = load_speech(path)
    assert (changed.script, changed.words, changed.voice) == ("", (), "en-us+f2")


@pytest.mark.parametrize(
    "change",
    [lambda known: known | {"words": [[0, 99, "x"]]}, lambda known: known | {"words": "x"},
     lambda known: known | {"script": 5}, lambda known: known | {"phones": [[0, float("nan"), "p"]]},
     lambda known: [known], lambda known: known | {"script": "x" * 30_000}],
)  # fmt: skip
def test_what_a_stranger_wrote_into_a_file_is_not_believed(tmp_path: Path, change: Any) -> None:
    speech = speak_script(parse_script("Hello [nod] there."), "en-us+f2", offline=True)
    content = wav_bytes(speech)
    place = content.index(spoken.CHUNK, 5000)
    known = change(json.loads(content[place + 8 :].rstrip(b"\0")))
    body = json.dumps(known).encode()
    path = tmp_path / "forged.wav"
    path.write_bytes(content[:place] + spoken.CHUNK + struct.pack("<I", len(body)) + body)
    read = load_speech(path)
    assert (read.script, read.words, read.phones) == ("", (), ()) and abs(read.seconds - speech.seconds) < 0.01


def test_a_recording_gets_cues_by_its_words() -> None:
    spoken_words = speak_script(parse_script("Good morning, it rains over there."), "en-us+f2", offline=True)
    recording = replace(spoken_words, words=(), phones=(), voice="", script="")
    told = with_script(recording, "Good morning, [nod] it rains over there [smile].")
    start = next(word.start for word in spoken_words.words if word.text == "it")
    assert abs(direction_of(told).edits[0].start - start) < 0.08
    again = with_script(told, "[nod] Good morning, it rains over there.")
    assert again.words == told.words and direction_of(again).edits[0].start == told.words[0].start
    with pytest.raises(BadText, match="words that this recording says"):
        with_script(recording, "[nod] [smile]")
    with pytest.raises(BadSpeech, match="cannot be said in"):
        with_script(recording, "far too many words for a sound of two seconds " * 6)
