"""Measures on what was never trained on: held-out voices, real talkers, feelings, silence and music.

Held out are one language (Dutch), a group of espeak-ng variants and the HTS engine. Real talkers are read from a
folder of tracks (`*.npz` with `audio` 16 kHz and `lip_gap` in eye distances at 25 fps), never trained on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from moda.conditions.speech import AFTER, COLUMNS_PER_FRAME, columns, log_mel_features
from moda.corpus.dataset import plain_mixture, resting_frame
from moda.corpus.synthetic import augment
from moda.corpus.synthetic.articulation import Articulation
from moda.corpus.synthetic.build import speaking_languages
from moda.corpus.synthetic.coarticulation import Coarticulation
from moda.corpus.synthetic.phonemes import is_bilabial
from moda.corpus.synthetic.pools import COARTICULATION, load_pool, save_pool
from moda.corpus.synthetic.styles import IDENTITY_MEAN
from moda.corpus.synthetic.texts import HELD_OUT_LANGUAGE, random_text
from moda.corpus.synthetic.voices import (
    HELD_OUT_FESTIVAL,
    HELD_OUT_VARIANTS,
    SAMPLE_RATE,
    VARIANTS,
    Espeak,
    Utterance,
    festival,
)
from moda.generator.network import MoDA
from moda.generator.sampler import ClipRequest, SamplingOptions, sample_clip
from moda.motion.actions import ACTIONS, INDEX, lip_opening, read_actions
from moda.motion.emotions import FELT
from moda.motion.space import FPS, ROTATION, denormalise

Measures = dict[str, float]


def held_out_utterances(count: int, seed: int = 5) -> Iterable[Utterance]:
    """`count` utterances of each held-out group; `engine` says which group it is."""
    from dataclasses import replace

    rng = np.random.default_rng(seed)
    espeak = Espeak()
    for _ in range(count):
        said = espeak.speak(random_text(HELD_OUT_LANGUAGE, rng), HELD_OUT_LANGUAGE, str(rng.choice(VARIANTS[:30])))
        yield replace(said, engine="language")
    for _ in range(count):
        language = str(rng.choice(speaking_languages()))
        said = espeak.speak(random_text(language, rng), language, str(rng.choice(HELD_OUT_VARIANTS)), 160)
        yield replace(said, engine="variants")
    for voice, (language, encoding) in HELD_OUT_FESTIVAL.items():
        texts = [random_text(language, rng, numbers=False) for _ in range(count // len(HELD_OUT_FESTIVAL) or 1)]
        try:
            for said in festival(texts, voice, language, encoding):
                yield replace(said, engine="engine")
        except FileNotFoundError:
            continue


def generate(
    model: MoDA,
    waveform: np.ndarray,
    seed: int = 0,
    mixture: np.ndarray | None = None,
    options: SamplingOptions | None = None,
    frames: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Speech -> action values (T, A) and motion (T, 70) of the average person."""
    frames = frames or max(1, int(len(waveform) / SAMPLE_RATE * FPS))
    emotion = plain_mixture("none") if mixture is None else mixture
    request = ClipRequest(log_mel_features(waveform, frames), emotion, IDENTITY_MEAN, resting_frame(), seed)
    motion = sample_clip(model, request, options).numpy()
    physical = denormalise(motion)
    return read_actions(physical[:, :63]), physical


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    if a.std() < 1e-6 or b.std() < 1e-6:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def closures(values: np.ndarray, utterance: Utterance) -> list[bool]:
    """For each p, b, m: whether some frame of it shows closed lips (pressed, or opening < 10 % of its range)."""
    jaw, press = values[:, INDEX["jaw_open"]], values[:, INDEX["lips_press"]]
    limit = 0.1 * float(np.percentile(jaw, 95))
    found = []
    for phone in utterance.phones:
        if is_bilabial(phone.symbol):
            first = max(0, int((phone.start - 0.03) * FPS))
            last = max(first + 1, int(np.ceil((phone.end + 0.01) * FPS)))
            window = slice(first, last)
            if len(jaw[window]):
                found.append(bool(((press[window] > 0.4) | (jaw[window] < limit)).any()))
    return found


Truth = Callable[[Utterance, int], Articulation]
"""What the lips should do for an utterance, over so many frames."""


def truth_of(folder: Path | None = None) -> Truth:
    """What the corpus of a run's folder is animated by, else what the shipped one was."""
    learnt = None if folder is None else folder / "corpus" / COARTICULATION
    coarticulation = Coarticulation.load(learnt) if learnt is not None and learnt.is_file() else Coarticulation.load()

    def truth(utterance: Utterance, frames: int) -> Articulation:
        sound = columns(utterance.waveform, COLUMNS_PER_FRAME * frames + AFTER)
        return coarticulation(utterance.phones, sound, frames)

    return truth


def opening(values: np.ndarray, names: Sequence[str] = ACTIONS) -> np.ndarray:
    """(T,) how far values (T, len(names)) of named actions part the lips (`lip_opening`); 0 where pressed."""
    everything = np.zeros((len(values), len(ACTIONS)))
    everything[:, [INDEX[name] for name in names]] = values
    return np.maximum(lip_opening(everything), 0) * (1 - np.clip(everything[:, INDEX["lips_press"]], 0, 1))


def synthetic(
    model: MoDA, utterances: list[Utterance], truth_for: Truth, options: SamplingOptions | None = None
) -> Measures:
    """r of the lips' opening with the truth, and share of closed bilabials, per held-out group."""
    rows: dict[str, list[float]] = {}
    for utterance in utterances:
        values, _ = generate(model, utterance.waveform * 0.5, options=options)
        said = truth_for(utterance, len(values))
        truth = said.actions
        ours, wanted = opening(values), opening(truth, said.names)
        rows.setdefault(f"r_{utterance.engine}", []).append(_correlation(ours, wanted))
        closed = closures(values, utterance)
        rows.setdefault(f"closed_{utterance.engine}", []).extend(float(c) for c in closed)
        open_frames = truth[:, 1] < 0.05
        rows.setdefault("pressed_while_open", []).append(float((values[open_frames, INDEX["lips_press"]] > 0.4).mean()))
        rows.setdefault("opening_gain", []).append(float(ours.std() / (wanted.std() + 1e-6)))
    return {name: float(np.mean(found)) for name, found in rows.items() if found}


LANGUAGES = ("en-us", "fr", "de", "es", "it", "pt-br", "hi", "cmn", "ja")
"""Languages that are held against each other: whether the model works in one as it does in another."""


def languages(
    model: MoDA, truth_for: Truth, count: int = 14, seed: int = 3, options: SamplingOptions | None = None
) -> Measures:
    """r of the lips' opening with the truth, by language, on held-out variants."""
    rng, espeak = np.random.default_rng(seed), Espeak()
    found = {}
    for language in LANGUAGES:
        rows: list[float] = []
        while len(rows) < count:
            try:
                text, variant = random_text(language, rng), str(rng.choice(HELD_OUT_VARIANTS))
                said = espeak.speak(text, language, variant, 165)
            except ValueError:  # nothing of it can be said
                continue
            values, _ = generate(model, said.waveform * 0.5, options=options)
            truth = truth_for(said, len(values))
            rows.append(_correlation(opening(values), opening(truth.actions, truth.names)))
        found[f"r_in_{language}"] = float(np.mean(rows))
    return found


def talkers(model: MoDA, folder: Path, swap: bool = True, options: SamplingOptions | None = None) -> Measures:
    """r of the generated opening with real talkers' lip gap at zero lag and at its best, and with another's sound."""
    clips = []
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as file:
            gap = np.asarray(file["lip_gap"], np.float64)
            late = float(file["lips_late_ms"]) if "lips_late_ms" in file.files else 0.0
            clips.append((path.stem, np.asarray(file["audio"], np.float32), gap, late))
    zero, best, lags, other = [], [], [], []
    for i, (_name, audio, gap, late) in enumerate(clips):
        good = np.isfinite(gap)
        gap = np.interp(np.arange(len(gap)), np.flatnonzero(good), gap[good])
        # lips_late is a fault of the clip's container: take it out.
        gap = np.interp(np.arange(len(gap)) + late / 40.0, np.arange(len(gap)), gap)
        ours = opening(generate(model, audio, frames=len(gap), options=options)[0])
        by_lag = {k: _correlation(ours[max(0, -k) : len(ours) - max(0, k)], gap[max(0, k) : len(gap) + min(0, k)])
                  for k in range(-8, 9)}  # fmt: skip
        zero.append(by_lag[0])
        peak = max(by_lag, key=lambda k: by_lag[k])
        best.append(by_lag[peak])
        lags.append(40.0 * peak)
        if swap:
            stranger = clips[(i + 5) % len(clips)][1]
            count = min(len(gap), int(len(stranger) / SAMPLE_RATE * FPS))
            fake = opening(generate(model, stranger, frames=count, options=options)[0])
            other.append(_correlation(fake, gap[:count]))
    result = {"real_r": float(np.mean(zero)), "real_best_r": float(np.mean(best)),
              "real_lag_ms": float(np.median(lags)), "real_lag_within_80": float(np.mean(np.abs(lags) <= 80)),
              "real_min_r": float(np.min(zero))}  # fmt: skip
    if other:
        result["swapped_r"] = float(np.mean(other))
    return result


def feelings(
    model: MoDA,
    waves: list[np.ndarray],
    seeds: Iterable[int] = (1, 2, 3),
    options: SamplingOptions | None = None,
) -> Measures:
    """Share of takes whose emotion a nearest-centroid rule on action means and spreads tells, trained on the first
    half of the speeches with some seeds and tested on the other half with others."""
    train: dict[str, list[np.ndarray]] = {}
    test: list[tuple[str, np.ndarray]] = []
    for seed in seeds:
        for k, wave in enumerate(waves):
            for name in FELT:
                mixture = plain_mixture(name)
                values, physical = generate(model, wave, seed * 100 + k, mixture, options)
                trace = np.concatenate([values.mean(0), values.std(0), physical[:, ROTATION].std(0) / 10])
                if k < len(waves) // 2:
                    train.setdefault(name, []).append(trace)
                else:
                    test.append((name, trace))
    scale = np.concatenate([np.stack(v) - np.mean(v, 0) for v in train.values()]).std(0) + 0.02
    centres = {name: np.mean(rows, 0) / scale for name, rows in train.items()}

    def nearest(trace: np.ndarray) -> str:
        return min(centres, key=lambda name: float(np.linalg.norm(trace / scale - centres[name])))

    hits = [name == nearest(trace) for name, trace in test]
    return {"emotions_told_apart": float(np.mean(hits))}


def quiet(model: MoDA, seed: int = 3, options: SamplingOptions | None = None) -> Measures:
    """Mouth in silence and under music; 95th percentile of jaw_open."""
    rng = np.random.default_rng(seed)
    silent = generate(model, np.zeros(8 * SAMPLE_RATE, np.float32), options=options)[0]
    tunes = [0.2 * augment.music(6 * SAMPLE_RATE, rng) for _ in range(4)]
    loud = [generate(model, tune, options=options)[0] for tune in tunes]
    jaw = INDEX["jaw_open"]
    return {
        "jaw_in_silence": float(np.percentile(silent[:, jaw], 95)),
        "jaw_in_music": float(np.mean([np.percentile(values[:, jaw], 95) for values in loud])),
    }


def life(model: MoDA, waves: list[np.ndarray], options: SamplingOptions | None = None) -> Measures:
    """Head motion (degrees), speed (degrees a second), blinks a minute, likeness of lips between seeds."""
    std, speed, shut, frames, same, differ = [], [], 0, 0, [], []
    for wave in waves:
        one, two = (generate(model, wave, seed, options=options) for seed in (1, 2))
        for values, physical in (one, two):
            std.append(physical[:, ROTATION].std(0))
            speed.append(np.abs(np.diff(physical[:, ROTATION], axis=0)).mean(0) * FPS)
            closed = values[:, INDEX["blink_left"]] > 0.5
            shut += int((np.diff(closed.astype(int)) == 1).sum())
            frames += len(values)
        same.append(_correlation(one[0][:, INDEX["jaw_open"]], two[0][:, INDEX["jaw_open"]]))
        differ.append(np.abs(one[1][:, ROTATION] - two[1][:, ROTATION]).mean())
    s, v = np.mean(std, 0), np.mean(speed, 0)
    return {"pitch_std": float(s[0]), "yaw_std": float(s[1]), "roll_std": float(s[2]), "pitch_speed": float(v[0]),
            "yaw_speed": float(v[1]), "roll_speed": float(v[2]), "blinks_a_minute": shut / frames * FPS * 60,
            "jaw_r_between_seeds": float(np.mean(same)), "head_deg_between_seeds": float(np.mean(differ))}  # fmt: skip


def held_out(folder: Path, count: int = 16) -> list[Utterance]:
    """The held-out utterances, `count` a group; made once and kept in `folder`."""
    path = folder / "heldout.npz"
    if not path.is_file():
        save_pool(held_out_utterances(count), path)
    return load_pool(path)


def measure(
    model: MoDA,
    folder: Path,
    tracks: Path | None = None,
    feel: bool = True,
    options: SamplingOptions | None = None,
) -> Measures:
    """All held-out measures; the held-out utterances are kept in `folder`."""
    utterances = held_out(folder)
    truth = truth_of(folder)
    result = synthetic(model, utterances, truth, options) | languages(model, truth, options=options)
    if tracks is not None and tracks.is_dir():
        result |= talkers(model, tracks, options=options)
    result |= quiet(model, options=options)
    waves = [u.waveform for u in utterances if len(u.waveform) > 3 * SAMPLE_RATE]
    long = [np.concatenate(waves[k : k + 3]) for k in range(0, len(waves) - 2, 3)]
    result |= life(model, long[:6], options)
    if feel:
        result |= feelings(model, waves[:: max(1, len(waves) // 6)][:6], options=options)
    return result
