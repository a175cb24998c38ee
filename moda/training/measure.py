"""Measures of a model on prepared clips that it was not trained on: the training loss, and sampled against real motion.

* loss: the training loss over every segment, with always the same noise and no condition left out
* lips_r, opening_error, expression_error, pose_error: one sampled take a clip, by `moda.evaluate.measures.distances`
* frechet_motion: sampled against real windows of a second (NaN, left out, where there are too few)
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from moda.conditions.speech import FEATURES
from moda.corpus.dataset import Corpus, MotionBatch
from moda.evaluate.measures.distances import frechet, reconstruction, windows
from moda.evaluate.measures.signals import signals_of_motion
from moda.generator.network import MoDA
from moda.generator.sampler import ClipRequest, SamplingOptions, sample_clip
from moda.models.lite import LiteModel
from moda.motion.space import Motion, denormalise
from moda.training.loss import ActionMetric, Draws, LossWeights, lite_loss

SEGMENT = 80
LEAST = 25
"""Frames; a shorter rest of a clip is not measured."""
REPEATS = 4
"""Noises for every segment."""
KEEP = LossWeights(drop_speech=0.0, drop_emotion=0.0, drop_identity=0.0, drop_previous=0.0)


def measure_held_out(model: MoDA, corpus: Corpus, seed: int = 1) -> dict[str, float]:
    """All measures of a model on the CPU; the same for the same model, corpus and seed."""
    model = model.eval()
    with torch.inference_mode():
        return {"loss": held_out_loss(model, corpus, seed), **held_out_takes(model, corpus, seed)}


def held_out_loss(model: MoDA, corpus: Corpus, seed: int = 1) -> float:
    """Mean training loss over all segments of up to 80 frames, a frame weighing as any other."""
    generator = torch.Generator().manual_seed(seed)
    metric, total, frames = ActionMetric(), 0.0, 0
    for batch in _segments(corpus):
        draws = Draws.of(tuple(batch.motion.shape), generator, KEEP, model.null_identity is not None)
        loss, _ = lite_loss(model, batch, metric, draws, KEEP)
        total += float(loss) * batch.motion.shape[1]
        frames += batch.motion.shape[1]
    return total / frames if frames else float("nan")


def _segments(corpus: Corpus) -> Iterator[MotionBatch]:
    for item, length in enumerate(corpus.lengths.tolist()):
        for start in range(0, length, SEGMENT):
            span = min(SEGMENT, length - start)
            if span < LEAST:
                continue
            speech, motion, before = corpus.segment(item, start, span)
            values = (motion, before, speech, corpus.mixture[item], corpus.identity[item])
            yield MotionBatch(*(torch.from_numpy(np.repeat(np.asarray(v)[None], REPEATS, 0)) for v in values))


def held_out_takes(model: MoDA, corpus: Corpus, seed: int = 1) -> dict[str, float]:
    """One take of every clip against what the person really did."""
    options = SamplingOptions(noise=LiteModel.noise)
    rows: list[dict[str, float]] = []
    real_windows, our_windows = [], []
    for item, length in enumerate(corpus.lengths.tolist()):
        speech, motion, before = corpus.segment(item, 0, length)
        assert speech.shape == (length, FEATURES)
        request = ClipRequest(speech, corpus.mixture[item], corpus.identity[item], before, seed)
        taken = sample_clip(model, request, options)
        real, ours = (signals_of_motion(Motion(denormalise(array))) for array in (motion, taken.numpy()))
        rows.append(reconstruction(ours, real))
        real_windows.append(windows(real))
        our_windows.append(windows(ours))
    names = ("lips_r", "opening_error", "expression_error", "pose_error")
    found = {name: float(np.nanmean([row[name] for row in rows])) for name in names}
    distance = frechet(np.concatenate(real_windows), np.concatenate(our_windows))
    return found | ({"frechet_motion": distance} if np.isfinite(distance) else {})
