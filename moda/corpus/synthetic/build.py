"""The corpus: many short performances (speech features with motion), written to shards on disk.

Item i of a seed is the same whatever the number of workers. A shard is a folder of plain `.npy` arrays, read
through memory maps: columns (K, CHANNELS) float16 speech columns, motion (F, 70) float16 normalised, and per item
where they start, the mixture, the identity, the portrait at rest and the source.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from moda.conditions.speech import AFTER, COLUMNS_PER_FRAME, columns
from moda.corpus.shards import ITEMS_PER_SHARD, write_items
from moda.corpus.synthetic import augment
from moda.corpus.synthetic.articulation import Articulation, articulate
from moda.corpus.synthetic.behaviour import assemble, perform, portrait_at_rest, random_rest
from moda.corpus.synthetic.coarticulation import FILMED_CLOSURES, LIPS, Coarticulation, with_closures
from moda.corpus.synthetic.pools import COARTICULATION, POOLS, PoolOptions, load_pool, prepare_pools
from moda.corpus.synthetic.styles import colour, habits, random_identity, random_mixture
from moda.corpus.synthetic.taught import FloatArray, Teacher, Teaching, at_the_dips
from moda.corpus.synthetic.texts import HELD_OUT_LANGUAGE, READS_ALOUD, SENTENCES, random_text
from moda.corpus.synthetic.voices import SAMPLE_RATE, VARIANTS, Espeak, Phone, Utterance
from moda.motion.space import FPS, normalise

SHARES = {"footage": 0.26, "recording": 0.28, "neural": 0.14, "debian": 0.04, "espeak": 0.20, "quiet": 0.08}
"""Where items come from; a source that is absent leaves its share to espeak."""
SPLICED = {"footage": 4, "neural": 2}
"""How many utterances at most one item joins, where not three."""
AMPLITUDE_SPREAD = 0.16
"""How much mouths' movement differs between items: spread of the logarithm."""
FILMED_LATE = 2
"""Columns of 10 ms by which filmed lips run behind their sound: tracked faces of the GRID corpus follow the sound 20 to
25 ms later than what is known of phonemes lets expect, and people see lips that lead sooner forgiven."""
OPENING = ("jaw_open", "upper_lip_raise", "lower_lip_depress")
"""Actions that open the lips: those that `Teaching.opened` scales."""
TRIMMED = 0.75
"""Share of filmed clips that are cut to what is said; they begin and end with a second of silence."""
MAX_SECONDS = 16.0


@dataclass(frozen=True)
class CorpusOptions(PoolOptions):
    """hours of performances, the share of each source, and who teaches the lips that nobody filmed (else what footage
    taught of coarticulation does), on top of how the pools are made."""

    hours: float = 8.0
    shares: tuple[tuple[str, float], ...] = tuple(SHARES.items())
    teaching: Teaching | None = None


def speaking_languages() -> list[str]:
    """Languages that are trained on."""
    return [language for language in (*SENTENCES, *READS_ALOUD) if language not in (HELD_OUT_LANGUAGE, "ca")]


class Performer:
    """Makes items of the corpus: item(i) depends on the seed and i alone."""

    def __init__(self, folder: Path, options: CorpusOptions, attempt: int = 0) -> None:
        self.options = options
        self.attempt = attempt  # espeak-ng is C code that can crash: a new attempt draws other texts
        self.espeak = Espeak()
        self.pools = {name: load_pool(folder / f"{name}.npz") for name in POOLS}
        learnt = folder / COARTICULATION
        self.coarticulation = Coarticulation.load(learnt) if learnt.is_file() else Coarticulation.load()
        shares = dict(options.shares)
        for name, pool in self.pools.items():
            if not pool:
                shares["espeak"] += shares.pop(name, 0.0)
        self.names = list(shares)
        self.chances = np.array([shares[n] for n in self.names]) / sum(shares.values())
        self.languages = speaking_languages()
        self.teacher = Teacher(options.teaching) if options.teaching is not None else None
        if self.teacher is not None and not self.teacher.performs:
            filmed = [clip.lips for clip in self.pools["footage"] if clip.lips is not None]
            self.teacher.listen(self.pools["recording"] or self._some_espeak(), filmed, self._said)

    def item(self, index: int) -> dict[str, np.ndarray]:
        """One performance: columns, motion, mixture, identity, rest, source."""
        rng = np.random.default_rng([self.options.seed, 1000 + self.attempt, index])
        source = str(rng.choice(self.names, p=self.chances))
        utterance = self._quiet(rng) if source == "quiet" else self._speech(source, rng)
        seconds = min(len(utterance.waveform) / SAMPLE_RATE, MAX_SECONDS)
        frames = int(seconds * FPS)
        wave = utterance.waveform
        heard = self._articulated(utterance, frames, rng)
        clean = rng.random() < 0.15
        if source != "quiet" and not clean:
            wave = augment.conditions(wave, rng)
        warp = 1.0 if clean else round(float(np.exp(rng.normal(0, 0.09))), 2)
        cols = columns(wave, COLUMNS_PER_FRAME * frames + AFTER, float(np.clip(warp, 0.8, 1.25)))
        if utterance.lips is not None:
            cols = np.concatenate([np.repeat(cols[:1], FILMED_LATE, 0), cols[:-FILMED_LATE]])
        if self.teacher is not None and self.teacher.performs and utterance.lips is not None:
            acted = self.teacher.performance(utterance.waveform, heard.actions, rng)
        else:
            acted = act(heard, rng)
        return {"columns": cols.astype(np.float16), **acted, "source": np.array(self.names.index(source))}

    def _articulated(self, utterance: Utterance, frames: int, rng: np.random.Generator) -> Articulation:
        """What the mouth does: as filmed, as a teacher's does, or as footage taught."""
        if utterance.lips is not None:
            heard = articulate(utterance.phones, frames)
            lips = utterance.lips[np.clip(np.arange(frames), 0, len(utterance.lips) - 1)].astype(np.float32)
            by = FILMED_LATE * 0.01  # the phones are where the sound is: their closures belong to the late lips
            late = [
                replace(phone, start=phone.start + by, end=phone.end + by)
                for phone in at_the_dips(utterance.phones, utterance.waveform)
            ]
            if self.teacher is None or not self.teacher.performs:
                # A teacher learns from lips as they were seen; what a camera missed is added where others learn.
                lips = with_closures(lips, late, FILMED_CLOSURES)
            heard = heard._replace(actions=lips, names=LIPS)
        elif self.teacher is not None and utterance.engine != "quiet":
            heard = articulate(utterance.phones, frames)
            heard = heard._replace(actions=self.teacher.lips(utterance, frames, rng, self._said), names=LIPS)
        else:
            heard = self._coarticulated(utterance, frames)
        amount = float(np.exp(rng.normal(0, AMPLITUDE_SPREAD)))
        factors = np.array([1.0 if name == "lips_press" else amount for name in LIPS], np.float32)
        if self.teacher is not None:
            factors[[name in OPENING for name in LIPS]] *= self.teacher.opened
        return heard._replace(actions=heard.actions * factors)

    def _coarticulated(self, utterance: Utterance, frames: int) -> Articulation:
        sound = columns(utterance.waveform, COLUMNS_PER_FRAME * frames + AFTER)
        return self.coarticulation(utterance.phones, sound, frames)

    def _said(self, utterance: Utterance, frames: int) -> FloatArray:
        return self._coarticulated(utterance, frames).actions

    def _some_espeak(self) -> list[Utterance]:
        rng = np.random.default_rng([self.options.seed, 7])
        return [self._espeak(rng, rng) for _ in range(12)]

    def _speech(self, source: str, rng: np.random.Generator) -> Utterance:
        said: list[Utterance] = []
        total = 0.0
        goal = rng.uniform(3.0, 11.0)
        who = int(rng.integers(1 << 30))
        while total < goal and len(said) < SPLICED.get(source, 3):
            if source == "espeak":
                utterance = self._espeak(np.random.default_rng(who), rng)
            else:
                pool = self.pools[source]
                utterance = pool[int(rng.integers(len(pool)))]
                if utterance.lips is not None and rng.random() < TRIMMED:
                    utterance = augment.trim(utterance)
                factor = float(np.clip(np.exp(rng.normal(0, 0.11)), 0.78, 1.3))
                utterance = augment.varispeed(utterance, factor)
            said.append(utterance)
            total += len(utterance.waveform) / SAMPLE_RATE
        return augment.splice(said, rng)

    def _espeak(self, speaker: np.random.Generator, rng: np.random.Generator) -> Utterance:
        language = str(speaker.choice(self.languages))
        variant = "" if speaker.random() < 0.08 else str(speaker.choice(VARIANTS))
        rate, pitch, span = speaker.integers((110, 5, 20), (260, 95, 95))
        while True:
            try:
                text = random_text(language, rng)
                return self.espeak.speak(text, language, variant, int(rate), int(pitch), int(span))
            except ValueError:
                continue

    def _quiet(self, rng: np.random.Generator) -> Utterance:
        count = int(rng.uniform(3.4, 7.0) * SAMPLE_RATE)
        kind = rng.random()
        wave = np.zeros(count, np.float32)
        if kind > 0.2:
            wave = augment.music(count, rng) if kind > 0.5 else augment.noise(count, rng)
            wave = augment.equalise(wave, rng)
            wave = wave / (np.abs(wave).max() + 1e-6) * 10 ** (rng.uniform(-45, 0) / 20)
            if rng.random() < 0.4:
                fade = np.interp(np.arange(count), np.linspace(0, count, 6), rng.uniform(0, 1, 6) > 0.4)
                wave = wave * fade
        phones = (Phone(0.0, count / SAMPLE_RATE, ""),)
        return Utterance(wave.astype(np.float32), phones, "quiet", "", "")


def act(heard: Articulation, rng: np.random.Generator, mixture: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """Random feeling, person and portrait for an articulation -> motion, mixture, identity, rest (normalised)."""
    mixture = random_mixture(rng) if mixture is None else mixture
    identity = random_identity(rng)
    rest = random_rest(rng)
    values, pose = perform(heard, colour(mixture), habits(identity), rest, rng)
    motion = normalise(assemble(values, pose)).astype(np.float16)
    return {
        "motion": motion,
        "mixture": mixture.astype(np.float32),
        "identity": identity,
        "rest": portrait_at_rest(rest),
    }


def write_shard(performer: Performer, indices: Iterable[int], folder: Path) -> float:
    """Make items and write them as one shard; returns hours."""
    return write_items([performer.item(i) for i in indices], folder)


MEAN_SECONDS = 10.0


def _work(pools: Path, folder: Path, options: CorpusOptions, shards: list[int], attempt: int) -> None:
    import torch

    torch.set_num_threads(1)
    performer = Performer(pools, options, attempt)
    for shard in shards:
        target = folder / f"shard-{shard:04d}"
        start = shard * ITEMS_PER_SHARD
        hours = write_shard(performer, range(start, start + ITEMS_PER_SHARD), target)
        print(f"{target.name}: {hours:.2f} h", flush=True)


def build(folder: Path, options: CorpusOptions, pools: Path | None = None) -> None:
    """Make the whole corpus in `folder` from the speech in `pools` (default: the same folder), which is made first;
    what is there already is kept. Raises RuntimeError after six crashes."""
    pools = pools or folder
    prepare_pools(pools, options)
    count = max(1, round(options.hours * 3600 / MEAN_SECONDS / ITEMS_PER_SHARD))
    context = multiprocessing.get_context("spawn")
    for attempt in range(6):
        left = [k for k in range(count) if not (folder / f"shard-{k:04d}" / "done").is_file()]
        if not left:
            return
        shares = [left[w :: options.workers] for w in range(options.workers)]
        workers = [
            context.Process(target=_work, args=(pools, folder, options, share, attempt)) for share in shares if share
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    raise RuntimeError(f"the corpus in {folder} stayed incomplete after six attempts")
