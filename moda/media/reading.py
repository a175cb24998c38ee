"""How a text is read aloud: times, dates, sums of money and abbreviations become words before a voice sees them.

Numbers themselves are left to the voices, which read them in every language. Each letter of what is spoken remembers
the written letter that it stands for, so that word times can be told for the text as it was written.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Reading:
    """A text to be spoken; places[i] is where in the written text its letter i comes from."""

    text: str
    places: tuple[int, ...]

    def written(self, place: int) -> int:
        """Where in the written text a place of the spoken one lies."""
        return self.places[min(place, len(self.places) - 1)] if self.places else 0


_MONTHS = {
    "en": "January February March April May June July August September October November December",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "nl": "januari februari maart april mei juni juli augustus september oktober november december",
}
_DATES = {"en": "{month} {day}{th}, {year}", "de": "{day}. {month} {year}", "es": "{day} de {month} de {year}",
          "pt": "{day} de {month} de {year}"}  # fmt: skip
_MONEY = {  # one, several, for each sign
    "en": {"$": ("dollar", "dollars"), "€": ("euro", "euros"), "£": ("pound", "pounds"), "¥": ("yen", "yen")},
    "de": {"$": ("Dollar", "Dollar"), "€": ("Euro", "Euro"), "£": ("Pfund", "Pfund"), "¥": ("Yen", "Yen")},
    "fr": {"$": ("dollar", "dollars"), "€": ("euro", "euros"), "£": ("livre", "livres"), "¥": ("yen", "yens")},
    "es": {"$": ("dólar", "dólares"), "€": ("euro", "euros"), "£": ("libra", "libras"), "¥": ("yen", "yenes")},
    "it": {"$": ("dollaro", "dollari"), "€": ("euro", "euro"), "£": ("sterlina", "sterline"), "¥": ("yen", "yen")},
    "pt": {"$": ("dólar", "dólares"), "€": ("euro", "euros"), "£": ("libra", "libras"), "¥": ("iene", "ienes")},
    "nl": {"$": ("dollar", "dollar"), "€": ("euro", "euro"), "£": ("pond", "pond"), "¥": ("yen", "yen")},
}
_SHORT = {
    "en": {"e.g.": "for example", "i.e.": "that is", "etc.": "et cetera", "vs.": "versus", "approx.": "approximately",
           "Dr.": "Doctor", "Mr.": "Mister", "Mrs.": "Missis", "Ms.": "Miz", "Prof.": "Professor", "Jr.": "junior",
           "St.": "Saint", "No.": "number", "Jan.": "January", "Feb.": "February", "Aug.": "August",
           "Sept.": "September", "Oct.": "October", "Nov.": "November", "Dec.": "December", "Mon.": "Monday",
           "Tue.": "Tuesday", "Wed.": "Wednesday", "Thu.": "Thursday", "Fri.": "Friday"},
    "de": {"z.B.": "zum Beispiel", "z. B.": "zum Beispiel", "d.h.": "das heißt", "usw.": "und so weiter",
           "Dr.": "Doktor", "Prof.": "Professor", "bzw.": "beziehungsweise", "ca.": "circa", "Nr.": "Nummer"},
    "fr": {"M.": "Monsieur", "Mme": "Madame", "Mlle": "Mademoiselle", "Dr": "Docteur", "p. ex.": "par exemple"},
    "es": {"Sr.": "señor", "Sra.": "señora", "Dr.": "doctor", "Dra.": "doctora", "etc.": "etcétera"},
    "it": {"Sig.": "signor", "Dott.": "dottor", "ecc.": "eccetera"},
    "pt": {"Sr.": "senhor", "Sra.": "senhora", "Dr.": "doutor", "Dra.": "doutora", "etc.": "etcétera"},
    "nl": {"bijv.": "bijvoorbeeld", "enz.": "enzovoort", "Dhr.": "de heer", "Mevr.": "mevrouw"},
}  # fmt: skip
_UNITS = {
    "km": "kilometres", "m": "metres", "cm": "centimetres", "mm": "millimetres", "kg": "kilograms", "g": "grams",
    "km/h": "kilometres an hour", "mph": "miles an hour", "°C": "degrees Celsius", "°F": "degrees Fahrenheit",
    "GB": "gigabytes", "MB": "megabytes", "kB": "kilobytes", "Hz": "hertz", "kHz": "kilohertz", "min": "minutes",
}  # fmt: skip
"""English ones, behind a number; the other languages' voices know their own."""
_PARTS = {"1/2": "one half", "1/3": "one third", "2/3": "two thirds", "1/4": "one quarter", "3/4": "three quarters"}
_AND = {"en": "and", "de": "und", "fr": "et", "es": "y", "it": "e", "pt": "e", "nl": "en"}

_ISO = re.compile(r"\b(\d{4})-(\d{2})-(\d{2})\b")
_NUMERIC = re.compile(r"\b(\d{1,2})([./])(\d{1,2})\2(\d{4})\b")
_CLOCK = re.compile(r"\b([01]?\d|2[0-3]):([0-5]\d)\b(?!:)")
_SUM = re.compile(r"(?P<a>[$€£¥])\s?(?P<n>\d[\d,.]*\d|\d)|(?P<m>\d[\d,.]*\d|\d)\s?(?P<b>[$€£¥])")
_UNIT = re.compile(rf"(?<=\d)\s?({'|'.join(sorted(map(re.escape, _UNITS), key=len, reverse=True))})(?![\w/])")
_PART = re.compile(rf"(?<![\d/])({'|'.join(_PARTS)})(?![\d/])")


def reading(text: str, language: str) -> Reading:
    """How a text in a language (a code such as "en-us") is spoken. Languages without rules are left as they are."""
    base = language.split("-")[0]
    read = Reading(text, tuple(range(len(text))))
    if base not in _MONTHS:
        return read
    read = _replaced(read, _ISO, lambda m: _date(base, int(m[1]), int(m[2]), int(m[3])))
    american = language == "en-us"
    read = _replaced(
        read, _NUMERIC,
        lambda m: _date(base, int(m[4]), int(m[1 if american else 3]), int(m[3 if american else 1])),
    )  # fmt: skip
    read = _replaced(read, _CLOCK, lambda m: _clock(base, m))
    read = _replaced(read, _SUM, lambda m: _sum(base, m))
    if base == "en":
        read = _replaced(read, _UNIT, lambda m: " " + _UNITS[m[1]])
        read = _replaced(read, _PART, lambda m: _PARTS[m[0]])
    short = _SHORT[base]
    pattern = re.compile(
        r"(?<!\w)(" + "|".join(re.escape(name) for name in sorted(short, key=len, reverse=True)) + r")(?!\w)"
    )
    read = _replaced(read, pattern, lambda m: short[m[1]])
    return _replaced(read, re.compile(r"(?<=\s)&(?=\s)"), lambda _: _AND[base])


def _replaced(read: Reading, pattern: re.Pattern[str], spoken: Callable[[re.Match[str]], str | None]) -> Reading:
    """Every match replaced; a replacement stands at the place of what it replaces. None leaves a match as it is."""
    text, done = "", 0
    places: list[int] = []
    for match in pattern.finditer(read.text):
        words = spoken(match)
        if words is None:
            continue
        text += read.text[done : match.start()] + words
        places += read.places[done : match.start()]
        places += [read.places[match.start()]] * len(words)
        done = match.end()
    return Reading(text + read.text[done:], (*places, *read.places[done:])) if done else read


def _date(base: str, year: int, month: int, day: int) -> str | None:
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return None
    th = "th" if 4 <= day <= 20 or 24 <= day <= 30 else {1: "st", 2: "nd", 3: "rd"}[day % 10]
    shape = _DATES.get(base, "{day} {month} {year}")
    return shape.format(day=day, month=_MONTHS[base].split()[month - 1], year=year, th=th)


def _clock(base: str, match: re.Match[str]) -> str:
    hour, minute = int(match[1]), int(match[2])
    if base == "en":
        return (
            f"{hour} o'clock"
            if minute == 0 and hour <= 12
            else f"{hour} oh {minute}"
            if minute < 10
            else f"{hour} {minute}"
        )
    word = {"de": "Uhr", "fr": "heures", "es": "horas", "it": "e", "pt": "horas", "nl": "uur"}[base]
    return f"{hour} {word}" if minute == 0 and base != "it" else f"{hour} {word} {minute}"


def _sum(base: str, match: re.Match[str]) -> str:
    number, sign = match["n"] or match["m"], match["a"] or match["b"]
    one, several = _MONEY[base][sign]
    whole, cents = _split(number)
    name = one if whole in ("1", "01") and not cents else several
    return f"{whole} {name} {cents.lstrip('0')}".strip()


def _split(number: str) -> tuple[str, str]:
    """A sum into whole and hundredths: the last point or comma before exactly two digits parts them."""
    match = re.fullmatch(r"(\d[\d,.]*)[.,](\d\d)", number)
    return (re.sub(r"[.,]", "", match[1]), match[2].replace("00", "")) if match else (number, "")


_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”’)»]*\s+|(?<=[。！？])|\n+")


def sentences(text: str, longest: int = 240) -> list[tuple[int, str]]:
    """(place, sentence) of each sentence; longer ones than `longest` letters are parted at clauses, then at spaces.

    A point after an abbreviation or an initial ends no sentence.
    """
    found: list[tuple[int, str]] = []
    for start, piece in _parts(text):
        while len(piece) > longest:
            head = piece[:longest]
            clauses = [match.end() for match in re.finditer(r"[,;:—–]\s+|[、，；]", head)]
            spaces = [match.end() for match in re.finditer(r"\s+", head)]
            cut = (clauses or spaces or [longest])[-1]
            found.append((start, piece[:cut]))
            start, piece = start + cut, piece[cut:]
        if piece.strip():
            found.append((start, piece))
    return found


_ABBREVIATED = frozenset(name.lower() for table in _SHORT.values() for name in table if name.endswith("."))


def _parts(text: str) -> list[tuple[int, str]]:
    places = [0]
    for match in _SENTENCE_END.finditer(text):
        last = text[places[-1] : match.start()].split()[-1:]
        initials = re.fullmatch(r"([^\W\d_]\.)+", last[0]) if last else None
        goes_on = text[match.end() : match.end() + 1].islower()  # "in the U.S. on Monday", not "at nine a.m. We left"
        short = bool(last) and (last[0].lower() in _ABBREVIATED or bool(initials and (len(last[0]) == 2 or goes_on)))
        if not short:
            places.append(match.end())
    return [(a, text[a:b]) for a, b in pairwise([*places, len(text)]) if text[a:b].strip()]
