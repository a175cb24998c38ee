"""Published weight files: found in a folder, found in the Hugging Face hub's cache, or downloaded once.

Looked for in this order: the folder named by ``MODA_WEIGHTS`` (laid out like the repository), the hub's cache, the
hub. Downloads resume where they broke off, and a file that is only partly there is never taken for whole.
"""

from __future__ import annotations

import logging
import os
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

from moda.digests import file_digest
from moda.errors import BadWeights, WeightsMissing

log = logging.getLogger(__name__)

FOLDER_VARIABLE = "MODA_WEIGHTS"
REVISION_VARIABLE = "MODA_WEIGHTS_REVISION"
CONNECT_SECONDS = 5.0
SPARE_BYTES = 200_000_000
"""Disk space that must remain after a download."""


@dataclass(frozen=True)
class Repository:
    """A repository of the Hugging Face hub at one revision (a branch, tag or commit).

    commit  the revision that this version knows; None where it follows the repository's main branch.
    """

    name: str
    commit: str | None = None

    @property
    def revision(self) -> str:
        """The known commit; else ``MODA_WEIGHTS_REVISION`` if set, else main."""
        return self.commit or os.environ.get(REVISION_VARIABLE) or "main"

    @property
    def page(self) -> str:
        return f"https://huggingface.co/{self.name}"


@dataclass(frozen=True)
class WeightFile:
    """One file of a repository.

    repository  where it is published; None when it cannot be fetched from the hub.
    path      inside the repository, and below MODA_WEIGHTS.
    size      bytes of its tensors in float32; the file itself is slightly larger (half as large in float16).
    sha256    of the published file where it is known; then it is checked after a download.
    others    further places below MODA_WEIGHTS where the same tensors may lie.
    """

    repository: Repository | None
    path: str
    size: int = 0
    sha256: str | None = None
    others: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.path.rsplit("/", 1)[-1]

    def incomplete(self, path: Path) -> bool:
        """Whether the file at ``path`` is too short to be this one, whatever its precision."""
        return path.stat().st_size < self.size // 2


def weights_folder() -> Path | None:
    """The folder that the user named in MODA_WEIGHTS, if any."""
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named).expanduser() if named else None


def find(file: WeightFile) -> Path | None:
    """Where ``file`` is on this machine, or None. Asks nothing of the network."""
    folder = weights_folder()
    if folder is not None:
        for path in (folder / place for place in (file.path, *file.others)):
            if path.is_file():
                if not file.incomplete(path):
                    return path
                log.warning("%s has only %s bytes and is passed over as incomplete.", path, f"{path.stat().st_size:,}")
    return _in_cache(file)


def fetch(file: WeightFile) -> Path:
    """Where ``file`` is, downloading it if need be. Raises WeightsMissing or BadWeights in one sentence."""
    found = find(file)
    if found is not None:
        return found
    if file.repository is None:
        raise WeightsMissing(f"{file.name} is not on this machine; put it into {FOLDER_VARIABLE}/{file.path}.")
    _check_space(file)
    path = _download(file, file.repository)
    if file.incomplete(path):
        raise BadWeights(
            f"{file.name} as downloaded has only {path.stat().st_size:,} bytes, where about "
            f"{file.size:,} were expected; it is another file than the one this version knows."
        )
    if file.sha256 is not None and file_digest(path) != file.sha256:
        raise BadWeights(f"{path} is not the published {file.name}: its sha256 differs; delete it and try again.")
    return path


def _cache_folder() -> str | None:
    return os.environ.get("HF_HUB_CACHE") or None


def _in_cache(file: WeightFile) -> Path | None:
    repository = file.repository
    if repository is None:
        return None
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(repository.name, file.path, cache_dir=_cache_folder(), revision=repository.revision)
    if not isinstance(found, str):
        return None
    path = Path(found)
    return path if path.is_file() and not file.incomplete(path) else None


def _check_space(file: WeightFile) -> None:
    from huggingface_hub import constants

    folder = Path(_cache_folder() or constants.HF_HUB_CACHE)
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < file.size + SPARE_BYTES:
        raise WeightsMissing(
            f"{file.name} needs {_megabytes(file.size)} and only {_megabytes(free)} are free on the disk of {folder}; "
            "make room, or set HF_HOME to a folder on another disk."
        )


def _reachable(endpoint: str) -> bool:
    """Whether anything answers there; asked first because the hub's client retries for half a minute."""
    address = urlsplit(endpoint)
    if address.hostname is None or getproxies():
        return True  # a proxy knows better
    try:
        socket.create_connection(
            (address.hostname, address.port or (80 if address.scheme == "http" else 443)), timeout=CONNECT_SECONDS
        ).close()
    except OSError:
        return False
    return True


def _download(file: WeightFile, repository: Repository) -> Path:
    from huggingface_hub import constants, errors, hf_hub_download

    endpoint = os.environ.get("HF_ENDPOINT") or constants.ENDPOINT
    by_hand = f"put it into {FOLDER_VARIABLE}/{file.path} by hand, or use moda-lite and mesh, which need no download"
    unreachable = (
        f"{file.name} ({_megabytes(file.size)}) is not on this machine and {repository.page} cannot be reached; "
        f"{by_hand}."
    )
    if constants.HF_HUB_OFFLINE or not _reachable(endpoint):
        raise WeightsMissing(unreachable)
    try:
        path = hf_hub_download(
            repository.name,
            file.path,
            revision=repository.revision,
            cache_dir=_cache_folder(),
            endpoint=endpoint,
        )
    except errors.GatedRepoError as error:
        raise WeightsMissing(
            f"{repository.page} asks you to accept its terms first: do so there, then sign in with `hf auth login`."
        ) from error
    except errors.RevisionNotFoundError as error:
        raise WeightsMissing(
            f"{repository.page} has no revision {repository.revision}; correct or unset {REVISION_VARIABLE}."
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise WeightsMissing(
            f"{repository.page} does not exist or needs a login (`hf auth login`); {file.name}: {by_hand}."
        ) from error
    except errors.LocalEntryNotFoundError as error:
        raise WeightsMissing(unreachable) from error
    except errors.EntryNotFoundError as error:
        raise WeightsMissing(f"{repository.page} has no file {file.path}; {by_hand}.") from error
    except Exception as error:  # a broken connection has many types, in two HTTP libraries
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise WeightsMissing(
            f"{file.name} could not be downloaded from {repository.page} ({reason}); try again to resume, or {by_hand}."
        ) from error
    return Path(path)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"
