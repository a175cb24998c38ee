"""One live session: sound in pieces of any size goes in, the motion that is due comes out.

>>> live = head.live(portrait, Settings(seed=7))      # doctest: +SKIP
>>> motion = live.push(samples)                       # doctest: +SKIP
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from moda.conditions.emotion import is_timed
from moda.errors import BadSetting
from moda.live.hearing import FRAME, Hearing
from moda.live.presence import Presence
from moda.live.sampling import DRAFT, Stream, sample_pieces
from moda.models.threads import cpu_threads
from moda.motion.space import DIM, FPS, POSE, Motion, denormalise
from moda.motion.trims import trim
from moda.planning import emotion_weights, sampling_options
from moda.settings import Settings

if TYPE_CHECKING:
    from moda.models.motion_model import MotionModel, Start

FloatArray = npt.NDArray[np.float32]
Sampler = Callable[[Stream], torch.Tensor]

PIECE = 3
"""Frames of a piece where a session is alone: 146 ms of look-ahead, 2 frames of draft and 2 of waiting make 306 ms."""
STEPS = 4
FIXED = ("seed", "preset", "solver", "schedule", "steps", "pose_prior", "pose_strength", "smoothing")
"""Settings that a live session has no use for or cannot change."""
LONGEST_PUSH = 60 * 16_000


class LiveSession:
    """See the module's text. Methods may be called from any thread, one at a time.

    `sampler`: computes the next piece of a stream; where many sessions share a model, a scheduler's (see
    `moda.live.scheduler`). `piece`: frames of a piece; larger ones cost less and wait longer.
    """

    def __init__(
        self, model: MotionModel, start: Start, settings: Settings, sampler: Sampler | None = None, piece: int = PIECE
    ) -> None:
        if model.silence:
            raise BadSetting(f"{model.name} hears a speech as a whole; live sessions need moda-lite.")
        if settings.preset != "studio":
            raise BadSetting("The reference preset plans whole speeches; live sessions need preset studio.")
        self.model, self.start, self.settings, self.piece = model, start, settings, piece
        self.hearing = Hearing()
        first, identity = (torch.as_tensor(v, dtype=torch.float32) for v in (start.first, start.identity))
        self.stream = Stream(identity, self._emotion(settings), first, self._options(settings), settings.seed)
        self.presence = Presence(settings.seed, np.asarray(start.reference[POSE]), start.neutral)
        self.frames = 0
        """Frames given so far, which is the number of the next one."""
        self.sampler: Sampler = sampler or self._alone
        self._lock = threading.Lock()

    # ---- what goes in and out

    def push(self, samples: npt.ArrayLike) -> Motion:
        """Hear samples (n,) float 16 kHz mono -> the frames that are due by now, (k, 70) with k >= 0.

        Raises BadSpeech for what is no such sound, BadSetting for more than a minute at once.
        """
        with self._lock:
            if np.size(samples) > LONGEST_PUSH:
                raise BadSetting("Push at most a minute of sound at once; live speech comes in short pieces.")
            self.hearing.hear(samples)
            pieces = []
            while self.hearing.frames + self.hearing.due - DRAFT - self.frames >= self.piece:
                pieces.append(self._piece(self.piece))
            return self._motion(pieces)

    def flush(self) -> Motion:
        """The frames of all that was heard, as if silence followed."""
        with self._lock:
            return self._give(-(-self.hearing.spoken // FRAME) - self.frames)

    def idle(self, frames: int) -> Motion:
        """So many frames without further speech: listening."""
        with self._lock:
            if not 0 <= frames <= 1500:
                raise BadSetting(f"Ask for 0 to 1500 idle frames at once, not {frames}.")
            return self._give(frames)

    def interrupt(self) -> None:
        """Forget the sound that no frame has shown; from the next frame on the mouth closes."""
        with self._lock:
            self.hearing.forget()

    def nod(self) -> None:
        """Nod from the next frame on, as listeners do where a phrase of the other ends."""
        with self._lock:
            self.presence.nod()

    def change(self, **values: Any) -> None:
        """Change emotion, guidance or trims from the next piece on. Raises BadSetting."""
        with self._lock:
            fixed = sorted(set(values) & set(FIXED))
            if fixed:
                raise BadSetting(f"{fixed[0]} cannot change in a live session; start another one.")
            settings = self.settings.changed(**values)
            self.stream.emotion, self.stream.options = self._emotion(settings), self._options(settings)
            self.settings = settings

    # ---- how

    def _give(self, frames: int) -> Motion:
        """Exactly so many frames, silence put in where sound is lacking."""
        if frames <= 0:
            return self._motion([])
        self.hearing.wait(self.frames + frames + DRAFT - self.hearing.frames)
        pieces, left = [], frames
        while left > 0:
            pieces.append(self._piece(min(self.piece, left)))
            left -= len(pieces[-1])
        return self._motion(pieces)

    def _piece(self, count: int) -> FloatArray:
        """The next `count` frames (count, 70), physical, trims and presence included."""
        lacking = self.frames + count + DRAFT - self.hearing.frames
        if lacking > 0:
            self.stream.extend(torch.from_numpy(self.hearing.features(lacking)))
        sampled = self.sampler(self.stream)[:count]
        self.stream.shown(sampled)
        self.frames += count
        vectors = denormalise(sampled.numpy(), self.start.ratio)
        trims = self.settings.changed(blink=1.0, smoothing=0.0)
        trimmed = trim(Motion(vectors, reference=self.start.reference, neutral=self.start.neutral), trims).array
        return self.presence(trimmed, self.settings.blink)

    def _alone(self, stream: Stream) -> torch.Tensor:
        with cpu_threads(self.model.threads):
            return sample_pieces(self.model.network, [stream])[0]

    def _motion(self, pieces: list[FloatArray]) -> Motion:
        array = np.concatenate(pieces) if pieces else np.zeros((0, DIM), dtype=np.float32)
        return Motion(array, FPS, f"{self.model.name}, live", self.start.reference, self.start.neutral)

    def _emotion(self, settings: Settings) -> torch.Tensor:
        if is_timed(settings.emotion):
            raise BadSetting("A live session has no end: write the emotion without times and change it when you like.")
        weights, _ = emotion_weights(settings, 1, FPS)
        return torch.as_tensor(weights, dtype=torch.float32)

    def _options(self, settings: Settings) -> Any:
        if settings.identity_guidance != 1 and not self.model.network.config.has_null_identity:
            raise BadSetting(f"{self.model.name} was trained without a null identity: leave identity_guidance at 1.")
        options = sampling_options(settings, self.model)
        return replace(options, steps=STEPS, guidance=replace(options.guidance, refresh=STEPS))

    @property
    def sound_frame(self) -> float:
        """The frame, with its fraction, at which the sound that is pushed next will be shown."""
        return self.hearing.samples / FRAME
