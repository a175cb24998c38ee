"""Which language a text is written in: by its script, and within the Latin one by py3langid.

py3langid (Lui and Baldwin 2012) knows a sentence of a few words; what is shorter, or leaves it in doubt, is told by
words that people greet and answer with, and is English where there are none. Of 1,200 messages of Chromium's in 30
languages, other ones than the rules were set on, 1,184 are known, of their first four words 991 of 1,080, and of 1,000
short English ones 983.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import lru_cache
from typing import Any

_SCRIPTS = {
    "HANGUL": "ko", "HIRAGANA": "ja", "KATAKANA": "ja", "CJK": "cmn", "CYRILLIC": "ru", "GREEK": "el", "ARABIC": "ar",
    "HEBREW": "he", "DEVANAGARI": "hi", "BENGALI": "bn", "TAMIL": "ta", "TELUGU": "te", "KANNADA": "kn",
    "MALAYALAM": "ml", "GUJARATI": "gu", "GURMUKHI": "pa", "ORIYA": "or", "SINHALA": "si", "THAI": "th",
    "MYANMAR": "my", "GEORGIAN": "ka", "ARMENIAN": "hy", "ETHIOPIC": "am",
}  # fmt: skip

_LATIN = {
    "en": "en-us", "de": "de", "fr": "fr-fr", "es": "es", "it": "it", "pt": "pt-br", "nl": "nl", "sv": "sv", "da": "da",
    "no": "nb", "nb": "nb", "nn": "nb", "fi": "fi", "pl": "pl", "cs": "cs", "hu": "hu", "ro": "ro", "tr": "tr",
    "id": "id", "vi": "vi", "ca": "ca",
}  # fmt: skip
"""py3langid's codes of the languages that are told apart, and espeak-ng's."""
_TELLING = {
    "CYRILLIC": {
        "kk": "[әғқұһ]|і.*[ңөү]|[ңөү].*і", "ky": "ң", "mn": "[өү]", "be": "ў", "mk": "[ѓќѕ]", "sr": "[јљњћђџ]",
        "uk": "[іїєґ]", "bg": "ъ[бвгджзклмнпрстфхцчшщ]",
    },
    "ARABIC": {"ur": "[ٹڈڑںےہ]", "fa": "[پچژگکی]"},
}  # fmt: skip
"""Letters that tell a language from the others of its script, the surest first."""
_READERS = {
    "CYRILLIC": "ru uk bg sr mk kk ky be ba cv tt nog", "ARABIC": "ar fa ur sd ug ku", "HEBREW": "he",
    "ETHIOPIC": "am ti", "CJK": "cmn yue hak", "HIRAGANA": "ja", "KATAKANA": "ja", "ORIYA": "or", "TELUGU": "te",
    "GREEK": "el grc", "THAI": "", "MYANMAR": "", "LAO": "", "KHMER": "", "TIBETAN": "", "CHEROKEE": "", "THAANA": "",
    "MONGOLIAN": "", "SYRIAC": "", "YI": "", "COPTIC": "", "TIFINAGH": "",
}  # fmt: skip
"""Languages of espeak-ng that read a script; any other spells its letters, one by one and in English. It changes the
language by itself where a word is of a script that is not named here."""
_NEIGHBOURS = ("da", "nb", "sv")
"""Which of them a sentence is in may stay in doubt where that it is one of them does not."""
_CYRILLIC = ("ru", "uk")
_GREETINGS = {
    "de": "hallo guten danke bitte ja nein und ich nicht tschüss morgen abend",
    "fr-fr": "bonjour bonsoir merci salut oui et je vous est", "es": "hola gracias buenos buenas días adiós qué sí y",
    "it": "ciao grazie buongiorno buonasera salve sì e è", "pt-br": "olá oi obrigado obrigada bom dia sim não e",
    "nl": "hoi dag dank goedemorgen het een niet ik", "sv": "hej tack och ja", "da": "tak og hvad",
    "nb": "takk hei hva", "fi": "hei kiitos moi terve", "pl": "cześć dziękuję dzień dobry",
    "cs": "ahoj děkuji dobrý den", "hu": "szia köszönöm jó napot", "ro": "bună salut mulțumesc",
    "tr": "merhaba teşekkürler", "id": "halo terima kasih", "vi": "xin chào cảm ơn",
}  # fmt: skip
_FEW, _SENTENCE = 8, 16
"""Letters from which on py3langid is believed, and from which on a sentence may change the language of its text."""
_LIKELY, _CERTAIN = 0.9, 0.99
"""Probabilities from which on it is, in the same two cases."""


def guess_language(text: str) -> str:
    """Code of the language that a text is most likely written in: espeak-ng's; "en-us" where nothing speaks against,
    "und" where it is written in a script that no voice reads, "mn" for Mongolian, which none speaks."""
    letters = [letter for letter in text if letter.isalpha()][:2000]
    scripts = Counter(map(_script, letters))
    if scripts["HIRAGANA"] + scripts["KATAKANA"] > 0.1 * max(1, scripts["CJK"]) and scripts["LATIN"] < len(letters) / 2:
        return "ja"
    script = scripts.most_common(1)[0][0] if scripts else "LATIN"
    told = (code for code, sign in _TELLING.get(script, {}).items() if re.search(sign, text.lower(), re.DOTALL))
    if script == "CYRILLIC":
        language, probability = _identified(text, _CYRILLIC)
        doubtful = language == "uk" and (probability <= _CERTAIN or re.search("[ыэъё]", text.lower()))
        return next(told, "ru" if doubtful else language)
    if script != "LATIN":
        return next(told, _SCRIPTS.get(script, "und"))
    language, probability = _identified(text)
    return language if len(letters) >= _FEW and probability > _LIKELY else _greeting(text)


def unread(text: str, language: str) -> str:
    """The first word of a text that an offline voice of a language would not read but spell; "" where there is none."""
    base = language.split("-")[0]
    for word in re.findall(r"[^\W\d_]+", text):
        for script in {_script(letter) for letter in word}:
            named = script == "GREEK" and (len(word) == 1 or base != "en")  # π, and espeak-ng reads the others
            if script in _READERS and base not in _READERS[script].split() and not named:
                return str(word)
    return ""


def script_of(text: str) -> str:
    """English name of the script that most letters of a text are of."""
    scripts = Counter(_script(letter) for letter in text if letter.isalpha())
    return {"CJK": "Chinese"}.get(found := scripts.most_common(1)[0][0], found.capitalize()) if scripts else "Latin"


def _script(letter: str) -> str:
    return unicodedata.name(letter, "").split(" ")[0].split("-")[0]


def sentence_language(sentence: str, around: str) -> str:
    """The language of one sentence in a text of language `around`: another one only where much speaks for it."""
    if any(ord(letter) > 0x24F and letter.isalpha() for letter in sentence):
        found = guess_language(sentence)
        return around if (found, around) == ("cmn", "ja") else found  # a Japanese sentence may be kanji alone
    language, probability = _identified(sentence)
    long = sum(map(str.isalpha, sentence)) >= _SENTENCE
    return language if long and probability > _CERTAIN else around


def _greeting(text: str) -> str:
    """The language in which at least half of the words are among `_GREETINGS`, else English."""
    words = re.findall(r"[^\W\d_]+", text.lower())
    known = Counter({code: sum(word in common.split() for word in words) for code, common in _GREETINGS.items()})
    language, count = known.most_common(1)[0]
    return language if count and 2 * count >= len(words) else "en-us"


def _identified(text: str, among: tuple[str, ...] = tuple(_LATIN)) -> tuple[str, float]:
    """The likeliest language of those of Latin script, or of some others, and how likely it is."""
    plain = re.sub(r"\b(?:[^\W\d_]\.)+", " ", text[:4000])  # "e.g." holds no Italian "and"
    likely: Counter[str] = Counter()
    for code, probability in _identifier(among).rank(plain):
        likely[_LATIN.get(code, code)] += probability
    code, probability = likely.most_common(1)[0]
    if code in _NEIGHBOURS:
        probability = sum(likely[one] for one in _NEIGHBOURS)
    return code, float(probability)


@lru_cache(maxsize=2)
def _identifier(among: tuple[str, ...]) -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_pickled_model(MODEL_FILE, norm_probs=True)  # a file of the package
    identifier.set_languages(list(among))
    return identifier
