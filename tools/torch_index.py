"""Which index pip should take PyTorch from on this machine: prints the option for pip, and says why on stderr.

PyPI's PyTorch for Linux brings CUDA along, 2.7 GB that a machine without an NVIDIA GPU has no use for. PyTorch's own
index has builds for the CPU alone under the same version (2.11.0+cpu), which pip prefers once it knows of them.
Elsewhere than on Linux PyPI's builds are small already. MODA_TORCH_INDEX names another index to ask, a mirror say.

    pip install $(python tools/torch_index.py) .
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import urllib.error
import urllib.request
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
INDEX = "https://download.pytorch.org/whl/cpu"
SECONDS = 5.0


def pinned() -> str:
    """The version of torch that requirements.txt asks for."""
    found = re.search(r"^torch==([\w.]+)", (REPOSITORY / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None
    return found[1]


def has_nvidia_gpu() -> bool:
    """Whether an NVIDIA driver is at work here, natively or under WSL."""
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None


def offers(index: str, version: str) -> bool:
    """Whether the index answers and has this torch for this Python, CPU only."""
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}"
    try:
        with urllib.request.urlopen(f"{index.rstrip('/')}/torch/", timeout=SECONDS) as answer:
            page = answer.read().decode("utf-8", "replace")
    except (OSError, ValueError, urllib.error.URLError):
        return False
    return re.search(rf"torch-{re.escape(version)}(?:%2B|\+)cpu-{tag}-{tag}-", page) is not None


def choose(platform: str = sys.platform, gpu: bool | None = None) -> tuple[list[str], str]:
    """Options for pip, and the sentence that says why."""
    if platform != "linux":
        return [], "PyTorch comes from PyPI."
    if has_nvidia_gpu() if gpu is None else gpu:
        return [], "There is an NVIDIA GPU: PyTorch with CUDA comes from PyPI (about 3.4 GB in all)."
    index, version = os.environ.get("MODA_TORCH_INDEX") or INDEX, pinned()
    if offers(index, version):
        return ["--extra-index-url", index], f"No NVIDIA GPU: PyTorch {version} for the CPU comes from {index}."
    return [], f"No NVIDIA GPU, but {index} does not offer PyTorch {version}: PyPI's build, which brings CUDA along."


if __name__ == "__main__":
    options, why = choose()
    print(why, file=sys.stderr)
    print(*options)
