"""What is on this machine, what is missing, and what each missing piece would add."""

from __future__ import annotations

import platform
import shutil
from typing import Any


def examine() -> dict[str, Any]:
    """A JSON-able picture of machine, programs and models; asks nothing of the network."""
    import torch

    from moda import __version__
    from moda.media.ffmpeg import executable
    from moda.models import pick_device, status

    device = pick_device("auto")
    machine: dict[str, Any] = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "device": device,
        "threads": torch.get_num_threads(),
    }
    if device == "cuda":
        properties = torch.cuda.get_device_properties(0)
        machine["gpu"] = f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB"
    return {
        "version": __version__,
        "machine": machine,
        "ffmpeg": executable(),
        "free_disk_gb": round(shutil.disk_usage(".").free / 1e9, 1),
        "models": [dict(row) for row in status()],
    }


def table(findings: dict[str, Any]) -> str:
    """The same for people."""
    machine = ", ".join(f"{name} {value}" for name, value in findings["machine"].items())
    lines = [f"MoDA Studio {findings['version']}: {machine}, {findings['free_disk_gb']} GB of disk free", ""]
    for row in findings["models"]:
        state = "present" if row["present"] else "absent"
        lines.append(f"{row['name']:<16} {state:<8} {row['where'] if row['present'] else row['how']}")
        for file in row.get("files", []):
            mark = "+" if file["present"] else "-"
            lines.append(f"    {mark} {file['name']}")
        lines.append(f"    {row['adds']} Licence: {row['licence']}.")
    return "\n".join(lines)
