"""Typed text as it is spoken: composed, plain letters, without pictures, control characters and markup."""

from __future__ import annotations

import re
import unicodedata

from moda.errors import BadText

MAX_TEXT = 5_000
"""Most letters that are spoken at once: about six minutes."""

STYLED = frozenset(
    "<" + kind for kind in ("wide", "narrow", "font", "circle", "isolated", "initial", "medial", "final")
)
"""Unicode's kinds of letters that only look different: an engine that knows the plain ones spells these."""

KEYCAP = re.compile("([0-9#*])\ufe0f?\u20e3")
EMOJI = re.compile(
    "[\U0001f000-\U0001f0ff\U0001f1e6-\U0001f1ff\U0001f300-\U0001faff\U0001f900-\U0001f9ff\U000e0020-\U000e007f"
    "\u2300-\u23ff\u2600-\u27bf\u2b00-\u2bff\u3030\u303d\u3297\u3299\u200d\ufe0e\ufe0f\u25a0-\u25ff\u2190-\u21ff]+"
)
"""Pictures between words, with the marks that join and colour them. Their names are not read out."""

CONTROL = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]")
"""What no keyboard types: it comes from files that are no text. Tabs, ends of lines and of pages are spaces."""

MARKUP = re.compile(
    r"<\s*/?\s*(speak|break|prosody|voice|emphasis|say-as|phoneme|sub|audio|lang|mark|express-as|mstts:[a-z-]+)\b[^<>]*>",
    re.IGNORECASE,
)
"""Tags of SSML, which would be read out."""


def clean(text: str, max_text: int = MAX_TEXT) -> str:
    """The text as it is spoken: composed, without control characters, spaces collapsed.

    Marks that nobody sees (soft hyphens, zero-width spaces, directions) are dropped. Raises BadText if it is empty,
    longer than `max_text` letters, marked up, holds control characters, or has neither letters nor digits.
    """
    if not isinstance(text, str) or not text.strip():
        raise BadText("There is no text to speak: type a sentence.")
    if len(text) > max_text:
        raise BadText(f"The text has {len(text):,} letters and the limit is {max_text:,}: speak it in parts.")
    if tag := MARKUP.search(text):
        raise BadText(f"The text holds markup (<{tag[1]}>): type plain words, and cues such as [pause 0.5].")
    if control := CONTROL.search(text):
        near = " ".join(text[max(0, control.start() - 20) : control.start()].split())
        where = f"after {near!r}" if near.isprintable() and near else "at its beginning"
        raise BadText(f"The text holds a control character (U+{ord(control[0]):04X}, {where}): type that part anew.")
    plain = "".join(_plain(letter) for letter in EMOJI.sub(" ", KEYCAP.sub(r"\1", text)))
    composed = unicodedata.normalize("NFC", plain)
    kept = "".join(letter if unicodedata.category(letter) not in ("Cc", "Cf", "Cs", "Co", "Cn") else
                   (" " if letter.isspace() else "") for letter in composed)  # fmt: skip
    words = re.sub(r"\s+", " ", kept).strip()
    if not any(unicodedata.category(letter)[0] in "LN" for letter in words):
        raise BadText("The text holds nothing that can be spoken: type words.")
    return words


def _plain(letter: str) -> str:
    """A full-width or styled letter as the plain one that it stands for.

    Fractions and raised digits stay as they are, and so does punctuation: it is full-width where Chinese is written.
    """
    kind = unicodedata.decomposition(letter).partition(">")[0]
    spoken = unicodedata.category(letter)[0] in "LNZS"
    ligature = kind == "<compat" and letter.isalpha()
    return unicodedata.normalize("NFKC", letter) if spoken and (kind in STYLED or ligature) else letter
