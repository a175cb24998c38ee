# It asks POSIX, which mypy does not find for Windows.
# mypy: disable-error-code="attr-defined"
"""What the numbers were measured on."""

from __future__ import annotations

import json
import os
import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any


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


def tell(report: dict[str, Any], out: Path | None) -> None:
    """Print what a bench found as JSON, and write the same to `out`."""
    text = json.dumps(report, indent=2)
    print(text)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text + "\n", encoding="utf-8")


def busy(seconds: float = 1.0) -> float:
    """How many cores other work keeps busy, looked at for a while; 0 where /proc does not say."""
    about = Path("/proc/stat")
    if not about.is_file():
        return 0.0

    def ticks() -> int:
        """User, nice, system, interrupts and what a hypervisor took, in hundredths of a second."""
        fields = [int(field) for field in about.read_text().splitlines()[0].split()[1:]]
        return sum(fields[:3]) + sum(fields[5:8])

    before, started = ticks(), time.monotonic()
    time.sleep(seconds)
    return (ticks() - before) / os.sysconf("SC_CLK_TCK") / (time.monotonic() - started)


def _there(name: str) -> bool:
    from importlib.metadata import PackageNotFoundError

    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True
