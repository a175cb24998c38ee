"""Drawn frames to finished ones: before another background, with captions and the mark."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from moda.errors import BadSetting

if TYPE_CHECKING:
    from moda.media.audio import Speech
    from moda.media.backdrop import Backdrop
    from moda.media.captions import Caption
    from moda.settings import Settings


def open_background(settings: Settings, max_megapixels: float) -> Backdrop | None:
    """What stands behind the person instead of the portrait's own background, None for that. Raises BadSetting."""
    if not settings.background.strip():
        return None
    from moda.media.backdrop import open_backdrop
    from moda.portrait.pictures import load_picture

    return open_backdrop(settings.background, lambda name: load_picture(name, max_megapixels))


def with_words(speech: Speech, settings: Settings) -> Speech:
    """The speech with its words, where captions are wanted and they are not known: heard by whisper.

    Raises BadSetting where they cannot be had.
    """
    if speech.words or not (settings.captions or settings.burn_captions):
        return speech
    from moda.media import transcript

    if not transcript.available():
        raise BadSetting(
            "The words of this recording are not known, so it cannot have captions: give them (--script), or let "
            f"whisper hear them ({transcript.INSTALL})."
        )
    return transcript.transcribe(speech)


def captions_for(speech: Speech | None, settings: Settings, notes: list[str]) -> list[Caption]:
    """Captions of a speech, none where none are wanted.

    Raises BadSetting where they cannot be had. notes: gets a sentence where nothing was heard.
    """
    if not (settings.captions or settings.burn_captions):
        return []
    if speech is None:
        raise BadSetting("Captions need a speech.")
    from moda.media.captions import captions_of

    found = captions_of(with_words(speech, settings).words)
    if not found:
        notes.append("No words were heard in the speech, so there are no captions.")
    return found


def finished(
    drawn: Iterator[np.ndarray],
    settings: Settings,
    fps: float,
    backdrop: Backdrop | None,
    captions: Sequence[Caption],
    notes: list[str],
) -> Iterator[np.ndarray]:
    """Drawn frames put before their background, captioned and marked.

    drawn: (H, W, 3) uint8 RGB, or (H, W, 4) straight RGBA where there is a backdrop or `Settings.alpha`.
    captions: those to draw. notes: gets what a background picture loses.
    """
    from moda.media.captions import Burner
    from moda.media.mark import mark

    burner = Burner(captions, fps) if captions else None
    for number, frame in enumerate(drawn):
        if backdrop is not None:
            if number == 0 and (note := backdrop.note((frame.shape[1], frame.shape[0]))):
                notes.append(note)
            frame = backdrop.behind(frame)
        if burner is not None:
            frame = burner.onto(frame, number)
        yield mark(frame) if settings.mark else frame


def no_higher(frames: Iterator[np.ndarray], height: int) -> Iterator[np.ndarray]:
    """Frames (H, W, C) made smaller where they are higher than `height` pixels; width and height stay even."""
    import cv2

    for frame in frames:
        high, wide = frame.shape[:2]
        if high <= height:
            yield frame
            continue
        size = max(2, round(wide * height / high / 2) * 2), height // 2 * 2
        yield np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA))
