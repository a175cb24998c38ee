"""The pretrained HuBERT encoder, taken apart so that each part can be run on its own stretch of speech.

The modules are those of transformers; how MoDA runs them is in `moda.conditions.hubert`.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moda.errors import BadWeights, WeightsMissing

if TYPE_CHECKING:
    from torch import Tensor

CHINESE_HUBERT_BASE: dict[str, Any] = {
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-5,
    "feat_extract_norm": "group",
    "feat_extract_activation": "gelu",
    "conv_dim": [512] * 7,
    "conv_kernel": [10, 3, 3, 3, 3, 2, 2],
    "conv_stride": [5, 2, 2, 2, 2, 2, 2],
    "conv_bias": False,
    "num_conv_pos_embeddings": 128,
    "num_conv_pos_embedding_groups": 16,
    "do_stable_layer_norm": False,
    "feat_proj_layer_norm": True,
}
WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")
OLD_TO_NEW = {"weight_g": "parametrizations.weight.original0", "weight_v": "parametrizations.weight.original1"}
UNUSED = ("masked_spec_embed",)  # only training masks


class Hubert:
    """HuBERT's convolutions, projection and transformer as separate steps."""

    def __init__(self, model: Any) -> None:
        self.model = model.eval()
        self.conv = model.feature_extractor.conv_layers
        self.encoder = model.encoder

    @staticmethod
    def from_state(
        state: Mapping[str, Tensor],
        config: Mapping[str, Any] | None = None,
        device: str = "cpu",
        source: str = "HuBERT",
    ) -> Hubert:
        """Build from a state dict; either spelling of the positional convolution's weight norm, any float type.

        Raises BadWeights naming every key that is missing, not expected or of another shape.
        """
        import torch
        from transformers import HubertConfig, HubertModel

        with torch.device("meta"):
            model: Any = HubertModel(HubertConfig(**(config or CHINESE_HUBERT_BASE)))
        wanted = model.state_dict()
        renamed = {}
        for key, value in state.items():
            head, _, leaf = key.removeprefix("hubert.").rpartition(".")
            if head.endswith("pos_conv_embed.conv"):
                leaf = OLD_TO_NEW.get(leaf, leaf)
            renamed[f"{head}.{leaf}" if head else leaf] = value.to(torch.float32)
        for key in UNUSED:
            if key in wanted and key not in renamed:
                renamed[key] = torch.zeros(wanted[key].shape)
        renamed = {k: v for k, v in renamed.items() if k in wanted or k not in UNUSED}
        faults = [f"missing {k}" for k in wanted if k not in renamed]
        faults += [f"not expected {k}" for k in renamed if k not in wanted]
        faults += [
            f"{k} has shape {tuple(v.shape)}, expected {tuple(wanted[k].shape)}"
            for k, v in renamed.items()
            if k in wanted and v.shape != wanted[k].shape
        ]
        if faults:
            more = f" and {len(faults) - 8} more faults" if len(faults) > 8 else ""
            raise BadWeights(f"{source} does not hold the HuBERT encoder MoDA uses: {'; '.join(faults[:8])}{more}.")
        model.load_state_dict(renamed, assign=True)
        model.requires_grad_(False)
        return Hubert(model.to(torch.device(device)))

    @staticmethod
    def from_folder(folder: str | Path, device: str = "cpu") -> Hubert:
        """Read `chinese-hubert-base` from a transformers folder. Raises WeightsMissing or BadWeights."""
        import json

        import torch
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        folder = Path(folder)
        path = next((folder / name for name in WEIGHT_FILES if (folder / name).is_file()), None)
        if path is None:
            raise WeightsMissing(f"There is none of {', '.join(WEIGHT_FILES)} in {folder}; HuBERT goes there.")
        try:
            if path.suffix == ".safetensors":
                state = load_file(str(path))
            else:
                state = torch.load(path, map_location="cpu", weights_only=True)
            config = dict(CHINESE_HUBERT_BASE)
            if (folder / "config.json").is_file():
                stored = json.loads((folder / "config.json").read_text(encoding="utf-8"))
                config.update({k: stored[k] for k in config if k in stored})
        except (
            RuntimeError, EOFError, OSError, ValueError, KeyError, pickle.UnpicklingError, SafetensorError
        ) as error:  # fmt: skip
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
            raise BadWeights(
                f"{path} is damaged or cut short ({reason}); expected the weights of chinese-hubert-base."
            ) from error
        if not isinstance(state, dict) or not all(isinstance(v, torch.Tensor) for v in state.values()):
            raise BadWeights(f"{path} does not hold a flat dict of tensors; expected chinese-hubert-base.")
        return Hubert.from_state(state, config, device, str(path))

    @property
    def device(self) -> Any:
        """Where the weights are."""
        return next(self.model.parameters()).device

    def first_conv(self, samples: Tensor) -> Tensor:
        """(n,) waveform -> (512, steps) of the first convolution, before its normalisation over time."""
        return self.conv[0].conv(samples[None, None])[0]

    def steps(self, samples: Tensor, norm: tuple[Tensor, Tensor] | None = None) -> Tensor:
        """(n,) waveform -> (steps, 512); `norm`: mean and deviation (512, 1) over time instead of its own."""
        first = self.conv[0]
        x = first.conv(samples[None, None])
        if norm is None:
            x = first.layer_norm(x)
        else:
            gain, offset = first.layer_norm.weight[:, None], first.layer_norm.bias[:, None]
            x = (x - norm[0]) / norm[1] * gain + offset
        x = first.activation(x)
        for layer in self.conv[1:]:
            x = layer(x)
        return x[0].T

    def project(self, steps: Tensor) -> Tensor:
        """(F, 512) -> (F, 768): into the transformer's width, still frame by frame."""
        return self.model.feature_projection(steps[None])[0]

    def enter(self, projected: Tensor) -> Tensor:
        """(F, 768) -> (F, 768): positions added and normed, the state before the first layer."""
        x = projected[None]
        return self.encoder.layer_norm(x + self.encoder.pos_conv_embed(x))[0]

    def layers(self, state: Tensor) -> Tensor:
        """(F, 768) -> (F, 12, 768): the outputs of all layers."""
        import torch

        x, outputs = state[None], []
        for layer in self.encoder.layers:
            x = layer(x)
            x = x[0] if isinstance(x, tuple) else x
            outputs.append(x[0])
        return torch.stack(outputs, dim=1)
