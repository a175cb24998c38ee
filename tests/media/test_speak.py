from __future__ import annotations

import time
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moda.errors import BadText
from moda.media import online
from moda.media.audio import load_speech
from moda.media.clean import clean
from moda.media.espeak import languages
from moda.media.language import guess_language, unread
from moda.media.online import collected
from moda.media.speak import Casting, casting, language_name, speak, voices
from moda.media.voices import to_online
from moda.media.words import Word, sounds_of, words_of

HELLO = "Hello, how are you today? I am quite well, thank you."


def test_an_offline_sentence() -> None:
    speech = speak(HELLO, "en-us+f2", offline=True)
    assert 2.0 < speech.seconds < 6.0 and speech.notice == "" and speech.name == "en-us+f2"
    assert np.all(speech.waveform[:1600] == 0) and np.all(speech.waveform[-3200:] == 0)
    assert -27 < speech.level < -18 and speech.peak <= 0.9
    assert speak(HELLO, "en-us+f2", offline=True).digest == speech.digest


def test_every_language_speaks_at_one_loudness() -> None:
    for code in ("de", "fr-fr+f2", "es+f2", "it+f2", "pl", "tr", "fi", "vi", "sw", "hu", "id", "nl"):
        speech = speak("1, 2, 3, 4, 5, papa lama soda", code, offline=True)
        assert speech.seconds > 1.5 and -27 < speech.level < -18, code
    for code, text in (("cmn", "你好世界"), ("ja", "こんにちは"), ("ru", "Привет"), ("ar", "مرحبا"), ("hi", "नमस्ते")):
        assert speak(text, code, offline=True).seconds > 0.6, code


def test_rate_and_pitch_do_what_they_say() -> None:
    normal, slow, fast = (speak(HELLO, "en-gb+f2", rate=rate, offline=True).seconds for rate in (1.0, 0.5, 2.0))
    assert slow > 1.5 * normal and fast < 0.7 * normal

    def fundamental(pitch: float) -> float:
        """Median pitch in Hz of the voiced pieces of a sentence."""
        wave = speak(HELLO, "en-us+m1", pitch=pitch, offline=True).waveform.astype(np.float64)
        found = []
        for piece in np.lib.stride_tricks.sliding_window_view(wave, 1024)[::400]:
            match = np.correlate(piece, piece, "full")[1023:]
            lag = 50 + int(np.argmax(match[50:260]))
            if match[0] > 1.0 and match[lag] > 0.6 * match[0]:
                found.append(16_000 / lag)
        return float(np.median(found))

    assert fundamental(-6) < 0.85 * fundamental(0) < 0.85 * fundamental(6)


def test_a_female_and_a_male_voice_differ() -> None:
    assert speak(HELLO, "en-us+Annie", offline=True).digest != speak(HELLO, "en-us+Andy", offline=True).digest


@pytest.mark.parametrize("text", ["", "   \n", "!!! ... ---", "😀😀", "\x00\x01\x07", "\ud800", "x" * 20_000, None])
def test_texts_that_cannot_be_spoken(text: str) -> None:
    with pytest.raises(BadText) as caught:
        speak(text, offline=True)
    assert str(caught.value).endswith(".") and len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("text", "script"),
    [("བཀྲ་ཤིས་བདེ་ལེགས།", "Tibetan"), ("ᏣᎳᎩ ᎦᏬᏂᎯᏍᏗ", "Cherokee"), ("Сайн байна уу, өнөөдөр?", "Cyrillic")],
)
def test_a_language_that_no_voice_speaks_is_told(text: str, script: str) -> None:
    with pytest.raises(BadText, match=rf"No voice speaks the language .*{script} letters.* such as English"):
        speak(text, offline=True)


@pytest.mark.parametrize(
    ("text", "voice", "says"),
    [("ሰላም ወዳጄ", "joe", r"joe speaks English \(America\) and cannot read 'ሰላም' \(Ethiopic letters\)"),
     ("We met in 東京 last year.", "auto", r"cannot read '東京' \(Chinese letters\)"),
     ("Привет, друг", "de+f2", "speaks German and cannot read 'Привет'"),
     ("今日は元気です。", "auto", "cannot read '今日は元気です' .*write it in kana"),
     ("สวัสดีครับ", "auto", "Only online voices speak Thai, and they are not to be used")],
)  # fmt: skip
def test_letters_that_would_be_spelled_are_told(text: str, voice: str, says: str) -> None:
    with pytest.raises(BadText, match=says) as caught:
        speak(text, voice, offline=True)
    assert len(str(caught.value)) < 220


def test_words_of_other_languages_that_are_read_well_are_read() -> None:
    assert unread("π is 3 and Ω is ohm. नमस्ते 안녕 Բարեւ", "en-us") == unread("ሰላም ወዳጄ", "am") == ""
    said = speak("Hello नमस्ते there", "joe", offline=True)
    assert not [phone for phone in said.phones if "(" in phone.symbol]  # "(hi)" is how espeak-ng says that it changes
    assert speak("こんにちは、おげんきですか。", offline=True).voice == "ja+f2"


def test_the_limit_is_five_thousand_letters() -> None:
    assert clean("a" * 5000) == "a" * 5000
    with pytest.raises(BadText, match="5,001"):
        clean("a" * 5001)


@pytest.mark.parametrize("text", ["a\x00b", "Hello\x07 there", "\x1b[31mred", "x\x9by"])
def test_control_characters_are_told_with_their_place(text: str) -> None:
    with pytest.raises(BadText, match=r"a control character \(U\+00[0-9A-F]{2}, (after|at its)") as caught:
        speak(text, offline=True)
    assert str(caught.value).isprintable()


def test_marks_that_nobody_sees_and_markup_are_harmless() -> None:
    assert clean("a\u00adb\tc\r\nd\u202ee\x0cf\ufeff") == "ab c de f"
    speech = speak("<b>hi</b> [[h@'loU]] & so on", "en-us+f2", offline=True)
    assert speech.seconds < 15
    with pytest.raises(BadText, match=r"markup \(<speak>\): type plain words"):
        speak("<speak><break time='60s'/>hi</speak>", "en", offline=True)


@pytest.mark.parametrize(
    ("voice", "hint"),
    [("qwzxv", "auto"), ("en-gb+anni", "Annie"), ("en-GB-SonjaNeural2", "SoniaNeural"), ("xx", "auto"),
     ("../../etc/passwd", "auto"), ("en+../../x", ""), ("x" * 5000, "auto"), ("en-gb+", "")],
)  # fmt: skip
def test_unknown_voices(voice: str, hint: str) -> None:
    if voice.endswith("+"):
        assert speak("hi", voice, offline=True).name == "gongitsune"
        return
    with pytest.raises(BadText) as caught:
        speak("hi", voice, offline=True)
    assert hint in str(caught.value) and len(str(caught.value)) < 300


@pytest.mark.parametrize(("rate", "pitch"), [(0.1, 0), (5, 0), (float("nan"), 0), (1, 20), (1, float("inf"))])
def test_out_of_range(rate: float, pitch: float) -> None:
    with pytest.raises(BadText):
        speak("hi", "en", rate=rate, pitch=pitch, offline=True)


def test_who_speaks_is_told_before() -> None:
    cast = casting("Guten Tag, wie geht es dir?")
    assert cast.first.name == "de-DE-KatjaNeural" and cast.second is not None and cast.second.name == "de+f2"
    assert casting("Hello", "de+m1") == Casting(next(v for v in voices() if v.name == "de+m1"))
    assert language_name("de") == "German" and language_name("pt-BR") == "Portuguese (Brazil)"
    with pytest.raises(BadText, match="no voice"):
        casting("Hello", "qwzxv")


def test_the_words_of_online_voices() -> None:
    """Pieces as edge-tts hands them out: sound, and words without punctuation in ticks of 100 ns."""
    pieces = [
        {"type": "audio", "data": b"ab"},
        {"type": "WordBoundary", "offset": 1_000_000, "duration": 3_750_000, "text": "Hello"},
        {"type": "WordBoundary", "offset": 5_000_000, "duration": 4_000_000, "text": "you"},
        {"type": "audio", "data": b"cd"},
        {"type": "WordBoundary", "offset": 12_500_000, "duration": 2_500_000, "text": "you"},
    ]  # fmt: skip
    data, words = collected(pieces)
    assert data == b"abcd" and words[0] == Word(0.1, 0.475, "Hello")
    text = "Hello, you — and YOU!"
    told = words_of(text, sounds_of(text, words))  # "and" was not told: it shares the time of the word before it
    assert [word.text for word in told] == ["Hello,", "you —", "and", "YOU!"]
    assert (told[0].start, told[1].start, told[3].start) == (0.1, 0.5, 1.25) and told[2].end == 0.9


def test_the_list_of_voices() -> None:
    listed = voices()
    names = [voice.name for voice in listed]
    assert len(names) == len(set(names)) and len({voice.language for voice in listed if not voice.online}) > 100
    assert {voice.gender for voice in listed} == {"female", "male"}
    known = {language.code for language in languages()}
    for voice in listed[:: max(1, len(listed) // 25)]:
        if not voice.online:
            assert voice.language in known
            assert speak("1 2 3", voice.name, offline=True).name == voice.name


@pytest.mark.parametrize(
    ("text", "language"),
    [("Hello, this is the first day of the year.", "en-us"), ("Guten Tag, ich bin nicht müde.", "de"),
     ("Bonjour, je suis avec vous.", "fr-fr"), ("¿Cómo está usted? Muy bien.", "es"), ("你好，世界", "cmn"),
     ("こんにちは世界", "ja"), ("안녕하세요", "ko"), ("Привет, как дела", "ru"), ("Привіт, як справи", "uk"),
     ("Сәлем, қалайсыз?", "kk"), ("Здраво, зовем се Љиља", "sr"), ("Добър ден", "bg"),
     ("مرحبا بكم", "ar"), ("آپ کیسے ہیں", "ur"), ("اسم من آنا است، خوب و چطور", "fa"),
      ("नमस्ते दुनिया", "hi"), ("Γειά σου", "el"), ("Cześć, jak się masz", "pl"), ("ok", "en-us")],
)  # fmt: skip
def test_the_language_is_guessed(text: str, language: str) -> None:
    assert guess_language(text) == language
    assert to_online(language) is not None


def test_threads_do_not_mix_their_voices() -> None:
    jobs = [(f"number {index} speaks", "en-us+f2" if index % 2 else "de") for index in range(8)]
    alone = [speak(*job, offline=True).digest for job in jobs]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda job: speak(*job, offline=True).digest, jobs))
    assert alone == together


def test_without_the_internet_the_offline_voice_speaks_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    # An address reserved for documentation: nothing ever answers there, with or without the internet.
    monkeypatch.setattr(online, "HOST", "192.0.2.1")
    fresh = online.OnlineVoices()
    monkeypatch.setattr("moda.media.speak.service", lambda: fresh)
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    started = time.monotonic()
    speech = speak("Guten Tag", "de-DE-ConradNeural")
    assert time.monotonic() - started < 60  # a connection that nobody answers would be tried for minutes
    assert speech.name == "de+m1" and "an offline voice speaks" in speech.notice
    assert speak("Guten Tag", "de+m1", offline=True).digest == speech.digest
    with pytest.raises(BadText, match="internet"):
        speak("Guten Tag", "de", offline=False)
    with pytest.raises(BadText, match="offline one"):
        speak("Guten Tag", "de+Annie", offline=False)


@settings(max_examples=40)
@given(text=st.text(max_size=60), voice=st.sampled_from(["en-us+m1", "cmn", "ja", "hi+Andy", "fr+f2"]))
def test_any_text_ends_in_speech_or_a_sentence(text: str, voice: str) -> None:
    try:
        speech = speak(text, voice, offline=True)
    except BadText as fault:
        assert str(fault).endswith(".")
    else:
        assert speech.seconds >= 0.3 and speech.peak <= 0.9


@pytest.mark.parametrize("voice", ["en\x00", "\x1b[31mred", "a\nb", "\u202eevil", "x" * 300])
def test_unknown_voices_are_named_in_one_printable_line(voice: str) -> None:
    with pytest.raises(BadText, match="There is no voice") as caught:
        speak("Hello.", voice, offline=True)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 300


def test_a_long_install_path_does_not_silence_the_voice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """espeak-ng cuts the path of its data at 160 bytes."""
    import espeakng_loader

    from moda.media import espeak

    deep = tmp_path / ("a long folder name, é 用户 " * 4) / ("b" * 90)
    deep.mkdir(parents=True)
    (deep / "espeak-ng-data").symlink_to(espeakng_loader.get_data_path())
    expected = espeak.synthesise("Hello", "en-us").samples
    monkeypatch.setattr(espeakng_loader, "get_data_path", lambda: str(deep / "espeak-ng-data"))
    assert np.array_equal(espeak.synthesise("Hello", "en-us").samples, expected)


def test_styled_letters_are_read_as_plain_ones_and_pictures_not_at_all() -> None:
    assert clean("Ｈｅｌｌｏ　ｗｏｒｌｄ １２３") == "Hello world 123"
    assert clean("𝐛𝐨𝐥𝐝 𝒔𝒄𝒓𝒊𝒑𝒕 ⓒircle ﬁne ｶﾀｶﾅ") == "bold script circle fine カタカナ"
    assert clean("½ x² 20 °C © ™ №5") == "½ x² 20 °C © ™ №5"
    assert clean("Hi 👩‍👩‍👧 there 🇩🇪 3️⃣ ❤️ 👍🏽→ go") == "Hi there 3 go"
    assert clean("नमस्ते 你好，世界 안녕 مرحبا") == unicodedata.normalize("NFC", "नमस्ते 你好，世界 안녕 مرحبا")
    assert speak("Hello 😀 world", "en", offline=True).digest == speak("Hello world", "en", offline=True).digest
    assert speak("１２", "en", offline=True).digest == speak("12", "en", offline=True).digest


@settings(max_examples=200)
@given(st.text(max_size=60))
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    try:
        once = clean(text)
    except BadText:
        return
    assert clean(once) == once


def test_a_named_online_voice_is_not_silently_replaced() -> None:
    with pytest.raises(BadText, match=r"'en-US-AvaNeural' speaks online only: choose an offline voice such as \w+"):
        speak("hi", "en-US-AvaNeural", offline=True)
    assert speak("hi", "en-US", offline=True).seconds > 0.3


def test_a_part_of_a_spoken_text_keeps_its_words_and_voice() -> None:
    speech = speak("Hello there, Dr. Smith! It costs 25 euros.", "en-us+f2", offline=True)
    assert speech.voice == "en-us+f2"
    begins = next(word.start for word in speech.words if word.text == "It")
    part = speech.trim(begins, speech.seconds)
    assert [word.text for word in part.words] == ["It", "costs", "25", "euros."]
    assert part.words[0].start == pytest.approx(0.0, abs=1e-6) and part.words[-1].end <= part.seconds
    again = load_speech(part)
    assert (again.words, again.phones, again.voice) == (part.words, part.phones, "en-us+f2") and part.phones
