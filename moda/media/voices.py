"""Which voices there are: the online ones by name, the offline ones by language, and which fits a text.

The table of online voices lists one woman and one man per locale of the neural voices that Microsoft Edge reads
aloud with; any other name of that service ("en-US-JennyNeural") works as well.
"""

from __future__ import annotations

import re

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
