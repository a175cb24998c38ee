"""Lips of voices that nobody filmed, as films show them: sampled from a network that films have taught.

A network that was fine-tuned on filmed lips alone moves them as its talkers do on any voice, but forgets what those
talkers never said: lips no longer meet at every p, b and m. So its lips become the targets of the next training, for
many voices whose phones are known, sharpened (a sample nearer to the middle of what is likely is smoother than a
mouth), scaled to the spread of people's openings, and brought together where a bilabial is said. This is
self-training with a teacher and labels that are mended; it may go on for several rounds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from moda.conditions.speech import log_mel_features
from moda.corpus.dataset import plain_mixture, resting_frame
from moda.corpus.synthetic.articulation import articulate
from moda.corpus.synthetic.behaviour import portrait_at_rest, random_rest
from moda.corpus.synthetic.coarticulation import LIPS, UNITS, with_closures
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
Said = Callable[[Utterance, int], FloatArray]
"""Lips (frames, 9) that an utterance's phones ask for, as footage teaches."""
COLUMNS = [INDEX[name] for name in LIPS]
LOWEST = np.array([-1.0 if name in SIGNED else 0.0 for name in LIPS], np.float32)
SPREAD = 0.060
"""Standard deviation of the opening of speaking lips, in eye distances, to which a teacher's lips are scaled. People's
is 0.079 as followed on film; whoever learns from a teacher moves a fifth more, and is drawn a little larger."""
JAW = LIPS.index("jaw_open")
SHAPED = tuple(k for k, name in enumerate(LIPS) if name != "lips_press")
"""Columns of `LIPS` that are given the covariance of filmed lips; how firmly lips are pressed is left to closures."""
VARIED = 1.75
"""By how much the variance of filmed lips is wider in every direction but the largest: six words of a fixed grammar,
as GRID's talkers say, move lips in fewer ways than talk."""
FAINT = 0.02
"""Share of the largest variance below which a direction counts as no more varied than that: noise is not amplified."""
KNOWN = 0.3
"""Weight of what footage teaches of the phones beside what the teacher hears. On voices apart a judge of lip sync
rates their sum as it does the teacher alone; a talker's own film agrees with it more (r .67 -> .78)."""
ROUNDED = 0.6
"""Rounding that a sound surely has, as a share of what it asks for: few words of the films are rounded."""
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
    """Who teaches: folders of moda-lite, and the guidance to speech with which they are asked.

    models: the mean of their lips is what is heard, for each errs in its own way. sharpen: how much of what is quicker
    than `SMOOTHER` is added to those lips. performs: filmed lips are set into performances sampled from the first
    (head, gaze, blinks, brows, feelings), instead of made-up ones around which the lips of other voices are sampled.
    opened: share of their opening with which all lips are taught, for guidance opens them farther.
    """

    models: tuple[Path, ...]
    guidance: float = 2.0
    sharpen: float = 0.6
    performs: bool = False
    opened: float = 1.0


class Teacher:
    """Networks that give lips, or performances around filmed lips."""

    def __init__(self, teaching: Teaching) -> None:
        self.networks = [MoDA.from_pretrained(folder) for folder in teaching.models]
        self.options = SamplingOptions(guidance=Guidance(speech=teaching.guidance), noise=LiteModel.noise)
        self.performs, self.sharpen, self.opened = teaching.performs, teaching.sharpen, teaching.opened
        self.map: FloatArray = np.eye(len(LIPS), dtype=np.float32)
        self.amount = 1.0

    def listen(self, utterances: Sequence[Utterance], filmed: Sequence[FloatArray], said: Said) -> None:
        """Find the map that gives its lips the covariance of `filmed` ones (T, 9) and people's spread of the opening,
        from speech like that to come."""
        rng = np.random.default_rng(0)
        heard = []
        for k in rng.permutation(len(utterances))[:HEARD]:
            utterance = utterances[int(k)]
            frames = int(len(utterance.waveform) / SAMPLE_RATE * FPS)
            if frames > FPS:
                heard.append(self.raw(utterance, frames, int(k), said))
        if heard:
            self.map = matching(heard, filmed, VARIED) if filmed else np.eye(len(LIPS), dtype=np.float32)
            spread = float(np.mean([opening(lips).std() for lips in heard]))
            self.amount = float(np.clip(SPREAD / max(spread, 1e-3), 0.5, 2.0))

    def sampled(self, waveform: FloatArray, frames: int, seed: int) -> FloatArray:
        """Sharpened lips (frames, 9) for a waveform (N,) at 16 kHz: the mean of what the networks give."""
        request = ClipRequest(_heard(waveform, frames), plain_mixture("none"), IDENTITY_MEAN, resting_frame(), seed)
        motions = [denormalise(sample_clip(network, request, self.options).numpy()) for network in self.networks]
        lips = np.mean([read_actions(motion[:, EXPRESSION])[:, COLUMNS] for motion in motions], axis=0)
        return np.maximum(sharpened(lips, self.sharpen), LOWEST)

    def raw(self, utterance: Utterance, frames: int, seed: int, said: Said) -> FloatArray:
        """Lips (frames, 9) of an utterance before they are made like filmed ones."""
        heard = self.sampled(utterance.waveform, frames, seed)
        return (1 - KNOWN) * heard + KNOWN * said(utterance, frames)

    def lips(self, utterance: Utterance, frames: int, rng: np.random.Generator, said: Said) -> FloatArray:
        """Lips (frames, 9) of an utterance, varied as filmed ones are, that are round and meet where its phones say
        so. said: what footage teaches of them."""
        raw = self.raw(utterance, frames, int(rng.integers(1 << 30)), said)
        lips = raw @ self.map.T
        # Other lips open the mouth as far as theirs did, at the same moments: the jaw makes up for the rest.
        wanted = self.amount * opening(raw)
        lips[:, JAW] += (wanted - lips @ gap_of_lips()) / gap_of_lips()[JAW]
        phones = at_the_dips(utterance.phones, utterance.waveform)
        return with_closures(with_rounding(np.maximum(lips, LOWEST), phones), phones)

    def performance(self, waveform: FloatArray, lips: FloatArray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Motion, mixture, identity and rest around filmed lips (T, 9): a sample for their sound, with these lips in
        it. What a feeling adds to the lips is added to the film's: the mean difference to a sample without it."""
        mixture = plain_mixture("none") if rng.random() < 0.55 else random_mixture(rng).astype(np.float32)
        identity, rest = random_identity(rng), random_rest(rng)
        still = portrait_at_rest(rest)
        heard = _heard(waveform, len(lips))

        def sample(emotion: FloatArray) -> FloatArray:
            request = ClipRequest(heard, emotion, identity, still, int(rng.integers(1 << 30)))
            return denormalise(sample_clip(self.networks[0], request, self.options).numpy())

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


@lru_cache(maxsize=1)
def gap_of_lips() -> FloatArray:
    """(9,) how far each of `LIPS` at 1 parts the lips, in eye distances."""
    return np.array([gap_row()[FITTED.index(name)] for name in LIPS], np.float32)


def opening(lips: FloatArray) -> FloatArray:
    """(T,) gap between the lips (T, 9), in eye distances."""
    return np.maximum(lips @ gap_of_lips(), 0)


def matching(given: Sequence[FloatArray], wanted: Sequence[FloatArray], varied: float = 1.0) -> FloatArray:
    """(9, 9) map that gives lips (T, 9) around rest the covariance of others and moves them least: optimal transport
    between Gaussians (Knott and Smith 1984), over `SHAPED` in `UNITS`. varied: factor of the variance wanted in every
    direction but the largest."""
    units = np.array([UNITS[LIPS[k]] for k in SHAPED])

    def covariance(clips: Sequence[FloatArray]) -> npt.NDArray[np.float64]:
        return np.mean([np.cov((clip[:, SHAPED] / units).T) for clip in clips], axis=0)

    def power(matrix: npt.NDArray[np.float64], exponent: float) -> npt.NDArray[np.float64]:
        values, vectors = np.linalg.eigh(matrix)
        return np.asarray((vectors * np.maximum(values, FAINT * values.max()) ** exponent) @ vectors.T)

    have, want = covariance(given), covariance(wanted)
    values, vectors = np.linalg.eigh(want)
    values[:-1] *= varied
    want = (vectors * values) @ vectors.T
    root, inverse = power(have, 0.5), power(have, -0.5)
    across = inverse @ power(root @ want @ root, 0.5) @ inverse
    found = np.eye(len(LIPS))
    found[np.ix_(SHAPED, SHAPED)] = units[:, None] * across / units
    return found.astype(np.float32)


def with_rounding(lips: FloatArray, phones: Sequence[Phone]) -> FloatArray:
    """Lips (T, 9) that are at least as round as `ROUNDED` of what their phones ask for, and spread the less for it."""
    said = articulate(phones, len(lips))
    asked = ROUNDED * said.actions[:, said.names.index("pucker")]
    lips = lips.copy()
    round_, wide = LIPS.index("pucker"), LIPS.index("stretch")
    lips[:, wide] *= 1 - np.clip(asked - lips[:, round_], 0, 1)
    lips[:, round_] = np.maximum(lips[:, round_], asked)
    return lips


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
