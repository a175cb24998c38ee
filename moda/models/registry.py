"""Every model and renderer by name: what it consists of, where that is found, what it is licensed for.

``auto`` picks the best that is present and never downloads; asking for a published model by its own name does.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from moda.assets import asset
from moda.errors import BadSetting, InstallationIncomplete
from moda.models.weights import FOLDER_VARIABLE, Repository, WeightFile, fetch, find
from moda.precision import AUTO, check_precision, choose_dtype

if TYPE_CHECKING:
    from moda.models.motion_model import MotionModel
    from moda.renderer.base import Renderer

Kind = Literal["model", "renderer", "part"]

MODA = Repository("lixinyizju/moda")
#: LivePortrait's own files (MIT), which the MoDA repository holds as well.
LIVEPORTRAIT_HOME = Repository("KlingTeam/LivePortrait", "82a4fa6735ca58432b6ce39301b4b9ee066dea47")

NETWORK = WeightFile(MODA, "moda/net-200.pth", 1_491_942_864)
HUBERT = (
    WeightFile(MODA, "audio/chinese-hubert-base/config.json"),
    WeightFile(
        MODA, "audio/chinese-hubert-base/pytorch_model.bin", 377_486_848,
        others=("audio/chinese-hubert-base/model.safetensors",),
    ),
)  # fmt: skip


def _liveportrait(place: str, size: int, sha256: str) -> WeightFile:
    """One of LivePortrait's files; `sha256` of the published file. MoDA's folders are looked into too."""
    moda = "decode/v1/first_stage/" + place
    return WeightFile(LIVEPORTRAIT_HOME, f"liveportrait/{place}", size, sha256, (moda,))


MOTION_EXTRACTOR = _liveportrait(
    "base_models/motion_extractor.pth", 112_474_912,
    "251e6a94ad667a1d0c69526d292677165110ef7f0cf0f6d199f0e414e8aa0ca5",
)  # fmt: skip
LIVEPORTRAIT = {
    "appearance": _liveportrait(
        "base_models/appearance_feature_extractor.pth", 3_351_672,
        "5279bb8654293dbdf327030b397f107237dd9212fb11dd75b83dfb635211ceb5",
    ),
    "motion": MOTION_EXTRACTOR,
    "warping": _liveportrait(
        "base_models/warping_module.pth", 182_146_444,
        "2f61a6f265fe344f14132364859a78bdbbc2068577170693da57fb96d636e282",
    ),
    "generator": _liveportrait(
        "base_models/spade_generator.pth", 221_753_392,
        "4780afc7909a9f84e24c01d73b31a555ef651521a1fe3b2429bd04534d992aee",
    ),
    "retargeting": _liveportrait(
        "retargeting_models/stitching_retargeting_module.pth", 909_052,
        "3652d5a3f95099141a56986aaddec92fadf0a73c87a20fac9a2c07c32b28b611",
    ),
}  # fmt: skip
FACE_PARSER = WeightFile(None, "facexlib/parsing_bisenet.pth")
FACE_PARSER_RELEASE = "https://github.com/xinntao/facexlib/releases/download/v0.2.0/parsing_bisenet.pth"
LITE_FILES = ("config.json", "model.safetensors")


@dataclass(frozen=True)
class Entry:
    """One row of the registry. ``files`` is empty for what ships with the app."""

    name: str
    kind: Kind
    files: tuple[WeightFile, ...]
    licence: str
    adds: str
    hardware: str


REGISTRY = {
    entry.name: entry
    for entry in (
        Entry(
            "moda-lite",
            "model",
            (),
            "the same as this software's",
            "Our own small motion model, trained on speech made for it; always there.",
            "any CPU",
        ),
        Entry(
            "moda-base",
            "model",
            (NETWORK, *HUBERT, MOTION_EXTRACTOR),
            f'no licence file; its README says "intended for academic research" ({MODA.page}); HuBERT\'s weights have '
            "their own, on the card of TencentGameMate/chinese-hubert-base",
            "The published MoDA: 373 million parameters, learnt from many real speakers; richer motion.",
            "4 GB of memory; a GPU for speed",
        ),
        Entry(
            "mesh",
            "renderer",
            (),
            "the same as this software's",
            "Warps the portrait itself: sharp, no weights, fast on a CPU; small to moderate head turns.",
            "any CPU",
        ),
        Entry(
            "liveportrait",
            "renderer",
            tuple(LIVEPORTRAIT.values()),
            "MIT for LivePortrait's code and weights (its face detector, which is non-commercial, is not used)",
            "LivePortrait's neural renderer: larger head turns, natural teeth and eyelids. With moda-lite it is the "
            "recommended neural path: nothing on it is for research only.",
            "a GPU with 4 GB; on a CPU some seconds a frame",
        ),
        Entry(
            "face-parser",
            "part",
            (FACE_PARSER,),
            "MIT for facexlib; trained on CelebAMask-HQ, which is for non-commercial research",
            "Optional: pastes only the face back instead of a soft square (liveportrait with --paste face).",
            "any",
        ),
    )
}


def pick_device(name: str = "auto") -> str:
    """A torch device by name. ``auto``: cuda where there is one, mps where it can do what we need, else cpu.

    Raises BadSetting for what is not there.
    """
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "mps" if mps_works() else "cpu"
    kind = name.partition(":")[0]
    if kind not in ("cpu", "cuda", "mps"):
        raise BadSetting(f"The device must be auto, cpu, cuda or mps; {name!r} is not known.")
    if kind == "cuda" and not torch.cuda.is_available():
        raise BadSetting("There is no CUDA GPU on this machine; use device cpu or auto.")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise BadSetting("There is no Apple GPU on this machine; use device cpu or auto.")
    return name


def mps_works() -> bool:
    """Whether there is an Apple GPU whose PyTorch knows the operations of our networks, warping in 3D among them."""
    import torch
    from torch.nn import functional

    if not torch.backends.mps.is_available():
        return False
    try:
        volume = torch.zeros(1, 2, 4, 4, 4, device="mps")
        functional.grid_sample(volume, torch.zeros(1, 4, 4, 4, 3, device="mps"), align_corners=False)
        functional.conv3d(volume, torch.zeros(2, 2, 3, 3, 3, device="mps"))
        rows = torch.zeros(1, 2, 4, 8, device="mps")
        functional.scaled_dot_product_attention(rows, rows, rows).cpu()
    except (RuntimeError, NotImplementedError, TypeError, AssertionError):
        return False
    return True


def lite_folder() -> Path:
    """The folder of moda-lite as it ships. Raises InstallationIncomplete when it was not installed along."""
    for name in LITE_FILES:
        asset(f"moda-lite/{name}")
    return asset("moda-lite")


def is_present(name: str) -> bool:
    """Whether everything that this model, renderer or part needs is on this machine. No network."""
    if name == "moda-lite":
        try:
            lite_folder()
        except InstallationIncomplete:
            return False
    return all(find(file) is not None for file in REGISTRY[name].files)


def names(kind: Kind) -> tuple[str, ...]:
    """The models or the renderers, by name."""
    return tuple(entry.name for entry in REGISTRY.values() if entry.kind == kind)


def resolve(name: str, kind: Kind, device: str = "cpu") -> str:
    """A name of this kind. ``auto``: the best that is present and bearable on the device (on a CPU the published
    model needs seconds a second and LivePortrait seconds a frame). Raises BadSetting for an unknown name."""
    if name == "auto":
        best, other = ("moda-base", "moda-lite") if kind == "model" else ("liveportrait", "mesh")
        return best if device.startswith("cuda") and is_present(best) else other
    if name not in names(kind):
        raise BadSetting(f"The {kind} must be auto or one of {', '.join(names(kind))}; {name!r} is not known.")
    return name


def load_model(name: str = "auto", device: str = "cpu", precision: str = AUTO) -> MotionModel:
    """A motion model by name, on ``device``; ``precision`` of its network, auto is float32, as it was published.
    Raises BadSetting, WeightsMissing or BadWeights."""
    check_precision(precision)
    model: MotionModel
    if resolve(name, "model", device) == "moda-lite":
        from moda.models.lite import LiteModel

        model = LiteModel(lite_folder(), device)
    else:
        from moda.models.base import load_base

        paths = {file: fetch(file) for file in REGISTRY["moda-base"].files}
        model = load_base(paths[NETWORK], paths[HUBERT[0]].parent, paths[MOTION_EXTRACTOR], device)
    model.network.to(choose_dtype(precision, "float32"))
    return model


def load_renderer(name: str = "auto", device: str = "cpu", precision: str = AUTO, **options: Any) -> Renderer:
    """A renderer by name. ``precision``: of liveportrait's networks, auto is half precision on CUDA. ``options`` go to
    its constructor. Raises BadSetting, WeightsMissing or BadWeights."""
    check_precision(precision)
    if resolve(name, "renderer", device) == "mesh":
        from moda.renderer.mesh.renderer import MeshRenderer

        return MeshRenderer(**options)
    paths = {part: fetch(file) for part, file in LIVEPORTRAIT.items()}
    from moda.renderer.liveportrait.convert import load_networks
    from moda.renderer.liveportrait.renderer import LivePortraitRenderer

    options |= {"device": device, "precision": precision, "parser": find(FACE_PARSER)}
    return LivePortraitRenderer(load_networks(paths), **options)


def status() -> list[dict[str, Any]]:
    """One row per model, renderer and part, for ``doctor`` and the studio; JSON-able, and no network call.

    Keys: name, kind, present, where (a folder, "ships with the app" or None), how (to get it), size (bytes),
    licence, adds, hardware, repository, revision, files (name, path, present, where, size).
    """
    return [_row(entry) for entry in REGISTRY.values()]


def _row(entry: Entry) -> dict[str, Any]:
    found = {file: find(file) for file in entry.files}
    present = all(path is not None for path in found.values()) and is_present(entry.name)
    files = [
        {
            "name": file.name,
            "path": file.path,
            "present": path is not None,
            "where": None if path is None else str(path),
            "size": file.size,
            "sha256": file.sha256,
        }
        for file, path in found.items()
    ]
    row: dict[str, Any] = {"name": entry.name, "kind": entry.kind, "present": present}
    if not entry.files:
        row |= {"where": "ships with the app", "how": "fetch the repository again, with its large files"}
    else:
        folders = sorted({str(path.parent) for path in found.values() if path is not None})
        row["where"] = ", ".join(folders) if present else None
        row["how"] = _how(entry, sum(file.size for file, path in found.items() if path is None))
        repository = entry.files[0].repository
        if repository is not None:
            row |= {"repository": repository.name, "revision": repository.revision}
    size = sum(file.size for file in entry.files)
    return row | {
        "size": size,
        "licence": entry.licence,
        "adds": entry.adds,
        "hardware": entry.hardware,
        "files": files,
    }


def _how(entry: Entry, lacking: int) -> str:
    repository = entry.files[0].repository
    if repository is None:
        return f"download {FACE_PARSER_RELEASE} into facexlib/ below the folder named in {FOLDER_VARIABLE}"
    return (
        f"fetched from {repository.page} ({lacking / 1e6:,.0f} MB) when first asked for by name, or put the files "
        f"below the folder named in {FOLDER_VARIABLE}"
    )
