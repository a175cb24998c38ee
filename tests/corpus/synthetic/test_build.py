"""Behaviour, styles, augmentation and corpus: the figures they promise, reproducibly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from moda.conditions.speech import AFTER, CHANNELS, COLUMNS_PER_FRAME, FEATURES
from moda.corpus.dataset import Corpus
from moda.corpus.synthetic import augment
from moda.corpus.synthetic.articulation import Articulation
from moda.corpus.synthetic.behaviour import blinks, brows, head_motion, perform, power_noise, random_rest
from moda.corpus.synthetic.build import CorpusOptions, Performer, write_shard
from moda.corpus.synthetic.pools import load_pool, save_pool
from moda.corpus.synthetic.styles import (
    CLASSES,
    IDENTITY_MEAN,
    colour,
    habits,
    random_identity,
    random_mixture,
)
from moda.corpus.synthetic.voices import Phone, Utterance
from moda.errors import BadSetting
from moda.motion.actions import INDEX, read_actions
from moda.motion.space import denormalise

OPTIONS = CorpusOptions(seed=3, shares=(("espeak", 0.8), ("quiet", 0.2)))


def speaking(frames: int, silent: bool = False) -> Articulation:
    wave = 0.5 + 0.5 * np.sin(np.arange(frames) / 3)
    on = np.zeros(frames) if silent else np.ones(frames)
    return Articulation(np.zeros((frames, 6), np.float32), (wave * on).astype(np.float32), on.astype(np.float32))


def only(name: str) -> np.ndarray:
    return np.eye(9, dtype=np.float32)[CLASSES.index(name)]


@pytest.fixture(scope="module")
def corpus_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    write_shard(Performer(folder, OPTIONS), range(3), folder / "shard-0000")
    return folder


def test_noise_has_unit_power_and_no_fast_parts() -> None:
    rng = np.random.default_rng(0)
    waves = np.stack([power_noise(800, 2.8, 0.16, 3.0, rng) for _ in range(60)])
    assert 0.7 < waves.std() < 1.3
    spectrum = np.abs(np.fft.rfft(waves - waves.mean(1, keepdims=True), axis=1)) ** 2
    assert spectrum[:, 160:].sum() < 0.05 * spectrum[:, 1:].sum()  # above 5 Hz


def test_blinks_are_as_often_and_as_long_as_promised() -> None:
    rng = np.random.default_rng(1)
    shut = blinks(np.ones(25 * 600, np.float32), 18.0, rng)
    count = int((np.diff((shut > 0.5).astype(int)) == 1).sum())
    assert 120 < count < 260  # in ten minutes
    assert shut.max() == pytest.approx(1.0)
    lengths = np.diff(np.flatnonzero(np.diff(np.concatenate([[0], (shut > 0.5).astype(int), [0]]))))[::2] / 25
    assert 0.07 < np.median(lengths) < 0.3
    gaps = np.diff(np.flatnonzero(np.diff((shut > 0.5).astype(int)) == 1))
    assert gaps.std() > 0.5 * gaps.mean()


def test_head_starts_at_the_portrait_and_stays_plausible() -> None:
    rest = random_rest(np.random.default_rng(2))
    person = habits(IDENTITY_MEAN)
    tint = colour(only("none"))
    poses = np.stack([head_motion(speaking(250), tint, person, rest, np.random.default_rng(k)) for k in range(40)])
    assert np.abs(poses[:, 0] - rest).max() < 1e-4
    moved = poses[:, :, 4:7] - rest[4:7]
    assert 1.5 < moved[..., 1].std() < 5.5
    assert 1.2 < moved[..., 0].std() < 4.5
    assert np.abs(np.diff(moved, n=2, axis=1)).max() < 4.0
    assert (poses[..., 0].std(1) / rest[0]).mean() < 0.02
    rngs = [np.random.default_rng(k) for k in range(40)]
    still = np.stack([head_motion(speaking(250, True), tint, person, rest, rng) for rng in rngs])
    speed = [np.abs(np.diff(p[..., 4:7], axis=1)).mean() for p in (poses, still)]
    assert speed[1] < 0.85 * speed[0]


def test_brows_rise_where_phrases_open_and_close_and_hardly_fall() -> None:
    on = np.zeros(200, np.float32)
    on[10:90] = on[115:190] = 1.0
    beats = (20, 40, 60, 80, 125, 145, 165, 182)
    stress = sum(np.exp(-0.5 * ((np.arange(200) - beat) / 2.0) ** 2) for beat in beats)
    heard = Articulation(np.zeros((200, 6), np.float32), np.asarray(stress, np.float32), on)
    curves = np.stack([brows(heard, 1.0, np.random.default_rng(k)) for k in range(300)])
    outer, inner = curves[:, [21, 81, 126, 183]].mean(0), curves[:, [41, 61, 146, 166]].mean(0)
    assert outer.min() > 0.5 and inner.max() < 0.35
    assert np.percentile(curves, 2) > -0.25 and np.percentile(curves, 98) > 1.0


def test_feelings_look_different_and_mix() -> None:
    offsets = np.stack([colour(only(name)).offsets for name in CLASSES[:8]])
    distance = np.linalg.norm(offsets[:, None] - offsets[None], axis=-1) + 9 * np.eye(8)
    assert distance.min() > 0.35
    half = colour(0.5 * only("happiness") + 0.5 * only("none")).offsets
    assert 0.3 < half[INDEX["smile"]] < colour(only("happiness")).offsets[INDEX["smile"]]
    for seed in range(30):
        mixture = random_mixture(np.random.default_rng(seed))
        assert mixture.sum() == pytest.approx(1.0)
        assert (mixture >= 0).all()


def test_persons_differ() -> None:
    people = [habits(random_identity(np.random.default_rng(k))) for k in range(50)]
    assert np.std([p.motion for p in people]) > 0.1
    assert np.std([p.blinks for p in people]) > 2
    assert habits(IDENTITY_MEAN).clarity == pytest.approx(1.0)


def test_closed_lips_stay_closed_whatever_one_feels() -> None:
    heard = speaking(40)
    heard.actions[10:14, 1] = 0.85
    for name in CLASSES:
        rng = np.random.default_rng(4)
        values, _ = perform(heard, colour(only(name)), habits(IDENTITY_MEAN), random_rest(rng), rng)
        assert values[11:13, INDEX["jaw_open"]].max() < 0.05
        assert values[11:13, INDEX["lips_press"]].min() > 0.7


def test_varispeed_moves_phones_along() -> None:
    said = Utterance(np.ones(16000, np.float32), (Phone(0.0, 0.5, "a"), Phone(0.5, 1.0, "")), "", "", "")
    fast = augment.varispeed(said, 1.25)
    assert len(fast.waveform) == pytest.approx(12800, abs=2)
    assert fast.phones[0].end == pytest.approx(0.4)


@pytest.mark.parametrize("seed", range(6))
def test_conditions_keep_length_and_range(seed: int) -> None:
    rng = np.random.default_rng(seed)
    wave = rng.standard_normal(16000).astype(np.float32) * 0.1
    out = augment.conditions(wave, rng)
    assert len(out) == len(wave)
    assert np.isfinite(out).all()
    assert np.abs(out).max() <= 1.001
    assert augment.music(16000, rng).std() == pytest.approx(1.0, abs=0.01)


def test_items_are_the_same_for_the_same_seed(corpus_folder: Path) -> None:
    one, two = (Performer(corpus_folder, OPTIONS).item(1) for _ in range(2))
    assert np.array_equal(one["mixture"], two["mixture"])
    assert np.array_equal(one["identity"], two["identity"])
    assert abs(len(one["motion"]) - len(two["motion"])) <= 2


def test_shard_reads_back(corpus_folder: Path) -> None:
    corpus = Corpus(corpus_folder)
    assert len(corpus.index) == 3
    speech, motion, before = corpus.segment(1, 5, 40)
    assert speech.shape == (40, FEATURES)
    assert motion.shape == (40, 70)
    _, earlier, _ = corpus.segment(1, 4, 1)
    assert np.allclose(before, earlier[0])
    values = read_actions(denormalise(corpus.segment(0, 0, int(corpus.lengths[0]))[1])[:, :63])
    assert values[:, INDEX["jaw_open"]].min() > -0.1
    assert values[:, INDEX["jaw_open"]].max() < 1.6
    columns = np.load(corpus_folder / "shard-0000" / "columns_lengths.npy")
    assert (columns == COLUMNS_PER_FRAME * corpus.lengths + AFTER).all()
    assert corpus.columns[0].shape[1] == CHANNELS


def test_no_shard_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="corpus"):
        Corpus(tmp_path)


def test_pool_reads_back(tmp_path: Path) -> None:
    said = Utterance(np.linspace(-1, 1, 800, dtype=np.float32), (Phone(0.0, 0.05, "m", 1),), "e", "l", "v")
    assert save_pool([said], tmp_path / "pool.npz") == 1
    back = load_pool(tmp_path / "pool.npz")[0]
    assert back.phones == said.phones
    assert np.abs(back.waveform - said.waveform).max() < 1e-4
    assert load_pool(tmp_path / "absent.npz") == []
