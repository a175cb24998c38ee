"""Lips of voices that nobody filmed, as films show them: sampled from a network that films have taught.

A network that was fine-tuned on filmed lips alone moves them as its talkers do on any voice, but forgets what those
talkers never said: lips no longer meet at every p, b and m. So its lips become the targets of the next training, for
many voices whose phones are known, sharpened (a sample nearer to the middle of what is likely is smoother than a
mouth), scaled to the spread of people's openings, and brought together where a bilabial is said. This is
self-training with a teacher and labels that are mended; it may go on for several rounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from moda.conditions.speech import log_mel_features
from moda.corpus.dataset import plain_mixture, resting_frame
from moda.corpus.synthetic.behaviour import portrait_at_rest, random_rest
from moda.corpus.synthetic.coarticulation import LIPS, with_closures
from moda.corpus.synthetic.phonemes import is_bilabial
from moda.corpus.synthetic.styles import IDENTITY_MEAN, random_identity, random_mixture
from moda.corpus.synthetic.voices import SAMPLE_RATE, Phone, Utterance
from moda.generator.guidance import Guidance
from moda.generator.network import MoDA
from moda.generator.sampler import ClipRequest, SamplingOptions, sample_clip
from moda.models.lite import LiteModel
from moda.motion.actions import INDEX, SIGNED, change_actions, read_actions
from moda.motion.space import EXPRESSION, FPS, denormalise, normalise
from moda.performance.fitting import FITTED, gap_row

FloatArray = npt.NDArray[np.float32]
COLUMNS = [INDEX[name] for name in LIPS]
LOWEST = np.array([-1.0 if name in SIGNED else 0.0 for name in LIPS], np.float32)
SPREAD = 0.068
"""Standard deviation of the opening of speaking lips, in eye distances, to which a teacher's lips are scaled. People's
is 0.079 as followed on film; whoever learns from a teacher moves a tenth more, and is drawn a little larger."""
SMOOTHER = np.array([1, 4, 6, 4, 1], np.float32) / 16
LOUD = 0.5
"""Peak that a waveform is brought to before the teacher hears it."""
HEARD = 24
"""Utterances from which a teacher's own spread is found."""
UPPER_BAND = (600.0, 6500.0)
"""Hz: what closed lips keep in."""
STEP = SAMPLE_RATE // 200
REACH = 0.05
"""Seconds by which a closure is moved at most."""


@dataclass(frozen=True)
class Teaching:
    """Who teaches: a folder of moda-lite, and the guidance to speech with which it is asked.

    sharpen: how much of what is quicker than `SMOOTHER` is added to its lips. performs: filmed lips are set into
    performances sampled from it (head, gaze, blinks, brows, feelings), instead of made-up ones around which the lips of
    other voices are sampled from it.
    """

    model: Path
    guidance: float = 2.0
    sharpen: float = 0.6
    performs: bool = False


class Teacher:
    """A network that gives lips, or performances around filmed lips."""

    def __init__(self, teaching: Teaching) -> None:
        self.network = MoDA.from_pretrained(teaching.model)
        self.options = SamplingOptions(guidance=Guidance(speech=teaching.guidance), noise=LiteModel.noise)
        self.performs, self.sharpen = teaching.performs, teaching.sharpen
        self.amount = 1.0

    def listen(self, utterances: Sequence[Utterance]) -> None:
        """Find how its lips must be scaled to have the spread of people's, from speech like that to come."""
        rng = np.random.default_rng(0)
        chosen = rng.permutation(len(utterances))[:HEARD]
        gap = np.array([gap_row()[FITTED.index(name)] if name in FITTED else 0.0 for name in LIPS])
        spreads = []
        for k in chosen:
            utterance = utterances[int(k)]
            frames = int(len(utterance.waveform) / SAMPLE_RATE * FPS)
            if frames > FPS:
                spreads.append(np.maximum(self.sampled(utterance.waveform, frames, int(k)) @ gap, 0).std())
        if spreads:
            self.amount = float(np.clip(SPREAD / max(float(np.mean(spreads)), 1e-3), 0.5, 2.0))

    def sampled(self, waveform: FloatArray, frames: int, seed: int) -> FloatArray:
        """Sharpened lips (frames, 9) for a waveform (N,) at 16 kHz, as the network gives them."""
        request = ClipRequest(_heard(waveform, frames), plain_mixture("none"), IDENTITY_MEAN, resting_frame(), seed)
        motion = denormalise(sample_clip(self.network, request, self.options).numpy())
        return np.maximum(sharpened(read_actions(motion[:, EXPRESSION])[:, COLUMNS], self.sharpen), LOWEST)

    def lips(self, utterance: Utterance, frames: int, rng: np.random.Generator) -> FloatArray:
        """Lips (frames, 9) of an utterance, of people's spread, that meet where its phones say so."""
        lips = self.amount * self.sampled(utterance.waveform, frames, int(rng.integers(1 << 30)))
        return with_closures(lips.astype(np.float32), at_the_dips(utterance.phones, utterance.waveform))

    def performance(self, waveform: FloatArray, lips: FloatArray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Motion, mixture, identity and rest around filmed lips (T, 9): a sample for their sound, with these lips in
        it. What a feeling adds to the lips is added to the film's: the mean difference to a sample without it."""
        mixture = plain_mixture("none") if rng.random() < 0.55 else random_mixture(rng).astype(np.float32)
        identity, rest = random_identity(rng), random_rest(rng)
        still = portrait_at_rest(rest)
        heard = _heard(waveform, len(lips))

        def sample(emotion: FloatArray) -> FloatArray:
            request = ClipRequest(heard, emotion, identity, still, int(rng.integers(1 << 30)))
            return denormalise(sample_clip(self.network, request, self.options).numpy())

        motion = sample(mixture)
        own = read_actions(motion[:, EXPRESSION])[:, COLUMNS]
        wanted = lips
        if mixture[-1] < 1:
            plain = read_actions(sample(plain_mixture("none"))[:, EXPRESSION])[:, COLUMNS]
            wanted = np.maximum(lips + own.mean(0) - plain.mean(0), LOWEST)
        change = np.zeros((len(lips), len(INDEX)), np.float32)
        change[:, COLUMNS] = wanted - own
        motion[:, EXPRESSION] = change_actions(motion[:, EXPRESSION], change)
        return {
            "motion": normalise(motion).astype(np.float16),
            "mixture": mixture,
            "identity": identity,
            "rest": still,
        }


def _heard(waveform: FloatArray, frames: int) -> FloatArray:
    level = LOUD / (float(np.abs(waveform).max(initial=0.0)) + 1e-6)
    return log_mel_features((waveform * min(level, 1e3)).astype(np.float32), frames)


def sharpened(lips: FloatArray, amount: float) -> FloatArray:
    """Lips (T, 9) with `amount` of their quick part added once more; what is constant stays."""
    reach = len(SMOOTHER) // 2
    padded = np.pad(lips, ((reach, reach), (0, 0)), "edge")
    smooth = sum(weight * padded[k : k + len(lips)] for k, weight in enumerate(SMOOTHER))
    return np.asarray(lips + amount * (lips - smooth), np.float32)


def at_the_dips(phones: Sequence[Phone], waveform: FloatArray) -> tuple[Phone, ...]:
    """The phones, each p, b and m moved by up to `REACH` seconds onto the quietest moment of the sound's upper band
    near it: closed lips let nothing of it out, and an alignment is right to some hundredths of a second only."""
    from scipy.signal import butter, sosfiltfilt

    steps = len(waveform) // STEP
    if steps < 8 or not any(is_bilabial(phone.symbol) for phone in phones):
        return tuple(phones)
    upper = sosfiltfilt(butter(2, UPPER_BAND, "band", fs=SAMPLE_RATE, output="sos"), waveform.astype(np.float64))
    power = np.log((upper[: steps * STEP].reshape(steps, STEP) ** 2).mean(1) + 1e-9)
    power = np.convolve(np.pad(power, 2, "edge"), np.ones(5) / 5, "valid")
    rate = SAMPLE_RATE / STEP
    found = []
    for phone in phones:
        first, last = max(0, int((phone.start - 0.03) * rate)), min(steps, int((phone.end + 0.03) * rate) + 1)
        if is_bilabial(phone.symbol) and last - first > 2:
            dip = (first + int(np.argmin(power[first:last])) + 0.5) / rate
            by = float(np.clip(dip - (phone.start + phone.end) / 2, -REACH, REACH))
            by = max(by, -phone.start)
            phone = replace(phone, start=phone.start + by, end=phone.end + by)
        found.append(phone)
    return tuple(found)
