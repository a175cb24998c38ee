"""Which voices there are: the online ones by name, the offline ones by language, and which fits a text.

The table of online voices lists one woman and one man per locale of the neural voices that Microsoft Edge reads
aloud with; any other name of that service ("en-US-JennyNeural") works as well.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

ONLINE: dict[str, tuple[str, str]] = {
    "af-ZA": ("Adri", "Willem"), "am-ET": ("Mekdes", "Ameha"), "ar-EG": ("Salma", "Shakir"),
    "ar-SA": ("Zariyah", "Hamed"), "az-AZ": ("Banu", "Babek"), "bg-BG": ("Kalina", "Borislav"),
    "bn-IN": ("Tanishaa", "Bashkar"), "bs-BA": ("Vesna", "Goran"), "ca-ES": ("Joana", "Enric"),
    "cs-CZ": ("Vlasta", "Antonin"), "cy-GB": ("Nia", "Aled"), "da-DK": ("Christel", "Jeppe"),
    "de-AT": ("Ingrid", "Jonas"), "de-DE": ("Katja", "Conrad"), "el-GR": ("Athina", "Nestoras"),
    "en-US": ("Ava", "Andrew"), "en-GB": ("Sonia", "Ryan"), "en-AU": ("Natasha", "William"),
    "en-CA": ("Clara", "Liam"), "en-IE": ("Emily", "Connor"), "en-IN": ("Neerja", "Prabhat"),
    "es-ES": ("Elvira", "Alvaro"), "es-MX": ("Dalia", "Jorge"), "et-EE": ("Anu", "Kert"),
    "fa-IR": ("Dilara", "Farid"), "fi-FI": ("Noora", "Harri"), "fr-FR": ("Denise", "Henri"),
    "fr-CA": ("Sylvie", "Jean"), "ga-IE": ("Orla", "Colm"), "gu-IN": ("Dhwani", "Niranjan"),
    "he-IL": ("Hila", "Avri"), "hi-IN": ("Swara", "Madhur"), "hr-HR": ("Gabrijela", "Srecko"),
    "hu-HU": ("Noemi", "Tamas"), "id-ID": ("Gadis", "Ardi"), "is-IS": ("Gudrun", "Gunnar"),
    "it-IT": ("Elsa", "Diego"), "ja-JP": ("Nanami", "Keita"), "ka-GE": ("Eka", "Giorgi"),
    "kk-KZ": ("Aigul", "Daulet"), "kn-IN": ("Sapna", "Gagan"), "ko-KR": ("SunHi", "InJoon"),
    "lt-LT": ("Ona", "Leonas"), "lv-LV": ("Everita", "Nils"), "mk-MK": ("Marija", "Aleksandar"),
    "ml-IN": ("Sobhana", "Midhun"), "mr-IN": ("Aarohi", "Manohar"), "ms-MY": ("Yasmin", "Osman"),
    "mt-MT": ("Grace", "Joseph"), "nb-NO": ("Pernille", "Finn"), "ne-NP": ("Hemkala", "Sagar"),
    "nl-NL": ("Colette", "Maarten"), "pl-PL": ("Zofia", "Marek"), "pt-BR": ("Francisca", "Antonio"),
    "pt-PT": ("Raquel", "Duarte"), "ro-RO": ("Alina", "Emil"), "ru-RU": ("Svetlana", "Dmitry"),
    "si-LK": ("Thilini", "Sameera"), "sk-SK": ("Viktoria", "Lukas"), "sl-SI": ("Petra", "Rok"),
    "sq-AL": ("Anila", "Ilir"), "sr-RS": ("Sophie", "Nicholas"), "sv-SE": ("Sofie", "Mattias"),
    "sw-KE": ("Zuri", "Rafiki"), "ta-IN": ("Pallavi", "Valluvar"), "te-IN": ("Shruti", "Mohan"),
    "th-TH": ("Premwadee", "Niwat"), "tr-TR": ("Emel", "Ahmet"), "uk-UA": ("Polina", "Ostap"),
    "ur-PK": ("Uzma", "Asad"), "uz-UZ": ("Madina", "Sardor"), "vi-VN": ("HoaiMy", "NamMinh"),
    "zh-CN": ("Xiaoxiao", "Yunxi"), "zh-HK": ("HiuMaan", "WanLung"), "zh-TW": ("HsiaoChen", "YunJhe"),
}  # fmt: skip

ONLINE_NAME = re.compile(r"^([a-z]{2,3}-[A-Z]{2}(?:-[a-z]+)?)-([A-Za-z]+)Neural$")

_LANGUAGE = re.compile(r"^[a-z]{2,3}(-([a-z]{2,4}|\d{3}))?$")

VARIANTS = {"female": "f2", "male": "m1"}
"""espeak-ng variants used where only a gender is asked for.

Of all variants without a heavy echo, those whose long-term spectrum is nearest to recordings of a real woman and a
real man (4.2 dB apart, against 4.8 to 9 dB for the others).
"""

_TO_ESPEAK = {"zh-cn": "cmn", "zh-tw": "cmn", "zh-hk": "yue", "zh": "cmn", "en": "en-us", "fr": "fr-fr", "no": "nb",
              "es-mx": "es-419", "en-au": "en-gb", "en-ie": "en-gb", "en-in": "en-gb", "en-ca": "en-us",
              "iw": "he", "jp": "ja", "kr": "ko", "cn": "cmn", "ua": "uk", "gr": "el", "cz": "cs"}  # fmt: skip
_TO_ONLINE = {"cmn": "zh-CN", "yue": "zh-HK", "es-419": "es-MX", "en": "en-US", "es": "es-ES", "zh": "zh-CN",
              "pt": "pt-PT", "ar": "ar-SA", "de": "de-DE", "fr": "fr-FR"}  # fmt: skip

_SCRIPTS = {
    "HANGUL": "ko", "HIRAGANA": "ja", "KATAKANA": "ja", "CJK": "cmn", "CYRILLIC": "ru", "GREEK": "el", "ARABIC": "ar",
    "HEBREW": "he", "DEVANAGARI": "hi", "BENGALI": "bn", "TAMIL": "ta", "TELUGU": "te", "KANNADA": "kn",
    "MALAYALAM": "ml", "GUJARATI": "gu", "GURMUKHI": "pa", "ORIYA": "or", "SINHALA": "si", "THAI": "th",
    "MYANMAR": "my", "GEORGIAN": "ka", "ARMENIAN": "hy", "ETHIOPIC": "am",
}  # fmt: skip

# The commonest short words and the letters that a language has to itself; enough to tell one sentence's language.
_WORDS = {
    "en-us": "the and is of to you that it in was for are with this have not be what hello i my we they he she his her "
    "our your at on by from as or if so but an me no do can will would there here all about up out who when how good "
    "which were had has been did",
    "de": "der die das und ist nicht ich ein eine zu mit den von es auf wir sie für auch wie hallo guten "
    "sich im dem er aber noch nach bei über hat sind dass wenn man kann nur sehr wird werden einen einer oder mein am "
    "um als an so war was will vom zum zur durch danke bitte",
    "fr-fr": "le la les et est un une des je vous que pas pour dans ce qui nous avec sur bonjour il elle au",
    "es": "el la los las y es un una que no por para con se lo como está pero hola muy yo del más",
    "it": "il lo la gli e è un una che non per con sono di del della ciao questo ma come mi anche",
    "pt-br": "o a os as e é um uma que não para com em do da você eu mas como está isso olá muito",
    "nl": "de het een en is niet ik van dat je we zijn met op voor maar ook hallo goed wat "
    "die er te om naar bij hij zij ze haar hem heeft werd wordt dit deze nog al kan door over uit of meer was in aan "
    "als mijn geen veel dank",
    "sv": "och det är jag en ett att inte på som för med har vi du hej kan av den",
    "da": "og det er jeg en et at ikke på som for med har vi du hej kan af den hvad",
    "nb": "og det er jeg en et at ikke på som for med har vi du hei kan av den hva",
    "fi": "ja on ei se että hän minä sinä mutta kun niin ole hei tämä kuin",
    "pl": "i w nie to się na jest że z do jak co cześć dzień ja ty ale już",
    "cs": "a je to se na že v ne jsem co jak ale ahoj dobrý by tak",
    "hu": "a az és nem hogy egy is van ez de meg szia jó én te",
    "ro": "și nu este un o în că de la cu pe să mai salut bună eu",
    "tr": "ve bir bu da ne için çok ben sen değil var mı merhaba ama gibi",
    "id": "dan yang di ini itu dengan untuk tidak saya kamu adalah halo dari ke",
    "vi": "là và của tôi không bạn có một được xin chào cho trong",
}
_LETTERS = {"ß": "de", "ñ": "es", "¿": "es", "¡": "es", "ã": "pt-br", "õ": "pt-br", "ł": "pl", "ą": "pl", "ę": "pl",
            "ř": "cs", "ů": "cs", "ő": "hu", "ű": "hu", "ș": "ro", "ț": "ro", "ğ": "tr", "ı": "tr", "ş": "tr",
            "ơ": "vi", "ư": "vi", "đ": "vi", "œ": "fr-fr", "ê": "fr-fr", "ø": "nb"}  # fmt: skip


def guess_language(text: str) -> str:
    """espeak-ng code of the language that a text is most likely written in; "en-us" where nothing speaks against, and
    "und" where it is written in a script that no voice reads."""
    letters = [letter for letter in text if letter.isalpha()][:2000]
    scripts = Counter(unicodedata.name(letter, "").split(" ")[0].split("-")[0] for letter in letters)
    if scripts["HIRAGANA"] + scripts["KATAKANA"] > 0.1 * max(1, scripts["CJK"]) and scripts["LATIN"] < len(letters) / 2:
        return "ja"
    script = scripts.most_common(1)[0][0] if scripts else "LATIN"
    if script == "CYRILLIC":
        return "uk" if re.search("[іїєґІЇЄҐ]", text) else "ru"
    if script == "ARABIC":
        return "fa" if re.search("[پچژگ]", text) else "ar"
    if script != "LATIN":
        return _SCRIPTS.get(script, "und")
    score = _score(text)
    best, points = score.most_common(1)[0]
    return best if points > score["en-us"] else "en-us"


def sentence_language(sentence: str, around: str) -> str:
    """The language of one sentence in a text of language `around`: another one only where much speaks for it."""
    if any(ord(letter) > 0x24F and letter.isalpha() for letter in sentence):
        return guess_language(sentence)
    (best, points), *others = _score(sentence).most_common(2)
    rival = others[0][1] if others else 0
    return best if points >= 3 and points >= 2 * rival else around


def _score(text: str) -> Counter[str]:
    """How many common words and letters of its own each language of Latin script finds in a text."""
    score: Counter[str] = Counter()
    plain = re.sub(r"\b(?:[^\W\d_]\.)+", " ", text.lower()[:4000])  # "e.g." holds no Italian "and"
    words = Counter(re.findall(r"[^\W\d_]+", plain))
    for language, common in _WORDS.items():
        score[language] = sum(words[word] for word in common.split())
    for letter, language in _LETTERS.items():
        score[language] += text.lower().count(letter)
    return score


def to_espeak(code: str, known: frozenset[str]) -> str | None:
    """espeak-ng's code for a language code such as "en", "pt-BR" or "zh-CN"; None if it has no such language."""
    lower = code.strip().lower().replace("_", "-")
    if lower not in known and not _LANGUAGE.match(lower):
        return None
    for candidate in (lower, _TO_ESPEAK.get(lower, ""), lower.split("-")[0], _TO_ESPEAK.get(lower.split("-")[0], "")):
        if candidate in known:
            return candidate
    return None


def to_online(code: str, gender: str = "female") -> str | None:
    """Name of the online voice for a language code and gender; None if the service has no such language."""
    lower = code.strip().lower().replace("_", "-")
    if not _LANGUAGE.match(lower) and lower not in _TO_ONLINE:
        return None
    base = lower.split("-")[0]
    locales = {locale.lower(): locale for locale in ONLINE}
    locale = locales.get(lower) or _TO_ONLINE.get(lower) or _TO_ONLINE.get(base)
    if locale is None:
        locale = next((name for name in ONLINE if name.lower().split("-")[0] == base), None)
    return None if locale is None else f"{locale}-{ONLINE[locale][1 if gender == 'male' else 0]}Neural"
