"""Which instants a frame strip shows: times, phonemes, or wide and closed mouths found in the motion."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from moda.errors import BadSetting, BadSpeech
from moda.evaluate.measures.blinks import closure
from moda.evaluate.measures.signals import Signals
from moda.media.audio import Speech
from moda.motion.space import FPS

DEFAULT = 6
MOST = 12


class Moment(NamedTuple):
    """An instant of the speech; sound: its phoneme (ARPAbet) where it was chosen by one."""

    seconds: float
    sound: str = ""

    @property
    def label(self) -> str:
        return f"/{self.sound}/\n{self.seconds:.2f} s" if self.sound else f"{self.seconds:.2f} s"


def telling(variants: Sequence[Signals]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean mouth opening of all variants (T,), and how far anybody's eyes are shut (T,), 0 to 1."""
    frames = min(len(signals.opening) for signals in variants)
    shut = [np.clip(closure(signals.eyes, signals.shut), 0, 1)[:frames] for signals in variants]
    return np.mean([signals.opening[:frames] for signals in variants], axis=0), np.max(shut, axis=0)


def choose(
    at: str, speech: Speech, opening: npt.ArrayLike, shut: npt.ArrayLike = 0.0, words: str = "", fps: float = FPS
) -> list[Moment]:
    """Moments in the order of time.

    at: "" = six, alternately a wide and a closed mouth; or seconds and phonemes, "0.5,1.2" or "M,AA,OW", mixed too.
    opening, shut: (T,) mouth opening and closed eyes, see `telling`. words: what is said, which makes the
    search for phonemes exact.
    Raises BadSetting for a time outside the speech or a phoneme that is not in it.
    """
    asked = [part for part in re.split(r"[,;\s]+", at.strip()) if part]
    if not asked:
        return by_opening(opening, shut, fps)
    if len(asked) > MOST:
        raise BadSetting(f"At most {MOST} moments fit into a figure, not {len(asked)}: choose fewer with --at.")
    phones: Sequence[tuple[str, float, float]] | None = None
    found: list[Moment] = []
    for part in asked:
        if re.fullmatch(r"\d+(\.\d*)?|\.\d+", part.removesuffix("s")):
            seconds = float(part.removesuffix("s"))
            if seconds >= speech.seconds:
                raise BadSetting(f"The speech lasts {speech.seconds:.2f} s; the moment {seconds:g} s is after its end.")
            found.append(Moment(seconds))
            continue
        if phones is None:
            phones = phonemes(speech, words)
        found.append(_of_phoneme(part.upper(), phones, found))
    return sorted(set(found), key=lambda m: m.seconds)


def phonemes(speech: Speech, words: str = "") -> list[tuple[str, float, float]]:
    """(ARPAbet name, start, end in seconds) of an English speech. Raises BadSetting without pocketsphinx."""
    from moda.evaluate.protocols.lip_regressor import align

    try:
        return [(name.strip("012").upper(), a, b) for name, a, b in align(speech.waveform, words)]
    except ImportError:
        raise BadSetting(
            "Moments by phoneme need pocketsphinx: run pip install pocketsphinx, or give seconds, as in --at 0.5,1.2."
        ) from None
    except BadSpeech as fault:
        raise BadSetting(f"No phonemes were found: {fault} Give moments in seconds, as in --at 0.5,1.2.") from None


def _of_phoneme(name: str, phones: Sequence[tuple[str, float, float]], taken: Sequence[Moment]) -> Moment:
    """The longest occurrence of a phoneme that is not yet shown."""
    used = {moment.seconds for moment in taken}
    places = [(b - a, (a + b) / 2) for phone, a, b in phones if phone == name]
    free = [(length, middle) for length, middle in places if round(middle, 3) not in used]
    if not free:
        known = ", ".join(sorted({p for p, _, _ in phones} - {"SIL"}))
        what = "does not occur so often in" if places else "is not in"
        raise BadSetting(f"The phoneme {name[:12]!r} {what} this speech; it has {known}.")
    return Moment(round(max(free)[1], 3), name)


def by_opening(
    opening: npt.ArrayLike, shut: npt.ArrayLike = 0.0, fps: float = FPS, count: int = DEFAULT
) -> list[Moment]:
    """`count` moments spread over the time, alternately the widest and the most closed mouth nearby, eyes open."""
    values = np.asarray(opening, np.float64)
    blink = 2 * max(float(np.ptp(values)), 1e-6) * np.broadcast_to(np.asarray(shut, np.float64), values.shape)
    count = max(1, min(count, len(values) // 2))
    edges = np.linspace(0, len(values), count + 1).astype(int)
    found = []
    for i, (first, last) in enumerate(pairwise(edges)):
        margin = (last - first) // 6  # neighbours shall not show nearly the same frame
        inner = slice(first + margin, max(last - margin, first + margin + 1))
        wide = i % 2 == 0
        at = inner.start + int((values - blink)[inner].argmax() if wide else (values + blink)[inner].argmin())
        found.append(Moment(round((at + 0.5) / fps, 3)))
    return found
