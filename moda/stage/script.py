"""The viewer as one script: the modules of ``js/`` in order, with the shaders inside; it needs no network."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent
MODULES = (
    "bundle",
    "pose",
    "openings",
    "surface",
    "draw",
    "edits",
    "trims",
    "motion",
    "live",
    "clock",
    "element",
    "lanes",
)
"""In the order in which they need each other."""
_IMPORT = re.compile(r"^import [^;]*;\n", re.MULTILINE)
_EXPORT = re.compile(r"^export ", re.MULTILINE)


@cache
def script() -> str:
    """JavaScript that defines the elements ``moda-stage`` and ``moda-lanes``, and ``window.modaStage``.

    May stand in a plain ``<script>``, and does nothing when it is run a second time.
    """
    parts = []
    for name in MODULES:
        text = (FOLDER / "js" / f"{name}.js").read_text(encoding="utf-8")
        parts.append(_EXPORT.sub("", _IMPORT.sub("", text)))
    shaders = {path.name: path.read_text(encoding="utf-8") for path in sorted((FOLDER / "shaders").iterdir())}
    parts.append(f"useShaders({json.dumps(shaders)});")
    parts.append("window.modaStage = { readRig, Painter, Puppet, readMotion, applyEdits, StageElement, LanesElement };")
    body = "\n".join(parts).replace("</script", "<\\/script")
    return f"if (!window.modaStage) (() => {{\n'use strict';\n{body}\n}})();\n"
