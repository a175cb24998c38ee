"""A take: one sampled motion with its settings and seed, and its file."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from moda.errors import BadMotionFile, BadSetting
from moda.motion.editing import apply_edits
from moda.motion.edits import Edit, EditRules, read_edits
from moda.motion.files import load_motion, save_motion
from moda.motion.space import Motion
from moda.motion.trims import trim
from moda.settings import Settings


@dataclass(frozen=True)
class Take:
    """One sampled motion.

    sampled   the motion as the generator gave it.
    motion    `sampled` with the trims of `settings`, then `edits`: what is previewed and rendered, to the bit.
    settings  everything that decided it, seed included.
    model     the generator's name.
    timings   seconds by stage of planning.
    notes     sentences for the person, e.g. how the emotion was understood.
    speech, portrait   digests of what it was planned for; empty when unknown.
    contour   how loud that speech is (:mod:`moda.media.loudness`): known again after it was encoded anew.
    edits     local changes, in the order in which they are applied; `rules` says how.
    """

    sampled: Motion
    motion: Motion
    settings: Settings
    model: str
    timings: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    speech: str = ""
    portrait: str = ""
    contour: str = ""
    edits: tuple[Edit, ...] = ()
    rules: EditRules = field(default_factory=EditRules)

    def trimmed(self, settings: Settings) -> Take:
        """The same sample with other trims; edits stay. Raises BadSetting when a sampling control differs."""
        if settings.sampling_part() != self.settings.sampling_part():
            raise BadSetting("These settings change the sampling itself; plan a new take.")
        motion = apply_edits(trim(self.sampled, settings), self.edits, self.rules)
        return replace(self, motion=motion, settings=settings)

    def edited(self, edits: Iterable[Edit], *, limits: bool | None = None, lock_lips: bool | None = None) -> Take:
        """The same sample and trims with these edits instead of those it had; `edited([])` takes all of them off.

        limits: keep what is added within people's speed and range (on unless it was switched off). lock_lips: edits
        of the mouth have no effect, so that speech stays true. None keeps what the take has.
        Raises BadSetting for an edit outside of the take.
        """
        chosen = {"limits": limits, "lock_lips": lock_lips}
        rules = replace(self.rules, **{name: value for name, value in chosen.items() if value is not None})
        listed = read_edits(list(edits))[0]
        motion = apply_edits(trim(self.sampled, self.settings), listed, rules)
        return replace(self, motion=motion, edits=listed, rules=rules)

    def edited_from(self, path: str | os.PathLike[str]) -> Take:
        """`edited` with a JSON file of edits (:func:`moda.motion.edits.read_edits`). Raises BadSetting."""
        edits, rules = read_edits(Path(path))
        return self.edited(edits, limits=rules.limits, lock_lips=rules.lock_lips)

    def notes_for(self, portrait: str) -> tuple[str, ...]:
        """What is to be said when it moves the portrait of this digest: nothing, or that it was made for another."""
        if not self.portrait or self.portrait == portrait:
            return ()
        return ("The take was made for another portrait: this one makes its movements, beginning from its own pose.",)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Writes a motion file (`.npz`) that also restores the settings. Raises OutputFailed."""
        meta: dict[str, Any] = {
            **self.motion.meta,
            "settings": self.settings.as_dict(),
            "model": self.model,
            "speech": self.speech,
            "portrait": self.portrait,
            "contour": self.contour,
            "notes": list(self.notes),
            "edits": {**asdict(self.rules), "edits": [edit.as_dict() for edit in self.edits]},
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
        kept = meta.get("edits", {})
        try:
            edits, rules = read_edits(kept if isinstance(kept, (dict, list)) else {})
        except BadSetting as error:
            raise BadMotionFile(f"{Path(path).name} holds an edit that this version does not know: {error}") from error
        notes = meta.get("notes", [])
        return cls(
            sampled=sampled,
            motion=motion,
            settings=settings,
            model=str(meta.get("model", motion.origin)),
            notes=tuple(str(note) for note in notes) if isinstance(notes, list) else (),
            speech=str(meta.get("speech", "")),
            portrait=str(meta.get("portrait", "")),
            contour=str(meta.get("contour", "")),
            edits=edits,
            rules=rules,
        )
