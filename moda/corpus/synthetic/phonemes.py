"""What the mouth does for each sound: IPA symbols -> viseme targets, and other engines' symbols -> IPA.

A target says how far each speech action goes and how strongly the sound insists on it (its dominance, 0..1): /p/
insists on closed lips and cares little about the jaw's neighbours; /h/ insists on nothing and takes the next
vowel's shape. Unknown or decorated symbols are read letter by letter, so every IPA string has a target.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache

CHANNELS = ("jaw_open", "pucker", "stretch", "upper_lip_raise", "lower_lip_depress")
"""Actions driven by co-articulation; lips_press comes from the closures."""


@dataclass(frozen=True)
class Viseme:
    """Targets of CHANNELS, how strongly jaw and lips insist on them (0..1), and how the lips close.

    closure: 1 = bilabial (lips meet), 0.5 = lower lip to upper teeth, 0 = open. vowel: carries stress."""

    jaw: float
    pucker: float = 0.0
    stretch: float = 0.0
    upper: float = 0.0
    lower: float = 0.0
    jaw_dominance: float = 0.6
    lip_dominance: float = 0.5
    closure: float = 0.0
    vowel: bool = False

    @property
    def targets(self) -> tuple[float, ...]:
        return (self.jaw, self.pucker, self.stretch, self.upper, self.lower)


def _v(jaw: float, pucker: float = 0.0, stretch: float = 0.0, strong: float = 0.7) -> Viseme:
    lower = 0.10 if pucker < 0.3 else 0.0
    return Viseme(jaw, pucker, stretch, 0.0, lower, 0.75, strong, 0.0, True)


SILENCE = Viseme(0.0, jaw_dominance=0.75, lip_dominance=0.45)
_BILABIAL = Viseme(0.03, 0.0, 0.0, 0.0, -0.05, 0.9, 0.45, closure=1.0)
_LABIODENTAL = Viseme(0.06, 0.0, 0.08, 0.12, -0.25, 0.8, 0.8, closure=0.5)
_DENTAL = Viseme(0.20, 0.0, 0.10, 0.0, 0.12, 0.65, 0.45)
_ALVEOLAR = Viseme(0.17, 0.0, 0.12, 0.0, 0.10, 0.55, 0.25)
_SIBILANT = Viseme(0.10, 0.0, 0.28, 0.06, 0.22, 0.85, 0.55)
_POSTALVEOLAR = Viseme(0.12, 0.50, 0.0, 0.18, 0.26, 0.85, 0.80)
_PALATAL_SIBILANT = Viseme(0.11, 0.12, 0.28, 0.10, 0.22, 0.80, 0.55)
_PALATAL = Viseme(0.15, 0.0, 0.30, 0.0, 0.06, 0.55, 0.40)
_VELAR = Viseme(0.20, 0.0, 0.05, 0.0, 0.05, 0.45, 0.15)
_LATERAL = Viseme(0.24, 0.0, 0.08, 0.0, 0.08, 0.55, 0.25)
_RHOTIC = Viseme(0.17, 0.42, 0.0, 0.08, 0.10, 0.60, 0.60)
_TRILL = Viseme(0.21, 0.0, 0.08, 0.0, 0.05, 0.50, 0.20)
_GLOTTAL = Viseme(0.22, jaw_dominance=0.12, lip_dominance=0.05)

VISEMES: dict[str, Viseme] = {
    "": SILENCE,
    **dict.fromkeys("pbmʙ", _BILABIAL),
    **dict.fromkeys("fvɱⱱ", _LABIODENTAL),
    "ʋ": Viseme(0.12, 0.08, 0.0, 0.05, -0.12, 0.7, 0.6),
    **dict.fromkeys("ɸβ", Viseme(0.10, 0.35, 0.0, 0.0, -0.05, 0.75, 0.7)),
    **dict.fromkeys("θð", _DENTAL),
    **dict.fromkeys("tdnʈɖɳɾɽ", _ALVEOLAR),
    **dict.fromkeys("szʦ", _SIBILANT),
    **dict.fromkeys("ʃʒʂʐɧS", _POSTALVEOLAR),
    **dict.fromkeys("ɕʑ", _PALATAL_SIBILANT),
    **dict.fromkeys("jçʝɲɟcʎ", _PALATAL),
    **dict.fromkeys("kgɡŋxɣɰqɢɴχʁʀħʕX", _VELAR),
    **dict.fromkeys("lɫɭɬɮʟ", _LATERAL),
    **dict.fromkeys("ɹɻɚɝ", _RHOTIC),
    "r": _TRILL,
    **dict.fromkeys("hɦʔ", _GLOTTAL),
    **dict.fromkeys("wʍ", Viseme(0.12, 0.90, 0.0, 0.0, 0.0, 0.75, 0.95)),
    "ɥ": Viseme(0.13, 0.80, 0.0, 0.0, 0.0, 0.70, 0.90),
    "i": _v(0.20, 0.0, 0.55), "ᵻ": _v(0.24, 0.0, 0.28), "ɪ": _v(0.25, 0.0, 0.35),
    "ɨ": _v(0.22, 0.05, 0.25), "ɯ": _v(0.22, 0.12, 0.18),
    "e": _v(0.31, 0.0, 0.42), "ɛ": _v(0.40, 0.0, 0.32), "æ": _v(0.54, 0.0, 0.28), "a": _v(0.56, 0.0, 0.10),
    "ɑ": _v(0.58, 0.05, 0.0), "ɐ": _v(0.46), "ʌ": _v(0.45, 0.0, 0.05), "ə": _v(0.28, 0.03, 0.05, 0.3),
    "ɜ": _v(0.34, 0.12, 0.0), "ɘ": _v(0.28, 0.0, 0.15), "ɤ": _v(0.32, 0.0, 0.10),
    "ε": _v(0.40, 0.0, 0.32), "A": _v(0.58, 0.05, 0.0),
    "ɒ": _v(0.50, 0.30), "ɔ": _v(0.45, 0.45), "o": _v(0.36, 0.65), "ɵ": _v(0.28, 0.50), "ʊ": _v(0.25, 0.55),
    "u": _v(0.19, 0.88), "ʉ": _v(0.19, 0.75), "y": _v(0.19, 0.82), "ʏ": _v(0.22, 0.65), "ø": _v(0.29, 0.66),
    "œ": _v(0.38, 0.50), "ɶ": _v(0.48, 0.35), "ɚ": Viseme(0.28, 0.25, 0.0, 0.05, 0.05, 0.7, 0.6, vowel=True),
    "ɝ": Viseme(0.32, 0.28, 0.0, 0.05, 0.05, 0.7, 0.6, vowel=True),
}  # fmt: skip

_AFFRICATES = {"tʃ": "ʃ", "dʒ": "ʒ", "ts": "s", "dz": "z", "tɕ": "ɕ", "dʑ": "ʑ", "tʂ": "ʂ", "dʐ": "ʐ", "pf": "f"}

_ARPABET = dict(
    token.split(":")
    for token in [
        "aa:ɑ",
        "ae:æ",
        "ah:ʌ",
        "ao:ɔ",
        "aw:aʊ",
        "ax:ə",
        "axr:ɚ",
        "ay:aɪ",
        "b:b",
        "ch:tʃ",
        "d:d",
        "dh:ð",
        "dx:ɾ",
        "eh:ɛ",
        "el:əl",
        "em:m",
        "en:n",
        "er:ɚ",
        "ey:eɪ",
        "f:f",
        "g:ɡ",
        "hh:h",
        "hv:h",
        "ih:ɪ",
        "iy:i",
        "jh:dʒ",
        "k:k",
        "l:l",
        "m:m",
        "n:n",
        "nx:n",
        "ng:ŋ",
        "ow:oʊ",
        "oy:ɔɪ",
        "p:p",
        "r:ɹ",
        "s:s",
        "sh:ʃ",
        "t:t",
        "th:θ",
        "uh:ʊ",
        "uw:u",
        "v:v",
        "w:w",
        "y:j",
        "z:z",
        "zh:ʒ",
    ]
)
_OTHERS: dict[str, dict[str, str]] = {
    "cs": {"c~": "tʃ", "ch": "x", "d~": "ɟ", "dz~": "dʒ", "n*": "ŋ", "n~": "ɲ", "r~": "ʒ", "r~*": "ʃ", "s~": "ʃ",
           "t~": "c", "z~": "ʒ", "c": "ts", "o": "o", "e": "ɛ", "y": "i"},
    "fi": {"@": "æ", "7": "ø", "&": "œ", "T": "θ", "S": "ʃ", "v": "ʋ", "N": "ŋ", "L": "ʎ", "Z": "ʒ", "D": "ð",
           "a": "ɑ"},
    "it": {"E": "ɛ", "O": "ɔ", "S": "ʃ", "Z": "ʒ", "J": "ɲ", "ng": "ŋ", "nf": "ɱ", "L": "ʎ", "tS": "tʃ",
           "dZ": "dʒ", "e": "e", "o": "o"},
    "ru": {"ii": "i", "yy": "ɨ", "uu": "u", "ee": "e", "oo": "o", "aa": "a", "e": "e", "i": "ɪ", "y": "ɨ",
           "u": "u", "ae": "æ", "ay": "ɪ", "ur": "u", "a": "ɐ", "c": "ts", "ch": "tɕ", "sh": "ʂ", "sch": "ɕ",
           "zh": "ʐ", "h": "x", "hh": "ç",
           **{2 * letter: letter for letter in "pbtdkgfvsznmlr"}},
    "ca": {"ax": "ə", "E": "ɛ", "O": "ɔ", "J": "ɲ", "L": "ʎ", "rr": "r", "S": "ʃ", "Z": "ʒ", "r": "ɾ"},
}  # fmt: skip
_PAUSES = frozenset({"pau", "#", "##", "h#", "brth", "_", "sil", "SIL", "+SPN+", "+NSN+", "<sil>", "ssil"})


def to_ipa(symbol: str, language: str = "en-us") -> tuple[str, int]:
    """flite's, festival's or pocketsphinx's phone name -> (IPA, stress); pauses become ""."""
    if symbol in _PAUSES:
        return "", 0
    if language.startswith("en"):
        return _ARPABET.get(symbol.lower(), ""), 0
    stress = 2 if symbol[-1:] == "1" else 0
    base = symbol.rstrip("1:")
    return _OTHERS.get(language, {}).get(base, base), stress


@lru_cache(maxsize=4096)
def visemes(symbol: str) -> tuple[Viseme, ...]:
    """IPA symbol, possibly a diphthong or decorated -> the visemes it goes through, one to three."""
    if not symbol or "(" in symbol:  # espeak-ng marks a change of language by "(en)"
        return (SILENCE,)
    symbol = unicodedata.normalize("NFD", symbol)
    for affricate, fricative in _AFFRICATES.items():
        if symbol.startswith(affricate):
            return (VISEMES[fricative],)
    found: list[Viseme] = []
    for letter in symbol:
        viseme = VISEMES.get(letter)
        if viseme is None:
            continue
        if letter in "ʲ" or (found and letter == "h" and not found[-1].vowel):
            continue  # aspiration: the stop before it has the shape
        if not found or viseme is not found[-1]:
            found.append(viseme)
    return tuple(found[:3]) if found else (_GLOTTAL,)


def is_vowel(symbol: str) -> bool:
    """Whether the sound carries a syllable."""
    return bool(symbol) and any(v.vowel for v in visemes(symbol))


def is_bilabial(symbol: str) -> bool:
    """Whether the lips must meet: p, b, m and their kin."""
    return bool(symbol) and visemes(symbol)[0].closure == 1.0
