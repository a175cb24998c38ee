"""What is on this machine, what is missing, and what each missing piece would add."""

from __future__ import annotations

import platform
import shutil
import tempfile
from pathlib import Path
from typing import Any

from moda.errors import explain_import
from moda.interpreter import NEWEST, OLDEST


def examine() -> dict[str, Any]:
    """A JSON-able picture of machine, programs and models; asks nothing of the network.

    problems: a sentence for each thing that keeps the software from working, with what mends it.
    """
    from moda import __version__
    from moda.media.ffmpeg import examine as look_at_ffmpeg

    problems: list[str] = []
    machine: dict[str, Any] = {"python": platform.python_version(), "system": platform.platform(terse=True)}
    if not OLDEST <= tuple(map(int, platform.python_version_tuple()[:2])) <= NEWEST:
        problems.append("This Python is not one of 3.10 to 3.12: install one of them.")
    models: list[dict[str, Any]] = []
    try:
        machine |= pytorch()
        from moda.models import status

        models = [dict(row) for row in status()]
        problems += [f"{row['name']}: {row['how']}." for row in models if not row["files"] and not row["present"]]
    except ImportError as fault:
        problems.append(explain_import(fault) or str(fault))
    ffmpeg = look_at_ffmpeg()
    problems += [problem for problem in (opencv(), temporary(), ffmpeg.fault) if problem]
    return {
        "version": __version__,
        "machine": machine,
        "ffmpeg": f"{ffmpeg.path} ({ffmpeg.version})" if ffmpeg.version else ffmpeg.path,
        "free_disk_gb": round(shutil.disk_usage(".").free / 1e9, 1),
        "problems": problems,
        "models": models,
    }


def pytorch() -> dict[str, Any]:
    """Which PyTorch this is, what it computes on, and, where that is no GPU, why."""
    import torch

    from moda.models import pick_device

    device = pick_device("auto")
    built = f"CUDA {torch.version.cuda}" if torch.version.cuda else "the CPU" if not torch.version.hip else "ROCm"
    facts: dict[str, Any] = {
        "torch": torch.__version__, "built_for": built, "device": device, "threads": torch.get_num_threads(),
    }  # fmt: skip
    if device == "cuda":
        properties = torch.cuda.get_device_properties(0)
        facts["gpu"] = f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB"
    else:
        facts["no_gpu"] = why_no_gpu(torch.version.cuda, nvidia_driver())
    return facts


def nvidia_driver() -> bool:
    """Whether an NVIDIA driver is installed here."""
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None


def why_no_gpu(cuda: str | None, driver: bool) -> str:
    """Why PyTorch uses no GPU. cuda: the version it was built for; driver: whether NVIDIA's is installed."""
    if not driver:
        return "no NVIDIA driver was found, and no Apple GPU that can do all of it"
    if cuda is None:
        return (
            "an NVIDIA driver is installed, but this PyTorch is built for the CPU alone: install one with CUDA "
            "(pip install torch --index-url https://download.pytorch.org/whl/cu130)"
        )
    return (
        f"an NVIDIA driver is installed, but PyTorch cannot use it: it needs one for CUDA {cuda}; update the driver, "
        "or look at what nvidia-smi says"
    )


def opencv() -> str:
    """What keeps OpenCV from being imported, "" if nothing does."""
    try:
        import cv2  # noqa: F401
    except ImportError as fault:
        return explain_import(fault) or f"OpenCV cannot be imported ({fault})."
    return ""


def temporary() -> str:
    """What keeps temporary files from being written, "" if nothing does."""
    try:
        with tempfile.TemporaryFile() as file:
            file.write(bytes(1 << 16))
            file.flush()
    except OSError as fault:
        return f"No temporary file can be written ({fault.strerror or fault}): make room, or set TMPDIR."
    return ""


def table(findings: dict[str, Any]) -> str:
    """The same for people."""
    machine = dict(findings["machine"])
    no_gpu = machine.pop("no_gpu", "")
    facts = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in machine.items())
    lines = [f"MoDA Studio {findings['version']}: {facts}, {findings['free_disk_gb']} GB of disk free"]
    if no_gpu:
        lines.append(f"No GPU in use: {no_gpu}.")
    lines.append(f"ffmpeg: {findings['ffmpeg']}")
    lines += [f"PROBLEM: {problem}" for problem in findings["problems"]]
    lines.append("")
    for row in findings["models"]:
        state = "present" if row["present"] else "absent"
        lines.append(f"{row['name']:<16} {state:<8} {row['where'] if row['present'] else row['how']}")
        for file in row["files"]:
            where = file["where"] if file["present"] else f"belongs at $MODA_WEIGHTS/{file['path']}"
            lines.append(f"    {'+' if file['present'] else '-'} {file['name']}: {where}")
        lines.append(f"    {row['adds']} Licence: {row['licence']}.")
    return "\n".join(lines)
