"""Captions: what is said, in two lines at a time, as SRT, as WebVTT, or drawn into the picture.

Made from the times of words. Lines break where a reader would pause: at the end of a sentence, in a silence, after a
comma; scripts without spaces (Chinese, Japanese, Thai) break between letters, but not before closing punctuation.
Sizes follow the guides of broadcasters: two lines of 42 letters (16 of East Asian ones), 1 to 7 seconds each.
"""

from __future__ import annotations

import bisect
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from moda.media.caption_drawing import draw, font_for
from moda.media.overlay import Plate
from moda.media.words import Word

LINE = 42.0  # widest line in widths of a Latin letter
WIDE = LINE / 16  # width of an East Asian letter in the same unit
LINES = 2
LONGEST, SHORTEST = 7.0, 1.0  # seconds that a caption stays
SILENCE = 0.6  # seconds between two words after which a new caption begins
LINGER = 0.4  # seconds that a caption stays after its last word, if nothing follows
_NOT_FIRST = frozenset(",.!?;:)]}»”’、。，．！？；：）］｝」』】〉》・ー…ぁぃぅぇぉっゃゅょァィゥェォッャュョ々%‰°")
_PAUSES = frozenset(",;:.!?…，、；：。！？،؛؟।")
_NOT_LAST = frozenset("([{«“‘（［｛「『【〈《$£€#")


@dataclass(frozen=True)
class Caption:
    """One or two lines, shown from `start` to `end` (seconds)."""

    start: float
    end: float
    lines: tuple[str, ...]


def captions_of(words: Sequence[Word]) -> list[Caption]:
    """Words with their times, in order, as captions that never overlap."""
    groups: list[list[Word]] = []
    for word in words:
        if not groups or _begins_anew(groups[-1], word):
            groups.append(_carried(groups[-1], word) if groups else [])
        groups[-1].append(word)
    found: list[Caption] = []
    for group, following in zip(groups, [*groups[1:], None]):
        latest = following[0].start if following else float("inf")
        start = max(group[0].start, found[-1].end if found else 0.0)
        end = min(max(group[-1].end + LINGER, start + SHORTEST), max(latest, group[-1].end))
        if end > start:
            found.append(Caption(start, end, _lines(_joined(group))))
    return found


def _begins_anew(group: list[Word], word: Word) -> bool:
    last = group[-1]
    if word.start - last.end > SILENCE or word.end - group[0].start > LONGEST:
        return True
    text = _joined(group)
    if len(_lines(_joined([*group, word]))) > LINES:
        return True
    ends = last.text.rstrip("\"'”’»)」』】）")[-1:] in set(".!?…。！？؟।")
    return ends and _width(text) > LINE / 2


def _carried(group: list[Word], word: Word) -> list[Word]:
    """What a full caption gives to the next one: the words after its last comma, if that stands late enough."""
    if word.start - group[-1].end > SILENCE:
        return []
    for keep in range(len(group) - 1, len(group) // 2, -1):
        if group[keep - 1].text[-1:] in _PAUSES:
            carried = group[keep:]
            del group[keep:]
            return carried
    return []


def _joined(words: Sequence[Word]) -> str:
    """Words as they are written: without spaces between those of a script that has none."""
    text = ""
    for word in words:
        dense = text and _is_dense(text[-1]) and _is_dense(word.text[:1])
        text += word.text if not text or dense else f" {word.text}"
    return text


def _is_dense(letter: str) -> bool:
    """Whether a letter is of a script without spaces between words; Korean has them."""
    wide = letter and unicodedata.east_asian_width(letter) in "WF" and "HANGUL" not in unicodedata.name(letter, "")
    return bool(wide) or "\u0e00" <= letter <= "\u0eff"


def _width(text: str) -> float:
    return sum(
        0.0 if unicodedata.combining(letter) else WIDE if unicodedata.east_asian_width(letter) in "WF" else 1.0
        for letter in text
    )


def _pieces(text: str) -> list[str]:
    """The smallest parts that stay together on a line, spaces at their ends."""
    pieces: list[str] = []
    for letter in text:
        glued = (
            not pieces
            or letter in _NOT_FIRST
            or letter == " "
            or unicodedata.combining(letter)
            or pieces[-1][-1] in _NOT_LAST
            or (not pieces[-1].endswith(" ") and not (_is_dense(letter) or _is_dense(pieces[-1][-1])))
        )
        if glued and pieces:
            pieces[-1] += letter
        else:
            pieces.append(letter)
    return pieces


def _lines(text: str) -> tuple[str, ...]:
    """As few lines as the width allows, evenly filled, the break after punctuation where that is near the middle."""
    if _width(text) <= LINE:
        return (text,)
    pieces = _pieces(text)
    best: tuple[float, int] | None = None
    for cut in range(1, len(pieces)):
        first, second = "".join(pieces[:cut]).rstrip(), "".join(pieces[cut:]).rstrip()
        if max(_width(first), _width(second)) <= LINE:
            uneven = abs(_width(first) - _width(second)) - (10.0 if first[-1:] in _PAUSES else 0.0)
            if best is None or uneven < best[0]:
                best = (uneven, cut)
    if best is not None:
        return "".join(pieces[: best[1]]).rstrip(), "".join(pieces[best[1] :]).rstrip()
    lines = [""]
    for piece in (part for whole in pieces for part in _cut(whole)):  # more than two lines: filled one by one
        if lines[-1] and _width((lines[-1] + piece).rstrip()) > LINE:
            lines.append("")
        lines[-1] += piece
    return tuple(line.rstrip() for line in lines)


def _cut(piece: str) -> list[str]:
    """A word that is wider than a line, in parts that are not."""
    limit = int(LINE)
    return [piece[k : k + limit] for k in range(0, len(piece), limit)] if _width(piece.rstrip()) > LINE else [piece]


def srt(captions: Sequence[Caption]) -> str:
    """The text of a SubRip file."""
    blocks = (
        f"{number}\n{_clock(one.start, ',')} --> {_clock(one.end, ',')}\n" + "\n".join(one.lines) + "\n"
        for number, one in enumerate(captions, 1)
    )
    return "\n".join(blocks)


def vtt(captions: Sequence[Caption]) -> str:
    """The text of a WebVTT file."""
    escaped = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
    blocks = (
        f"{_clock(one.start, '.')} --> {_clock(one.end, '.')}\n" + "\n".join(one.lines).translate(escaped) + "\n"
        for one in captions
    )
    return "WEBVTT\n\n" + "\n".join(blocks)


def _clock(seconds: float, mark: str) -> str:
    whole = round(seconds * 1000)
    return f"{whole // 3_600_000:02d}:{whole // 60_000 % 60:02d}:{whole // 1000 % 60:02d}{mark}{whole % 1000:03d}"


class Burner:
    """Draws captions into frames. Raises BadSetting where no font on this machine has their letters."""

    def __init__(self, captions: Sequence[Caption], fps: float) -> None:
        for one in captions:  # said before anything is drawn, not when the caption's time comes
            font_for("".join(one.lines))
        self._captions, self._fps = captions, fps
        self._starts = [one.start for one in captions]
        self._drawn: tuple[int, tuple[int, int], Plate] | None = None

    def onto(self, frame: np.ndarray, number: int) -> np.ndarray:
        """Frame `number`, (H, W, 3) or (H, W, 4) uint8, with the caption of its time, if there is one."""
        seconds = (number + 0.5) / self._fps
        index = bisect.bisect_right(self._starts, seconds) - 1
        if index < 0 or seconds >= self._captions[index].end:
            return frame
        size = frame.shape[1], frame.shape[0]
        if self._drawn is None or self._drawn[:2] != (index, size):
            self._drawn = (index, size, draw(self._captions[index].lines, size))
        return self._drawn[2].onto(frame)
