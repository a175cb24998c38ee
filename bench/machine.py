"""What the numbers were measured on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path


def machine() -> dict[str, str]:
    """Processor, cores, memory, system and the versions that matter; no names of hosts or folders."""
    processor, memory = platform.machine(), ""
    about = Path("/proc/cpuinfo")
    if about.is_file():
        lines = [line for line in about.read_text().splitlines() if line.startswith("model name")]
        processor = lines[0].partition(":")[2].strip() if lines else processor
    about = Path("/proc/meminfo")
    if about.is_file():
        memory = f"{int(about.read_text().split()[1]) / 2**20:.0f} GB"
    return {
        "processor": processor,
        "cores": str(os.cpu_count()),
        "memory": memory,
        "system": platform.system(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("torch", "numpy", "opencv-contrib-python", "numba") if _there(name)},
    }


def _there(name: str) -> bool:
    from importlib.metadata import PackageNotFoundError

    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True
