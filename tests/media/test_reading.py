from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moda.media.language import guess_language
from moda.media.reading import reading, sentences


@pytest.mark.parametrize(
    ("language", "text", "spoken"),
    [
        ("en-us", "On 2024-03-04 at 10:05", "On March 4th, 2024 at 10 oh 5"),
        ("en-us", "by 3/22/2025", "by March 22nd, 2025"),
        ("en-gb", "by 3/11/2025, 9:00", "by November 3rd, 2025, 9 o'clock"),
        ("en-us", "$25.50, $1 & £1,200.00", "25 dollars 50, 1 dollar and 1200 pounds"),
        ("en-us", "Dr. Smith vs. Mr. Jones, e.g. here", "Doctor Smith versus Mister Jones, for example here"),
        ("de", "z.B. am 24.12.2025 um 14:30, 3,50 €", "zum Beispiel am 24. Dezember 2025 um 14 Uhr 30, 3 Euro 50"),
        ("fr-fr", "M. Dupont, 10:00, 5 €", "Monsieur Dupont, 10 heures, 5 euros"),
        ("es", "el 01/05/2025", "el 1 de mayo de 2025"),
        ("en-us", "version 1.2.3 and 99/99/2025 stay", "version 1.2.3 and 99/99/2025 stay"),
        ("ru", "10:05 $5", "10:05 $5"),
    ],
)
def test_what_is_read(language: str, text: str, spoken: str) -> None:
    assert reading(text, language).text == spoken


@given(st.text("ab 1:05$€.,/-&Dr", max_size=40), st.sampled_from(["en-us", "de", "fr-fr", "ru"]))
def test_every_spoken_letter_knows_its_written_place(text: str, language: str) -> None:
    read = reading(text, language)
    assert len(read.places) == len(read.text) and list(read.places) == sorted(read.places)
    assert all(0 <= place < len(text) for place in read.places)


def test_sentences() -> None:
    text = 'He met Dr. Smith and J. Doe. "Really?" she said! 你好。再见。'
    assert [piece.strip() for _, piece in sentences(text)] == [
        "He met Dr. Smith and J. Doe.", '"Really?"', "she said!", "你好。", "再见。"
    ]  # fmt: skip


@given(st.text(max_size=900))
def test_no_letter_is_lost_and_no_part_is_too_long(text: str) -> None:
    parts = sentences(text, 50)
    assert all(text[place : place + len(part)] == part and len(part) <= 50 for place, part in parts)
    assert "".join("".join(part for _, part in parts).split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("written", "spoken"),
    [("5 km, 20°C", "5 kilometres, 20 degrees Celsius"), ("1/2 of it", "one half of it"),
     ("on Jan. 5th", "on January 5th"),
     ("Mon. or Tue.", "Monday or Tuesday"), ("5 more", "5 more"), ("11/25", "11/25"),
     ("90 km/h", "90 kilometres an hour")],
)  # fmt: skip
def test_units_parts_and_days(written: str, spoken: str) -> None:
    assert reading(written, "en-us").text == spoken


def test_initials_inside_a_sentence_do_not_end_it() -> None:
    assert [text.strip() for _, text in sentences("They met in the U.S. on Monday. At 9 a.m. We left.")] == [
        "They met in the U.S. on Monday.", "At 9 a.m.", "We left.",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "language"),
    [("Dr. Smith paid $25.50 on 2024-03-05 at 10:05.", "en-us"), ("Call 555-0199, e.g. on Mon. or Tue.", "en-us"),
     ("Chapter IV, No. 7, vs. Mr. Jones, etc.", "en-us"), ("Das war so in der Stadt.", "de"), ("Hola", "es"),
     ("Dat was in die tijd niet meer zo.", "nl"), ("a little annoyed", "en-us"), ("Grazie mille", "it"), ("Ja", "de"),
     ("A dog ran.", "en-us"), ("Hallo zusammen", "de"), ("1 2 3", "en-us"), ("pizza", "en-us"),
     ("این کتاب را خواندم", "fa"), ("هذا كتاب جميل", "ar"), ("Дякую", "uk"),
     ("Подождите минуту, пожалуйста", "ru"),
     ("Jeg vet ikke hvor det er", "nb"), ("Jeg ved ikke, hvad du vil have", "da")],
)  # fmt: skip
def test_the_language_of_short_texts(text: str, language: str) -> None:
    assert guess_language(text) == language


def test_sentences_of_many_languages_and_english_phrases_are_known() -> None:
    from moda.conditions.prototype_sentences import PROTOTYPES
    from moda.corpus.synthetic.texts import SENTENCES

    def family(code: str) -> str:
        return code.split("-")[0]

    known = [family(guess_language(text)) == family(code) for code, texts in SENTENCES.items() for text in texts]
    assert len(known) > 140 and sum(known) > 0.96 * len(known)
    phrases = [text for degrees in PROTOTYPES.values() for texts in degrees.values() for text in texts if " " in text]
    assert len(phrases) > 700
    assert sum(guess_language(text) == "en-us" for text in phrases) > 0.97 * len(phrases)
