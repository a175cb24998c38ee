"""New weights with head starts for a short training."""

from __future__ import annotations

import torch

from moda.corpus.synthetic.styles import IDENTITY_MEAN, IDENTITY_SPREAD
from moda.generator.blocks import SingleBlock, StreamWeights
from moda.generator.network import MoDA, MoDAConfig

LOCAL_HEADS = 2 / 3
"""Share of heads that start by looking at their own moment."""
LOCAL_PULL = 3.0
OPEN_GATE = 0.4


def bias_to_diagonal(qkv_bias: torch.Tensor, width: int, heads: int) -> None:
    """Give queries and keys of two thirds of the heads the same offset in their fast rotary pairs, so that attention
    starts out peaked on the diagonal: at the token's own moment in every stream."""
    size = width // heads
    pairs = torch.arange(size // 4)
    for head in range(round(heads * LOCAL_HEADS)):
        for part in (0, 1):
            first = part * width + head * size
            qkv_bias[first + pairs] += LOCAL_PULL
            qkv_bias[first + size // 2 + pairs] += LOCAL_PULL


def fresh_model(config: MoDAConfig, seed: int) -> MoDA:
    """New weights, with three head starts for a short training: attention looks at its own moment, the gates of the
    blocks are ajar, and the identity embedder is centred on the average descriptor (persons differ in the third
    decimal of theirs)."""
    model = MoDA.from_config(config, torch.Generator().manual_seed(seed))
    width = config.width
    with torch.no_grad():
        for block in model.modules():
            if isinstance(block, (StreamWeights, SingleBlock)):
                projection, gates = (block.qkv, (2, 5)) if isinstance(block, StreamWeights) else (block.wide, (2,))
                bias_to_diagonal(projection.bias, width, config.heads)
                for gate in gates:
                    block.modulation.bias[gate * width : (gate + 1) * width] = OPEN_GATE
        first = model.identity_embedder.first
        first.weight *= 0.3 / IDENTITY_SPREAD
        first.bias.sub_(first.weight @ torch.from_numpy(IDENTITY_MEAN))
        if model.null_identity is not None:
            model.null_identity.copy_(torch.from_numpy(IDENTITY_MEAN))
    return model
