"""From text to the phoneme tokens that neural voices read, each knowing its word."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from moda.media.espeak import pronounce, without_stress

PUNCTUATION = {"。": ".", "、": ",", "，": ",", "！": "!", "？": "?", "；": ";", "：": ":", "–": "—"}
_STOPS = ".,;:!?…—"


@dataclass(frozen=True)
class Token:
    """Symbols that a voice reads for one phoneme (or one punctuation mark or space).

    symbol: IPA without stress, "" for what is no phoneme. place: letters of the text before its word.
    """

    read: str
    symbol: str
    place: int


def tokens(text: str, language: str, spelled: Callable[[str], str]) -> list[Token]:
    """The pronunciation of a text in order.

    spelled: espeak-ng's IPA symbol, with stress marks, to what the voice reads for it. Raises BadText.
    """
    found: list[Token] = []
    pending = ""
    for mark in pronounce(text, language):
        if mark.kind == "word":
            if found and not found[-1].read.endswith(" "):
                found.append(Token(" ", "", mark.place))
        elif mark.kind == "phone" and mark.symbol:
            found.append(Token(spelled(mark.symbol), without_stress(mark.symbol), mark.place))
        elif mark.kind == "clause":
            before = text[: mark.place + 1].rstrip()[-1:]
            pending = PUNCTUATION.get(before, before)
            if pending in _STOPS and found and found[-1].read.strip() != pending:
                found.append(Token(pending, "", mark.place))
    while found and found[-1].read == " ":
        found.pop()
    return found


def spelling(table: Mapping[str, str], known: frozenset[str]) -> Callable[[str], str]:
    """A function that replaces pieces of a symbol by a table, longest first, and drops what a voice does not know."""
    order = sorted(table, key=len, reverse=True)

    def spelled(symbol: str) -> str:
        stress = "ˈ" if "ˈ" in symbol else "ˌ" if "ˌ" in symbol else ""
        rest, read = without_stress(symbol), ""
        while rest:
            piece = next((name for name in order if rest.startswith(name)), None)
            read += table[piece] if piece else rest[0]
            rest = rest[len(piece or rest[0]) :]
        return stress + "".join(letter for letter in read if letter in known)

    return spelled
