"""The training loop: the loss falls, a resumed run makes the same weights, the embedder learns lips first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from moda.corpus.dataset import Corpus, resting_frame
from moda.corpus.synthetic.styles import IDENTITY_MEAN, random_identity
from moda.errors import BadSetting
from moda.generator.network import MoDA
from moda.motion.space import denormalise, neutral_reference
from moda.training.init import fresh_model
from moda.training.loss import ActionMetric
from moda.training.pretrain_speech import lip_actions
from moda.training.trainer import LITE, LIVE_WINDOWS, Trainer, TrainOptions, draw_window, learning_rate

TINY = replace(LITE, width=32, heads=2, blocks1=1)
OPTIONS = TrainOptions(steps=6, listen_steps=0, batch=3, segment=24, rate=4e-3, warmup=1, decay=0.01, config=TINY)


@pytest.fixture(scope="module")
def corpus(tiny_corpus: Path) -> Corpus:
    return Corpus(tiny_corpus)


def quiet(_: str) -> None:
    return None


def test_thirty_steps_lower_the_loss(corpus: Corpus, tmp_path: Path) -> None:
    losses = Trainer(corpus, tmp_path, replace(OPTIONS, steps=30), quiet).train()
    assert np.mean(losses[-5:]) < 0.9 * np.mean(losses[:3])
    assert (tmp_path / "model" / "model.safetensors").is_file()
    assert MoDA.from_pretrained(tmp_path / "model").config.width == 32


def test_a_resumed_run_makes_the_same_weights(corpus: Corpus, tmp_path: Path) -> None:
    whole = Trainer(corpus, tmp_path / "whole", OPTIONS, quiet)
    whole.train()
    Trainer(corpus, tmp_path / "parts", OPTIONS, quiet).train(until=3)
    again = Trainer(corpus, tmp_path / "parts", OPTIONS, quiet)
    assert again.step == 3
    again.train()
    for (name, one), two in zip(whole.model.state_dict().items(), again.model.state_dict().values()):
        assert torch.equal(one, two), name
    for one, two in zip(whole.mean.values(), again.mean.values()):
        assert torch.equal(one, two)


def test_another_seed_makes_other_weights() -> None:
    one, two = fresh_model(TINY, 0), fresh_model(TINY, 1)
    assert not torch.equal(one.motion_embedder.first.weight, two.motion_embedder.first.weight)


def test_the_listener_gets_better(corpus: Corpus, tmp_path: Path) -> None:
    from moda.training.pretrain_speech import learn_to_listen

    said: list[str] = []
    learn_to_listen(corpus, 32, 2, 0, said.append, segments=4, length=20)
    learn_to_listen(corpus, 32, 40, 0, said.append, segments=4, length=20)
    first, last = (float(line.split("loss ")[1].split()[0]) for line in said)
    assert last < first


def test_rate_warms_up_stays_and_falls() -> None:
    options = replace(OPTIONS, steps=1000, warmup=100, decay=0.3, rate=1.0)
    rates = [learning_rate(step, options) for step in range(1001)]
    assert rates[0] < 0.02
    assert rates[100] == rates[700] == 1.0
    assert rates[1000] == pytest.approx(0.0, abs=1e-6)
    assert (np.diff(rates[700:]) <= 0).all()


def test_persons_differ_to_the_network() -> None:
    model = fresh_model(TINY, 0)
    people = torch.from_numpy(np.stack([random_identity(np.random.default_rng(k)) for k in range(8)]))
    hidden = model.identity_embedder.first(people)
    assert float(hidden.detach().std(0).mean()) > 0.1
    assert float(model.identity_embedder.first(torch.from_numpy(IDENTITY_MEAN)).detach().abs().max()) < 0.1


def test_metric_weighs_actions() -> None:
    metric = ActionMetric()
    noise = torch.randn(4000, 70, generator=torch.Generator().manual_seed(0))
    action, pose = metric(noise)
    assert action.shape == (4000, 17)
    assert pose.shape == (4000, 7)
    spread = action.std(0)
    assert float(spread[0]) == pytest.approx(3.0, rel=0.1)  # jaw_open counts nine times


def test_resting_frame_is_the_relaxed_face() -> None:
    assert np.allclose(denormalise(resting_frame(yaw=5.0)), neutral_reference(0.0, 5.0, 0.0), atol=1e-5)
    assert np.abs(lip_actions(resting_frame()[None])).max() < 1e-2


def test_windows_are_those_of_live_sessions_and_whole_segments() -> None:
    rng = np.random.default_rng(2)
    drawn = [draw_window(80, rng) for _ in range(300)]
    assert {(w.known, w.frames.stop - w.frames.start - w.known) for w in drawn} == set(LIVE_WINDOWS)
    assert all(0 <= w.frames.start < w.frames.stop <= 80 for w in drawn)
    assert len({w.frames.start for w in drawn if w.known == 32}) > 20
    short = [draw_window(20, rng) for _ in range(30)]
    assert {(w.known, w.frames.stop - w.frames.start) for w in short} == {(15, 20), (10, 20), (0, 20)}


def test_steps_on_live_windows(corpus: Corpus, tmp_path: Path) -> None:
    """Every piece of a step has the step's window, and the same noise as in one piece."""
    start = fresh_model(TINY, 1)
    options = replace(OPTIONS, live=1.0)
    whole = Trainer(corpus, tmp_path / "whole", options, quiet, start=start)
    parts = Trainer(corpus, tmp_path / "parts", replace(options, accumulate=3), quiet, start=start)
    for step in range(6):
        (alone,), pieces = whole.draw(step), parts.draw(step)
        assert [piece[2] for piece in pieces] == [alone[2]] * 3 and alone[2] is not None
        assert torch.equal(torch.cat([piece[1].noise for piece in pieces]), alone[1].noise)
    assert np.isfinite(whole.train(until=3)).all()


def test_live_windows_need_a_start(corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="--start"):
        Trainer(corpus, tmp_path / "run", replace(OPTIONS, live=0.5), quiet)
