"""One row of a job file to one clip: `NAME.npz` (the take), `NAME.mp4` (or another video), its record `NAME.json`."""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from moda import __version__
from moda.batch.jobs import Job
from moda.digests import array_digest, weights_digest
from moda.errors import BadSetting, Cancelled, UserError
from moda.media.formats import ENDINGS
from moda.media.output import write_bytes

if TYPE_CHECKING:
    from moda.media.audio import Speech
    from moda.pipeline import TalkingHead
    from moda.portrait.portrait import Portrait

KIND = "moda-clip"
MADE = (*(ending for ending in ENDINGS if ending != ".png"), ".npz", ".json")
"""Endings of what is made for a row."""
KEPT_PORTRAITS = 4


class Task(NamedTuple):
    """A row that is to be done."""

    job: Job
    name: str
    """Of its clip, without ending."""
    content: str
    """Hash of everything that the clip depends on."""


@dataclass(frozen=True)
class Outcome:
    """What became of a row."""

    number: int
    shown: str
    """The row as a person would name it."""
    status: str
    """done, skipped (was finished before), duplicate (of an earlier row), failed."""
    output: str = ""
    content: str = ""
    motion_sha256: str = ""
    frames: int = 0
    seconds: float = 0.0
    hints: str = ""
    error: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Recipe:
    """How a worker makes its TalkingHead, on any machine. threads: for torch, 0 = as many as it likes."""

    model: str = "auto"
    renderer: str = "auto"
    device: str = "auto"
    threads: int = 0

    def load(self) -> TalkingHead:
        """Load the model and renderer. Raises WeightsMissing, BadSetting."""
        import torch

        from moda.pipeline import TalkingHead

        if self.threads:
            torch.set_num_threads(self.threads)
        return TalkingHead.load(self.model, self.renderer, self.device)


class Worker:
    """A TalkingHead that does one row after the other and stays warm in between."""

    def __init__(self, head: TalkingHead) -> None:
        self.head = head
        self._portraits: OrderedDict[tuple[Any, ...], Portrait | UserError] = OrderedDict()

    def maker(self) -> dict[str, str]:
        """What makes the clips: part of their content hash, so that another model makes them anew."""
        return {
            "model": self.head.model.name if self.head.model else "",
            "weights": weights_digest(self.head.model.network) if self.head.model else "",
            "renderer": self.head.renderer.name,
            "version": __version__,
        }

    def do(self, task: Task, folder: Path) -> Outcome:
        """Make one clip; whatever goes wrong is the row's outcome, not an exception. Cancelled passes through."""
        started = time.perf_counter()
        job = task.job
        try:
            motion, frames, hints = self._make(task, folder)
        except Cancelled:
            raise
        except UserError as fault:
            return self._failed(task, str(fault), started)
        except Exception as fault:  # a row that hits a bug must not cost the other rows
            return self._failed(task, f"Unexpected {type(fault).__name__}: {str(fault)[:200]}", started)
        seconds = time.perf_counter() - started
        video = f"{task.name}{job.ending}"
        return Outcome(job.number, job.shown, "done", video, task.content, motion, frames, seconds, hints)

    @staticmethod
    def _failed(task: Task, error: str, started: float) -> Outcome:
        seconds = time.perf_counter() - started
        return Outcome(
            task.job.number, task.job.shown, "failed", content=task.content, seconds=seconds,
            error=" ".join(error.split()),
        )  # fmt: skip

    def _make(self, task: Task, folder: Path) -> tuple[str, int, str]:
        job, target = task.job, folder / task.name
        for source in (job.portrait, job.speech):
            if source is not None and source.resolve().with_suffix("") == target.resolve() and source.suffix in MADE:
                raise BadSetting(f"The clip would overwrite {source.name!r}, from which it is made: name the row anew.")
        portrait = self._portrait(job)
        speech = self._speech(job)
        take = self.head.plan(portrait, speech, job.settings)
        record_path(folder, task.name).unlink(missing_ok=True)  # from here on the old clip is no longer whole
        take.save(target.with_name(f"{task.name}.npz"))
        video = target.with_name(f"{task.name}{job.ending}")
        result = self.head.render(portrait, take, speech, video)
        digest = array_digest(take.motion.array)
        record = {
            "kind": KIND, "content": task.content, "video": video.name, "video_bytes": video.stat().st_size,
            "take": f"{task.name}.npz", "frames": result.frames, "fps": result.fps, "motion_sha256": digest,
            "portrait": portrait.digest, "speech": speech.digest, "settings": job.settings.as_dict(),
            "notes": list(take.notes), "hints": portrait.hints,
        }  # fmt: skip
        write_bytes(record_path(folder, task.name), (json.dumps(record, indent=1) + "\n").encode("utf-8"))
        return digest, result.frames, " ".join(portrait.hints)

    def _portrait(self, job: Job) -> Portrait:
        """A portrait, or the fault it had before: thousands of rows may share a picture."""
        about = job.portrait.stat()
        key = (str(job.portrait), about.st_size, about.st_mtime_ns, job.face)
        if key not in self._portraits:
            try:
                found: Portrait | UserError = self.head.portrait(job.portrait, face=job.face)
            except UserError as fault:
                found = fault
            self._portraits[key] = found
            while len(self._portraits) > KEPT_PORTRAITS:
                self._portraits.popitem(last=False)
        self._portraits.move_to_end(key)
        kept = self._portraits[key]
        if isinstance(kept, UserError):
            raise kept
        return kept

    def _speech(self, job: Job) -> Speech:
        if job.speech is not None:
            return self.head.speech(job.speech)
        from moda.script import parse_script, speak_script

        # An online voice only where it is named: else a run without the internet would end with other files.
        offline = None if "Neural" in job.voice else True
        return speak_script(parse_script(job.text), job.voice, job.rate, job.pitch, offline)


def record_path(folder: Path, name: str) -> Path:
    """Where the record of a finished clip is."""
    return folder / f"{name}.json"


def finished(folder: Path, name: str, content: str) -> Mapping[str, Any] | None:
    """The record of a clip that is whole and has this content, else None."""
    try:
        record = json.loads(record_path(folder, name).read_text(encoding="utf-8"))
        whole = (
            record["kind"] == KIND
            and record["content"] == content
            and (folder / record["video"]).stat().st_size == record["video_bytes"]
            and (folder / record["take"]).is_file()
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return record if whole else None
