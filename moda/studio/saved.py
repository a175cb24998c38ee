"""Settings and takes that were saved from the page and are dropped back onto it."""

from __future__ import annotations

import json
from pathlib import Path

from moda.errors import BadMotionFile
from moda.motion.takes import Take
from moda.settings import POSE_PRIORS, Settings

MAX_SETTINGS_BYTES = 1 << 16


def public(settings: Settings) -> Settings:
    """Settings without the server's own file names: a pose from a file must be given again."""
    return settings if settings.pose_prior in POSE_PRIORS else settings.changed(pose_prior="none")


def read_settings_or_take(path: str) -> tuple[Settings, Take | None]:
    """A file dropped back onto the page: a take (.npz) or saved settings (.json). Raises BadMotionFile, BadSetting."""
    file = Path(path)
    if file.suffix.lower() != ".json":
        take = Take.load(file)
        return public(take.settings), take
    try:
        if file.stat().st_size > MAX_SETTINGS_BYTES:
            raise ValueError("too large")
        values = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(values, dict):
            raise ValueError("no settings")
    except (OSError, ValueError, RecursionError) as error:
        raise BadMotionFile("This is not a settings file; drop a .json or .npz saved by MoDA Studio.") from error
    return public(Settings.from_mapping(values)), None
