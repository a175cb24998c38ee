"""One live session: sound in pieces of any size goes in, the motion that is due comes out.

>>> live = head.live(portrait, Settings(seed=7))      # doctest: +SKIP
>>> motion = live.push(samples)                       # doctest: +SKIP
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from moda.conditions.emotion import is_timed
from moda.conditions.speech import SAMPLE_RATE
from moda.errors import BadSetting
from moda.live.hearing import FRAME, LOOK_AHEAD, Hearing, speaking
from moda.live.presence import Presence
from moda.live.recording import LONGEST, Recording
from moda.live.sampling import KNOWN, Stream, sample_pieces
from moda.models.threads import cpu_threads
from moda.motion.space import DIM, FPS, POSE, Motion, denormalise
from moda.motion.takes import Take
from moda.motion.trims import trim
from moda.planning import emotion_weights, sampling_options
from moda.settings import Settings

if TYPE_CHECKING:
    from moda.models.motion_model import MotionModel, Start

FloatArray = npt.NDArray[np.float32]
Sampler = Callable[[Stream], torch.Tensor]

STEPS = 3
LIPS = 0.0
"""Noise of the lips: the likeliest ones are nearest to any take that knew what follows."""
HARDER = 1.1
"""Short pieces articulate so much harder than whole segments at the same speech guidance."""
HOMING = 3.0
"""Seconds after which a head that turned away is back by two thirds, unless the network turns it anew."""
FIXED = ("seed", "preset", "solver", "schedule", "steps", "pose_prior", "pose_strength", "smoothing")
"""Settings that a live session has no use for or cannot change."""
UNTRIMMED = {"expression": 1.0, "head_motion": 1.0, "blink": 1.0, "gaze": 1.0, "smoothing": 0.0, "drift_guard": 0.0}
"""What a recording's settings are: its trims are in its motion already."""
LONGEST_PUSH = 60 * 16_000
SHORTEST = 5
"""Frames of a recording."""
WITHOUT_HURRY = 8
"""Frames of a piece where all of the sound is there."""


@dataclass(frozen=True)
class Cut:
    """How a session's motion is cut: frames of a piece, and frames of draft behind it. A piece is made when the sound
    of all of them is there, so its first frame is given `delay` seconds after the sound of that frame. `known` frames
    in front are seen by the network as well: more of them cost time, not delay."""

    piece: int
    draft: int
    known: int = KNOWN

    @property
    def delay(self) -> float:
        """Seconds, computing not included."""
        return LOOK_AHEAD / SAMPLE_RATE + (self.piece + self.draft - 1) / FPS

    @property
    def frames(self) -> int:
        """Frames that the network sees for each piece."""
        return self.known + self.piece + self.draft


ALONE = Cut(2, 3, known=2 * KNOWN)
"""Where a session is alone: 306 ms. Pieces of three frames with a draft of two wait equally long and cost a third less,
but follow the offline lips less closely: on four voices the jaw's r was .939 instead of .953."""


class LiveSession:
    """See the module's text. Methods may be called from any thread, one at a time.

    `sampler`: computes the next piece of a stream; where many sessions share a model, a scheduler's (see
    `moda.live.scheduler`). `cut`: larger pieces cost less and wait longer; it may change between two pieces.
    """

    def __init__(
        self, model: MotionModel, start: Start, settings: Settings, sampler: Sampler | None = None, cut: Cut = ALONE
    ) -> None:
        if model.silence:
            raise BadSetting(f"{model.name} hears a speech as a whole; live sessions need moda-lite.")
        if settings.preset != "studio":
            raise BadSetting("The reference preset plans whole speeches; live sessions need preset studio.")
        self.model, self.start, self.settings, self.cut = model, start, settings, cut
        self.hearing = Hearing()
        first, identity = (torch.as_tensor(v, dtype=torch.float32) for v in (start.first, start.identity))
        self.rest = first
        """Where the head rests (70,), normalised."""
        self.stream = Stream(identity, self._emotion(settings), first, self._options(settings), settings.seed)
        self.presence = Presence(settings.seed, np.asarray(start.reference[POSE]), start.neutral)
        self.frames = 0
        """Frames given so far, which is the number of the next one."""
        self.sampler: Sampler = sampler or self._alone
        self.recording: Recording | None = None
        self._lock = threading.Lock()

    # ---- what goes in and out

    def push(self, samples: npt.ArrayLike) -> Motion:
        """Hear samples (n,) float 16 kHz mono -> the frames that are due by now, (k, 70) with k >= 0.

        Raises BadSpeech for what is no such sound, BadSetting for more than a minute at once.
        """
        with self._lock:
            if np.size(samples) > LONGEST_PUSH:
                raise BadSetting("Push at most a minute of sound at once; live speech comes in short pieces.")
            at = self.hearing.samples
            sound = self.hearing.hear(samples)
            if self.recording is not None and not self.recording.full:
                self.recording.hear(at, sound)
            pieces = []
            while self.due_with(0):
                pieces.append(self._piece(self.cut.piece))
            return self._motion(pieces)

    def due_with(self, samples: int) -> bool:
        """Whether a piece is due when so many samples more are there."""
        return self.hearing.frames + self.hearing.due_with(samples) - self.cut.draft - self.frames >= self.cut.piece

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
            self.stream.forget()
            self.hearing.forget(self.frames)
            if self.recording is not None:
                self.recording.forget(FRAME * self.frames)

    def nod(self) -> None:
        """Nod from the next frame on, as listeners do where a phrase of the other ends."""
        with self._lock:
            self.presence.nod()

    def listen(self, speaking: bool) -> None:
        """The other begins (True) or ends (False) a phrase: the face looks at them, and nods where a phrase ends."""
        with self._lock:
            self.presence.hear(bool(speaking))

    def record(self) -> None:
        """Record from here on: the next sound and the frames that show it, at most five minutes."""
        with self._lock:
            self.recording = Recording(-(-self.hearing.samples // FRAME))

    def take(self) -> tuple[Take, FloatArray]:
        """End the recording: the take, and its speech (640 T,) float32 at 16 kHz. Raises BadSetting for less than a
        fifth of a second."""
        with self._lock:
            recording, self.recording = self.recording, None
            array, sound = (
                (np.zeros((0, DIM), np.float32), np.zeros(0, np.float32)) if recording is None else recording.done()
            )
            if len(array) < SHORTEST:
                raise BadSetting("Nothing was recorded yet: start recording, talk for a moment, then stop it.")
            motion = self._motion([array])
            notes = (
                (f"Recorded live; a recording ends after {LONGEST / 60:g} minutes.",)
                if len(array) >= LONGEST * FPS
                else ()
            )
            return Take(motion, motion, self.settings.changed(**UNTRIMMED), self.model.name, notes=notes), sound

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
        self.hearing.wait(self.frames + frames + self.cut.draft - self.hearing.frames)
        pieces, left = [], frames
        while left > 0:
            pieces.append(self._piece(min(max(self.cut.piece, WITHOUT_HURRY), left)))
            left -= len(pieces[-1])
        return self._motion(pieces)

    def _piece(self, count: int) -> FloatArray:
        """The next `count` frames (count, 70), physical, trims and presence included."""
        lacking = self.frames + count + self.cut.draft - self.hearing.frames
        if lacking > 0:
            self.stream.extend(torch.from_numpy(self.hearing.features(lacking)))
        known = len(self.stream.motion)
        says = speaking(self.stream.speech[known : known + count].numpy())
        sampled = self._turned_back(self.sampler(self.stream)[:count])
        self.stream.shown(sampled, self.cut.known)
        vectors = denormalise(sampled.numpy(), self.start.ratio)
        trims = self.settings.changed(blink=1.0, smoothing=0.0)
        trimmed = trim(Motion(vectors, reference=self.start.reference, neutral=self.start.neutral), trims).array
        shown = self.presence(trimmed, self.settings.blink, self.settings.gaze, says)
        if self.recording is not None and not self.recording.full:
            self.recording.show(self.frames, shown)
        self.frames += count
        return shown

    def _turned_back(self, sampled: torch.Tensor) -> torch.Tensor:
        """The frames (n, 70), normalised, with the head led back to where it rests: pieces that each go on from the
        last one would wander, by 70 degrees in an hour."""
        kept = torch.exp(-torch.arange(1, len(sampled) + 1) / (HOMING * FPS))[:, None]
        rest, sampled = self.rest[POSE], sampled.clone()
        sampled[:, POSE] = rest + kept * (sampled[:, POSE] - rest)
        return sampled

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
        options = sampling_options(settings.changed(speech_guidance=settings.speech_guidance / HARDER), self.model)
        noise, guidance = replace(options.noise, lips=LIPS), replace(options.guidance, refresh=1)
        return replace(options, steps=STEPS, guidance=guidance, noise=noise)
