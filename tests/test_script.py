"""Cues in a script: what they are read as, when they come, and what they do to a take."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moda.errors import BadText
from moda.media.words import Word
from moda.script import Script, cue_sheet, direct, parse_script, read_cue_sheet, speak_script

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


def test_a_script_of_cues_alone_cannot_be_spoken() -> None:
    with pytest.raises(BadText):
        speak_script(Script("", parse_script("[pause 1] [nod]").cues), "en-us+f2", offline=True)
