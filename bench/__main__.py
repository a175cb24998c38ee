"""All benches in one command, and docs/benchmarks.md from what they say.

    python -m bench [--only endtoend planning ...] [--quick] [--again]

Every bench runs in a process of its own, one after another, and leaves its numbers in outputs/bench/NAME.json.
`--only` runs some of them and takes the others' numbers from there; `--quick` is for trying out, with short speech;
`--again` writes the page from the stored numbers without running anything.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench.machine import busy, machine
from bench.page import page

REPOSITORY = Path(__file__).resolve().parents[1]
RESULTS = REPOSITORY / "outputs" / "bench"
PAGE = REPOSITORY / "docs" / "benchmarks.md"

#: Name -> module and options; quick ones after.
BENCHES: dict[str, tuple[list[str], list[str]]] = {
    "endtoend": (["bench.endtoend"], ["bench.endtoend", "--seconds", "1", "2", "--sizes", "256", "--cores", "1"]),
    "studio": (["bench.studio"], ["bench.studio", "--seconds", "2"]),
    "stage": (["bench.stage", "--frames", "12"], ["bench.stage", "--frames", "2"]),
    "scale": (["bench.scale"], ["bench.scale", "--jobs", "2", "--seconds", "1", "--variants", "2", "--compared", "1"]),
    "planning": (
        ["bench.reference_planning", "--repeats", "2"],
        ["bench.reference_planning", "--width", "128", "--repeats", "1", "--steps", "2"],
    ),
    "rendering": (["bench.reference_rendering", "--frames", "3"], ["bench.reference_rendering", "--frames", "1"]),
    "solvers": (
        ["bench.solvers", "--model", "assets/moda-lite"],
        ["bench.solvers", "--model", "assets/moda-lite", "--takes", "1"],
    ),
}


def run(name: str, quick: bool) -> None:
    """One bench, its numbers stored; a bench that fails leaves the reason in their place."""
    module, *options = BENCHES[name][1 if quick else 0]
    target = RESULTS / f"{name}.json"
    # solvers writes a folder of files, the others one file
    out = RESULTS / name if name == "solvers" else target
    print(f"bench: {name}", file=sys.stderr, flush=True)
    other = busy()
    started = time.time()
    done = subprocess.run(
        [sys.executable, "-m", module, *options, "--out", str(out)], cwd=REPOSITORY, stdout=subprocess.PIPE,
        stderr=sys.stderr, text=True, timeout=7200,
    )  # fmt: skip
    if done.returncode == 0:
        found: dict[str, Any] = {"numbers": json.loads(done.stdout[done.stdout.index("{") :])}
    else:
        found = {"failed": f"ended with exit code {done.returncode}"}
    found |= {
        "command": "python -m " + " ".join([module, *options]),
        "when": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(started)),
        "took": round(time.time() - started, 1),
        "busy_before": round(other, 2),
        "machine": machine(),
    }
    target.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=sorted(BENCHES), default=list(BENCHES))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args()
    RESULTS.mkdir(parents=True, exist_ok=True)
    if not options.again:
        for name in options.only:
            run(name, options.quick)
    stored = {name: RESULTS / f"{name}.json" for name in BENCHES}
    text = page({name: json.loads(path.read_text(encoding="utf-8")) for name, path in stored.items() if path.is_file()})
    options.page.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
