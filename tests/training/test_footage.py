"""Real footage, from videos to a better model: skips where the footage is absent, and nothing of it is kept."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from moda.corpus.dataset import HELD_OUT, Corpus
from moda.corpus.footage.run import PrepareOptions, prepare
from moda.generator.network import MoDA
from moda.models import lite_folder
from moda.training.command import make_options
from moda.training.measure import held_out_loss
from moda.training.trainer import Trainer

CLIPS = ("vox_00086.mp4", "vox_731200067.mp4", "vox_681100216.mp4", "vr_face2.mp4", "grid_brbk7n.mpg",
         "grid_sbia1a.mpg")  # fmt: skip


@pytest.mark.slow
def test_real_talkers_lower_the_loss_on_others(shared_data: Path, tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    for name in CLIPS:
        shutil.copyfile(shared_data / "videos" / name, tmp_path / "videos" / name)
    made = prepare(tmp_path / "videos", tmp_path / "corpus", PrepareOptions(tracker="landmarks", held_out=0.34))
    assert made.exit_code == 0 and made.facts["items"] >= 4
    assert json.loads((tmp_path / "corpus" / "dataset.json").read_text())["held_out"]["items"] >= 2
    start, apart = MoDA.from_pretrained(lite_folder()), Corpus(tmp_path / "corpus" / HELD_OUT)
    options = make_options(
        {"steps": 60, "batch": 4, "segment": 60, "rate": 4e-4}, config=start.config, listen_steps=0, warmup=10
    )
    trainer = Trainer(Corpus(tmp_path / "corpus"), tmp_path / "run", options, lambda _: None, start=start)
    losses = trainer.train()
    assert np.mean(losses[-10:]) < 0.75 * np.mean(losses[:10])
    before, after = held_out_loss(start, apart), held_out_loss(trainer.averaged(), apart)
    assert after < 0.95 * before
