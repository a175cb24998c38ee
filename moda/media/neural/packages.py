"""Files that come inside installed packages: found without importing the package, and checked before they are used."""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path

from moda.digests import file_digest


class VoiceMissing(Exception):
    """A neural voice cannot be used; the text says why, in one clause."""


@functools.cache
def packaged(package: str, name: str, sha256: str) -> Path:
    """The file `name` of an installed package. Raises VoiceMissing where it is absent or not the known one."""
    spec = importlib.util.find_spec(package)  # finds a top-level package without running its code
    places = list(spec.submodule_search_locations or ()) if spec else []
    path = next((Path(place) / name for place in places if (Path(place) / name).is_file()), None)
    if path is None:
        raise VoiceMissing(f"the package {package.replace('_', '-')} is not installed")
    if file_digest(path) != sha256:
        raise VoiceMissing(f"a file of the package {package.replace('_', '-')} is not the one this was made for")
    return path


def installed(package: str) -> bool:
    """Whether a package, and what runs its model, is there; its files are not checked yet."""
    return all(importlib.util.find_spec(name) is not None for name in (package, "onnxruntime"))
