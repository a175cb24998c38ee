"""HuBERT speech features at 25 frames a second, as the published MoDA takes them: (T, 12, 768).

What makes them unlike plain HuBERT: the waveform is extended by 40 samples on both sides so that the convolutions
give exactly two steps per video frame, and those are interpolated to one per frame *before* the transformer. The
features of a frame are the outputs of all twelve transformer layers.

`reference_features` cuts long speech into pieces of 60 s that know nothing of each other, as published.
`HubertFeatures` has no such borders: loudness and the first layer's normalisation are those of the whole speech,
every convolution sees its true neighbourhood, the transformer runs over overlapping windows, and features are
worked out when a slice is asked for, so that memory does not grow with the speech.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from moda.conditions.hubert_encoder import Hubert
from moda.errors import BadSpeech

if TYPE_CHECKING:
    from torch import Tensor

RATE = 16_000
FRAME = 640  # samples per video frame
STEP = 320  # samples per convolution step
FIELD = 400  # samples that one convolution step sees
EDGE = 40  # samples of reflected waveform in front and behind
PIECE = 60 * RATE
SILENCE = 2 * RATE
WINDOW, CONTEXT = 45_000, 3_750  # frames that the transformer sees at once, and how many on either side overlap
BLOCK = 250  # frames that the convolutions run over at once
SILENCE_FRAMES = SILENCE // FRAME


def frames_of(samples: int) -> int:
    """Whole video frames in that many samples."""
    return samples // FRAME


def reflect_edges(waveform: np.ndarray) -> np.ndarray:
    """40 more samples on both sides: 20 mirrored about the end sample, then once more.

    In front x_0 ... x_19, x_20 ... x_1, then x_0; behind likewise. (N,) -> (N + 80,); N at least 21.
    """
    return np.pad(np.pad(waveform, EDGE // 2, mode="reflect"), EDGE // 2, mode="reflect")


def with_silence(waveform: np.ndarray) -> np.ndarray:
    """The published preparation of speech: pre-emphasis, two seconds of silence behind, 16-bit rounding.

    y_0 = 3 x_0 - x_1, y_i = x_i - 0.97 x_{i-1}; (N,) -> (N + 32000,) float32. The network then plans
    `SILENCE_FRAMES` more frames, in which the lips come to rest; they are cut off after the lip step.
    """
    x = np.asarray(waveform, dtype=np.float32)
    if x.size < 2:
        raise BadSpeech("The speech is empty; give at least one video frame (0.04 s).")
    y = np.concatenate([[3 * x[0] - x[1]], x[1:] - np.float32(0.97) * x[:-1], np.zeros(SILENCE, np.float32)])
    return (np.clip(np.floor(y * 32768.0), -32768, 32767) / 32768.0).astype(np.float32)


def normalised(waveform: np.ndarray) -> np.ndarray:
    """(w - mean) / sqrt(population variance + 1e-7)."""
    w = np.asarray(waveform, dtype=np.float32)
    return ((w - w.mean()) / np.sqrt(w.var() + 1e-7)).astype(np.float32)


def reference_features(hubert: Hubert, waveform: np.ndarray) -> Tensor:
    """(N,) at 16 kHz -> (F, 12, 768) as published: 60 s pieces, each on its own; the rest of a frame is dropped."""
    import torch

    pieces = []
    with torch.inference_mode():
        for start in range(0, len(waveform), PIECE):
            piece = normalised(waveform[start : start + PIECE])
            frames = frames_of(len(piece))
            if frames == 0:
                continue
            samples = torch.from_numpy(reflect_edges(piece[: frames * FRAME])).to(hubert.device)
            steps = hubert.steps(samples)
            at = np.arange(frames) * ((2 * frames - 1) / max(frames - 1, 1))
            pieces.append(hubert.layers(hubert.enter(hubert.project(interpolate(steps, at)))))
    if not pieces:
        raise BadSpeech("The speech is too short: it does not fill one video frame (0.04 s).")
    return torch.cat(pieces)


def interpolate(steps: Tensor, at: np.ndarray) -> Tensor:
    """Rows of `steps` (S, C) at fractional positions, linearly."""
    import torch

    at = np.clip(at, 0, len(steps) - 1)
    low = np.minimum(at.astype(np.int64), max(len(steps) - 2, 0))
    high = np.minimum(low + 1, len(steps) - 1)
    weight = torch.from_numpy((at - low).astype(np.float32)).to(steps)[:, None]
    return torch.lerp(steps[torch.from_numpy(low)], steps[torch.from_numpy(high)], weight)


class HubertFeatures:
    """Features of a whole speech, by frame, worked out in overlapping windows as they are asked for.

    Up to `window` frames (half an hour) all frames attend to each other: the numbers of one unchunked run. Longer
    speech is cut into equal cores, each run with `context` more frames on both sides for its frames to attend to,
    and neighbouring runs fade into each other over 2 `fade` frames. Only the two latest runs are kept. The
    convolutions are exact at any length and run in short blocks.
    """

    def __init__(
        self, hubert: Hubert, waveform: np.ndarray, window: int = WINDOW, context: int = CONTEXT, fade: int = 25
    ) -> None:
        """`waveform` (N,) at 16 kHz; lengths in frames of 0.04 s. Raises BadSpeech for less than one frame."""
        self.hubert = hubert
        self.frames = frames_of(len(waveform))
        if self.frames == 0:
            raise BadSpeech("The speech is too short: it does not fill one video frame (0.04 s).")
        self.samples = reflect_edges(normalised(waveform)[: self.frames * FRAME])
        count = 1 if self.frames <= window else -(-self.frames // (window - 2 * context))
        self.borders = [self.frames * k // count for k in range(count + 1)]
        self.context, self.fade = context, min(fade, context, self.frames // count // 2)
        self.norm = None if self.frames <= BLOCK else self._first_norm()
        self.kept: dict[int, Tensor] = {}

    def __len__(self) -> int:
        return self.frames

    def __getitem__(self, frames: slice) -> Tensor:
        """Features (n, 12, 768) of a stretch of frames."""
        import torch

        start, stop, stride = frames.indices(self.frames)
        if stride != 1:
            raise IndexError("HuBERT features are read frame by frame, without a stride.")
        parts = []
        for k, (first, last) in enumerate(zip(self.borders, self.borders[1:])):
            a, b = max(start, first), min(stop, last)
            if a < b:
                parts.append(self._core(k, a, b))
        return torch.cat(parts) if parts else self._run(0)[:0]

    def _core(self, k: int, start: int, stop: int) -> Tensor:
        """Frames start..stop, all in core k, with the fade to the cores beside it."""
        import torch

        out = self._part(k, start, stop).clone()
        for other, border in ((k - 1, self.borders[k]), (k + 1, self.borders[k + 1])):
            a, b = max(start, border - self.fade), min(stop, border + self.fade)
            if not 0 <= other < len(self.borders) - 1 or a >= b:
                continue
            distance = (torch.arange(a, b).to(out) + 0.5 - border).abs() / self.fade
            weight = (0.5 + 0.5 * distance)[:, None, None]
            out[a - start : b - start] = torch.lerp(self._part(other, a, b), out[a - start : b - start], weight)
        return out

    def _part(self, k: int, start: int, stop: int) -> Tensor:
        low = max(self.borders[k] - self.fade, 0)
        return self._run(k)[start - low : stop - low]

    def _run(self, k: int) -> Tensor:
        """Layers of core k and the fades on both sides of it."""
        import torch

        if k not in self.kept:
            low, high = self.borders[k], self.borders[k + 1]
            wide = max(low - self.context, 0), min(high + self.context, self.frames)
            reach = self.hubert.model.config.num_conv_pos_embeddings
            outer = max(wide[0] - reach, 0), min(wide[1] + reach, self.frames)
            keep = max(low - self.fade, 0), min(high + self.fade, self.frames)
            with torch.inference_mode():
                state = self.hubert.enter(self.hubert.project(self._presampled(*outer)))
                state = state[wide[0] - outer[0] : wide[1] - outer[0]]
                run = self.hubert.layers(state)[keep[0] - wide[0] : keep[1] - wide[0]].clone()
            while len(self.kept) > 1:
                self.kept.pop(min(self.kept))
            self.kept[k] = run
        return self.kept[k]

    def _presampled(self, start: int, stop: int) -> Tensor:
        """Convolution steps brought to frames start..stop, the same numbers that one long run gives; (n, 512)."""
        import torch

        parts = []
        for begin in range(start, stop, BLOCK):
            frames = np.arange(begin, min(begin + BLOCK, stop))
            at = frames * ((2 * self.frames - 1) / max(self.frames - 1, 1))
            first, last = int(at[0]), min(int(at[-1]) + 2, 2 * self.frames)
            samples = torch.from_numpy(self.samples[first * STEP : last * STEP + FIELD - STEP])
            parts.append(interpolate(self.hubert.steps(samples.to(self.hubert.device), self.norm), at - first))
        return torch.cat(parts)

    def _first_norm(self) -> tuple[Tensor, Tensor]:
        """Mean and deviation over the whole speech of the first convolution's channels."""
        import torch

        layer = self.hubert.conv[0].conv
        stride, kernel = layer.stride[0], layer.kernel_size[0]
        steps = (len(self.samples) - kernel) // stride + 1
        total = squares = torch.zeros(layer.out_channels, dtype=torch.float64, device=self.hubert.device)
        with torch.inference_mode():
            for start in range(0, steps, BLOCK * FRAME // stride):
                stop = min(start + BLOCK * FRAME // stride, steps)
                part = torch.from_numpy(self.samples[start * stride : (stop - 1) * stride + kernel])
                part = self.hubert.first_conv(part.to(self.hubert.device)).double()
                total, squares = total + part.sum(1), squares + part.square().sum(1)
            mean = total / steps
            deviation = (squares / steps - mean.square() + self.hubert.conv[0].layer_norm.eps).sqrt()
        return mean.float()[:, None], deviation.float()[:, None]


def published_features(
    hubert: Hubert, waveform: np.ndarray, frames: int, preset: str = "default"
) -> HubertFeatures | Tensor:
    """What the published generator is given for `frames` frames of video: those and `SILENCE_FRAMES` of silence.

    waveform (N,) at 16 kHz, cut or filled up with silence to whole frames. Preset `reference`: pieces of 60 s; any
    other: `HubertFeatures`. See `moda.generator.published` for what is done with the silence.
    """
    length = frames * FRAME
    whole = np.zeros(length, np.float32)
    whole[: min(length, len(waveform))] = waveform[:length]
    prepared = with_silence(whole)
    return reference_features(hubert, prepared) if preset == "reference" else HubertFeatures(hubert, prepared)
