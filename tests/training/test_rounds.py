"""Rounds of learning lips: each goes on from the one before, is resumable, and needs footage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from moda.assets import asset
from moda.corpus.synthetic import build as corpus_build
from moda.corpus.synthetic.coarticulation import LIPS
from moda.corpus.synthetic.pools import save_pool
from moda.corpus.synthetic.voices import Espeak, Utterance
from moda.errors import BadSetting
from moda.generator.network import MoDA
from moda.training.rounds import Round, learn_lips

SMALL = (
    Round(0.01, {"footage": 1.0, "espeak": 0.0}, 2, 1e-4, 40, 1.5, performs=True),
    Round(0.01, {"footage": 0.5, "espeak": 0.5}, 2, 1e-4, 40, 2.0),
)


def pools(folder: Path, filmed: bool) -> Path:
    said = Espeak().speak("Place blue in bin at B two now, please mamma.", "en-us", "+m3", 140)
    frames = len(said.waveform) // 640
    lips = np.abs(np.sin(np.arange(frames * len(LIPS)))).reshape(frames, -1).astype(np.float32) * 0.2
    films = [Utterance(said.waveform, said.phones, "footage", "en-us", "s1", lips)] * 3 if filmed else []
    save_pool(films, folder / "footage.npz")
    for name in ("footage-apart", "recording", "neural", "debian"):
        save_pool([], folder / f"{name}.npz")
    return folder


@pytest.fixture
def few_items(monkeypatch: pytest.MonkeyPatch) -> None:
    """One shard of four items, in this process: what is tried is the chain, not the quantity."""

    def here(folder: Path, options: corpus_build.CorpusOptions, pools: Path | None = None) -> None:
        if not (folder / "shard-0000" / "done").is_file():
            corpus_build.write_shard(corpus_build.Performer(pools or folder, options), range(4), folder / "shard-0000")

    monkeypatch.setattr("moda.training.rounds.build", here)


def test_rounds_are_made_one_from_the_other_and_gone_on_with(tmp_path: Path, few_items: None) -> None:
    speech, said = pools(tmp_path / "pools", True), []
    model = learn_lips(tmp_path / "run", asset("moda-lite"), speech, rounds=SMALL, live_steps=0, say=said.append)
    for number in (1, 2):
        assert (tmp_path / "run" / f"round-{number}" / "model" / "model.safetensors").is_file()
    rounds = [MoDA.from_pretrained(tmp_path / "run" / f"round-{number}" / "model").state_dict() for number in (1, 2)]
    for name, value in model.state_dict().items():
        np.testing.assert_allclose(value, (rounds[0][name] + rounds[1][name]) / 2, atol=1e-6, err_msg=name)
    shard = tmp_path / "run" / "round-2" / "corpus" / "shard-0000" / "done"
    made = shard.stat().st_mtime_ns
    again = learn_lips(tmp_path / "run", asset("moda-lite"), speech, rounds=SMALL, live_steps=0, say=said.append)
    assert shard.stat().st_mtime_ns == made
    for (name, one), two in zip(model.state_dict().items(), again.state_dict().values()):
        np.testing.assert_array_equal(one.numpy(), two.numpy(), err_msg=name)
    assert not (tmp_path / "run" / "live").exists()
    live = learn_lips(tmp_path / "run", asset("moda-lite"), speech, rounds=SMALL, live_steps=2, say=said.append)
    kept = MoDA.from_pretrained(tmp_path / "run" / "live" / "model").state_dict()
    moved = [float((value - model.state_dict()[name]).abs().max()) for name, value in live.state_dict().items()]
    assert 0 < max(moved) < 0.01
    for name, value in live.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), kept[name].numpy(), err_msg=name)


def test_without_footage_there_is_nothing_to_learn(tmp_path: Path, few_items: None) -> None:
    with pytest.raises(BadSetting, match="MODA_FOOTAGE"):
        learn_lips(tmp_path / "run", asset("moda-lite"), pools(tmp_path / "pools", False), rounds=SMALL[:1])
