"""Coarticulation learnt from footage: phones with their times, and how loud and voiced the sound is -> lips.

A small network over time turns what the dominance functions of `articulation` make of the phones, and the targets of
the sounds around a moment, into the actions that were read off filmed lips. It knows sounds by what they ask of a mouth
and not by their names, so it says sounds too that nobody filmed. Since it is fitted by least squares it moves less than
a person, most of all in what is quick: `Coarticulation` gives that back by a gain per action and band, and makes
closures exact as `articulate` does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from moda.corpus.one_cycle import OneCycle
from moda.corpus.synthetic.articulation import OUTPUT, Articulation, articulate, closure_gates
from moda.corpus.synthetic.phonemes import is_vowel, visemes
from moda.corpus.synthetic.voices import Phone

FloatArray = npt.NDArray[np.float32]

LIPS = ("jaw_open", "lips_press", "pucker", "stretch", "upper_lip_raise", "lower_lip_depress", "smile", "frown",
        "mouth_left")  # fmt: skip
"""What the network gives: every action that is read off filmed lips. The first six are `OUTPUT`."""
SHIPPED = Path(__file__).with_name("coarticulation.npz")
"""Fitted on 45 minutes of the GRID corpus (Cooke, Barker, Cunningham and Shao 2006, CC BY 4.0): used, and measured
against, where there is no footage."""
RATE = 50.0
"""Steps a second at which it listens; two make a video frame."""
SOUNDS = 12
INPUTS = len(OUTPUT) + SOUNDS + 2
UNITS = {"jaw_open": 0.15, "lips_press": 0.12, "pucker": 0.15, "stretch": 0.22, "upper_lip_raise": 0.17,
         "lower_lip_depress": 0.2, "smile": 0.18, "frown": 0.14, "mouth_left": 0.14}  # fmt: skip
"""Errors are measured in these units, about the spread of each action in footage."""
SLOW = 3.0
"""Hz between the two bands that have a gain each."""
GAINS = (0.8, 2.0)
"""Smallest and largest gain."""
HABITS = {"smile": 1.2, "frown": 1.2, "mouth_left": 1.0}
"""Largest gain of what belongs to a person or a mood more than to a sound."""
LINGER = 6
"""Frames for which lips are still, or already, on their way."""
PRESS = 0.55
"""How firmly lips are pressed in a closure."""
FILMED_CLOSURES = 0.95
"""How far filmed lips are brought together where their phones say p, b or m: a camera that sees 25 moments a second
misses the middle of every other closure, and what it misses a network unlearns."""
UNCERTAIN = 0.35
"""An action that correlates less with real lips is left as it is given: its gain would be the gain of noise."""


class Example(NamedTuple):
    """One clip: phones, columns (4 T + AFTER, CHANNELS) of `moda.conditions.speech`, and what the lips did (T, 9)."""

    phones: Sequence[Phone]
    columns: npt.NDArray
    lips: FloatArray


def sound_track(phones: Sequence[Phone], columns: npt.NDArray, frames: int) -> FloatArray:
    """(2 T, INPUTS): what the network hears, at `RATE`. columns: speech columns, one every 10 ms."""
    count = 2 * frames
    times = (np.arange(count) + 0.5) / RATE
    sounds = np.zeros((count, SOUNDS), np.float32)
    sounds[:, 11] = 1.0
    for phone in phones:
        first, last = np.searchsorted(times, (phone.start, phone.end))
        shapes = visemes(phone.symbol)
        edges = np.linspace(phone.start, phone.end, len(shapes) + 1)
        for shape, start, end in zip(shapes, edges, edges[1:]):
            here = slice(*np.searchsorted(times, (start, end)))
            sounds[here, :5] = shape.targets
            sounds[here, 5:7] = shape.jaw_dominance, shape.lip_dominance
            sounds[here, 7:9] = shape.closure == 1.0, shape.closure == 0.5
        sounds[first:last, 9] = is_vowel(phone.symbol) * (0.5 + 0.25 * phone.stress)
        sounds[first:last, 10] = np.log(max(phone.end - phone.start, 0.02) / 0.1) if phone.symbol else 0.0
        sounds[first:last, 11] = not phone.symbol
    said = articulate(phones, count, RATE).actions
    at = np.clip(2 * np.arange(count) + 1, 0, len(columns) - 1)
    heard = np.asarray(columns)[at][:, -2:].astype(np.float32)  # level and voicing
    return np.concatenate([said, sounds, heard], axis=1)


class Network(nn.Module):
    """Three convolutions over 0.5 s to either side, beside a linear path from what `articulate` makes of the phones."""

    def __init__(self, width: int = 48) -> None:
        super().__init__()
        self.first = nn.Conv1d(INPUTS, width, 9, padding=4)
        self.second = nn.Conv1d(width, width, 9, padding=8, dilation=2)
        self.third = nn.Conv1d(width, width, 5, padding=8, dilation=4)
        self.last = nn.Conv1d(width, len(LIPS), 1)
        self.straight = nn.Conv1d(len(OUTPUT), len(LIPS), 1)

    def forward(self, track: Tensor, drop: float = 0.0) -> Tensor:
        """(B, 2 T, INPUTS) -> (B, T, 9) in `UNITS`."""
        x = track.transpose(1, 2)
        h = x
        for layer in (self.first, self.second, self.third):
            out = nn.functional.gelu(layer(h))
            h = out if h.shape[1] != out.shape[1] else h + out
            h = nn.functional.dropout(h, drop, self.training)
        y = self.last(h) + self.straight(x[:, : len(OUTPUT)])
        return nn.functional.avg_pool1d(y, 2).transpose(1, 2)


@dataclass(frozen=True)
class Coarticulation:
    """A fitted network, the gains (9, 2) of its slow and quick band, and its correlation (9,) on clips kept apart."""

    network: Network
    gains: FloatArray
    correlation: FloatArray

    def __call__(self, phones: Sequence[Phone], columns: npt.NDArray, frames: int) -> Articulation:
        """Lips (T, 9) of `frames` video frames as an `Articulation` whose actions are `LIPS`."""
        said = articulate(phones, frames)
        with torch.inference_mode():
            lips = self.network(torch.from_numpy(sound_track(phones, columns, frames))[None])[0].numpy()
        lips = sharpened(lips, self.gains) * np.array(list(UNITS.values()), np.float32)
        lips *= near_speech(said.speaking)[:, None]
        return said._replace(actions=with_closures(lips, phones), names=LIPS)

    def save(self, path: Path) -> None:
        """Write as .npz without pickle, the weights in half precision."""
        path.parent.mkdir(parents=True, exist_ok=True)
        state = {name: value.numpy().astype(np.float16) for name, value in self.network.state_dict().items()}
        np.savez_compressed(path, gains=self.gains, correlation=self.correlation, **state)

    @classmethod
    def load(cls, path: Path = SHIPPED) -> Coarticulation:
        """Read what `save` wrote, or the shipped one."""
        with np.load(path, allow_pickle=False) as file:
            kept = {name: file[name] for name in file.files}
        network = Network(len(kept["first.bias"]))
        gains, correlation = kept.pop("gains"), kept.pop("correlation")
        network.load_state_dict({name: torch.from_numpy(value.astype(np.float32)) for name, value in kept.items()})
        return cls(network.eval(), gains, correlation)


def bands(lips: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(T, 9) parted into what is slower and what is quicker than `SLOW`."""
    from scipy.ndimage import gaussian_filter1d

    slow = gaussian_filter1d(lips, 25.0 / (2 * np.pi * SLOW), axis=0, mode="nearest")
    return slow, lips - slow


def sharpened(lips: FloatArray, gains: FloatArray) -> FloatArray:
    """The two bands with their gains, around rest."""
    slow, quick = bands(lips)
    return (slow * gains[:, 0] + quick * gains[:, 1]).astype(np.float32)


def near_speech(speaking: FloatArray) -> FloatArray:
    """(T,) 1 while somebody speaks and `LINGER` frames around it, 0 in longer silence: there a mouth is at rest."""
    from scipy.ndimage import gaussian_filter1d, maximum_filter1d

    wide = maximum_filter1d((speaking > 0.1).astype(np.float32), 2 * LINGER + 1)
    return np.asarray(gaussian_filter1d(wide, LINGER / 3, mode="nearest"), np.float32)


def with_closures(lips: FloatArray, phones: Sequence[Phone], strength: float = 1.0) -> FloatArray:
    """Lips that meet at p, b, m and bite at f, v: certainly with strength 1, more than they did with less."""
    press, bite = (strength * gate for gate in closure_gates(phones, len(lips)))
    lips = lips.copy()
    lips[:, 0] = lips[:, 0] * (1 - press) * (1 - 0.5 * bite)
    # Lips that are parted cannot be pressed.
    lips[:, 1] = np.maximum(np.clip(lips[:, 1], 0, 1) * (1 - np.clip(lips[:, 0] / 0.3, 0, 1)), PRESS * press)
    lips[:, 3] *= 1 - 0.7 * press
    lips[:, 4] = lips[:, 4] * (1 - press) + 0.06 * bite
    lips[:, 5] = lips[:, 5] * (1 - press) * (1 - bite) - 0.05 * press - 0.18 * bite
    return lips


def fit_coarticulation(
    clips: Sequence[Example],
    apart: Sequence[Example],
    steps: int = 1500,
    seed: int = 0,
    say: Callable[[str], None] = print,
) -> Coarticulation:
    """Fit to `clips`; gains and correlation come from the clips kept `apart`."""
    generator = torch.Generator().manual_seed(seed)
    rng = np.random.default_rng([seed, 21])
    units = np.array(list(UNITS.values()), np.float32)
    tracks = [sound_track(c.phones, c.columns, len(c.lips)) for c in clips]
    lips = [c.lips / units for c in clips]
    torch.manual_seed(seed)
    network = Network()
    length = min(70, *(len(clip) for clip in lips))

    def loss_of() -> Tensor:
        rows, wanted = [], []
        for k in rng.integers(0, len(tracks), 24):
            start = int(rng.integers(0, max(1, len(lips[k]) - length + 1)))
            track = tracks[k][2 * start : 2 * (start + length)].copy()
            track[:, -2:] += rng.normal(0, 0.15, 2).astype(np.float32)  # another microphone
            if rng.random() < 0.25:
                track[:, -2:] = 0.0
            rows.append(track)
            wanted.append(lips[k][start : start + length])
        given, target = torch.from_numpy(np.stack(rows)), torch.from_numpy(np.stack(wanted))
        given += 0.02 * torch.randn(given.shape, generator=generator)
        error = network(given, 0.15) - target
        return error.square().mean() + 0.5 * error.diff(dim=1).square().mean()

    def tell(step: int, loss: float) -> None:
        if step % 300 == 0 or step == steps:
            say(f"coarticulation {step}/{steps} loss {loss:.3f}")

    network.train()
    OneCycle(steps, rate=2e-3, rising=0.1, decay=0.05).fit(network, loss_of, tell)
    network.eval()
    gains, correlation = measured_gains(network, apart, units)
    return Coarticulation(network, gains, correlation)


def measured_gains(network: Network, clips: Sequence[Example], units: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(9, 2) what each band lacks against real lips, and (9,) correlation with them."""
    ours, real = [], []
    with torch.inference_mode():
        for clip in clips:
            track = torch.from_numpy(sound_track(clip.phones, clip.columns, len(clip.lips)))
            ours.append(bands(network(track[None])[0].numpy()))
            real.append(bands(clip.lips / units))
    gains = np.ones((len(LIPS), 2), np.float32)
    mine, theirs = ([np.concatenate([pair[b] for pair in pairs]) for b in (0, 1)] for pairs in (ours, real))
    whole = [np.corrcoef(sum(p[:, k] for p in mine), sum(p[:, k] for p in theirs))[0, 1] for k in range(len(LIPS))]
    for k in range(len(LIPS)):
        if whole[k] > UNCERTAIN:
            for band in (0, 1):
                gains[k, band] = np.clip(
                    theirs[band][:, k].std() / (mine[band][:, k].std() + 1e-6), GAINS[0], HABITS.get(LIPS[k], GAINS[1])
                )
    return gains, np.array(whole, np.float32)
