"""A take: one sampled motion with its settings and seed, and its file."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from moda.errors import BadMotionFile, BadSetting
from moda.motion.files import load_motion, save_motion
from moda.motion.space import Motion
from moda.motion.trims import trim
from moda.settings import Settings


@dataclass(frozen=True)
class Take:
    """One sampled motion.

    sampled   the motion as the generator gave it.
    motion    `sampled` with the trims of `settings`: what is previewed and rendered, to the bit.
    settings  everything that decided it, seed included.
    model     the generator's name.
    timings   seconds by stage of planning.
    notes     sentences for the person, e.g. how the emotion was understood.
    speech, portrait   digests of what it was planned for; empty when unknown.
    """

    sampled: Motion
    motion: Motion
    settings: Settings
    model: str
    timings: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    speech: str = ""
    portrait: str = ""

    def trimmed(self, settings: Settings) -> Take:
        """The same sample with other trims; raises BadSetting when a sampling control differs."""
        if settings.sampling_part() != self.settings.sampling_part():
            raise BadSetting("These settings change the sampling itself; plan a new take.")
        return replace(self, motion=trim(self.sampled, settings), settings=settings)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Writes a motion file (`.npz`) that also restores the settings. Raises OutputFailed."""
        meta: dict[str, Any] = {
            **self.motion.meta,
            "settings": self.settings.as_dict(),
            "model": self.model,
            "speech": self.speech,
            "portrait": self.portrait,
            "notes": list(self.notes),
        }
        return save_motion(replace(self.motion, meta=meta), path, sampled=self.sampled)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Take:
        """Reads a take, or any motion file as a take with default settings. Raises BadMotionFile."""
        motion = load_motion(path)
        sampled = load_motion(path, member="sampled")
        meta = motion.meta
        values = meta.get("settings", {})
        try:
            settings = Settings.from_mapping(values if isinstance(values, dict) else {})
        except BadSetting as error:
            raise BadMotionFile(
                f"{Path(path).name} holds a setting that this version does not know: {error}"
            ) from error
        notes = meta.get("notes", [])
        return cls(
            sampled=sampled,
            motion=motion,
            settings=settings,
            model=str(meta.get("model", motion.origin)),
            notes=tuple(str(note) for note in notes) if isinstance(notes, list) else (),
            speech=str(meta.get("speech", "")),
            portrait=str(meta.get("portrait", "")),
        )
