"""A folder of videos made into a corpus: every video once, in one process or several, resumable."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moda.corpus.footage.assemble import FACTS, REPORT, Source, assemble
from moda.corpus.footage.clip import Recipe, work_on
from moda.corpus.footage.labels import Labels
from moda.corpus.footage.limits import Limits
from moda.errors import BadSetting, BadVideo, OutputFailed
from moda.evaluate.protocols.datasets import ClipFile, find_clips

if TYPE_CHECKING:
    from moda.renderer.liveportrait.motion_extractor import MotionExtractor

WORK = "work"
TRACKERS = ("auto", "liveportrait", "landmarks")
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class PrepareOptions:
    """limits: what is kept. tracker: one of `TRACKERS`. emotions: None, "folders" or the path of a table.

    held_out: share of the speakers that is not trained on. workers: processes. device: for LivePortrait's M.
    """

    limits: Limits = field(default_factory=Limits)
    tracker: str = "auto"
    emotions: str | None = None
    held_out: float = 0.1
    workers: int = 1
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.tracker not in TRACKERS:
            raise BadSetting(f"The tracker must be one of {', '.join(TRACKERS)}; {self.tracker!r} is not known.")
        if not 1 <= self.workers <= 256:
            raise BadSetting("The number of workers must be 1 to 256.")
        if not 0 <= self.held_out <= 0.9:
            raise BadSetting("The held-out share must be 0 to 0.9.")

    def recipe(self) -> Recipe:
        """How each video is read on this machine. Raises BadSetting for an impossible device."""
        from moda.models.registry import MOTION_EXTRACTOR, pick_device
        from moda.models.weights import find

        device = pick_device(self.device)
        tracker = self.tracker
        if tracker == "auto":
            tracker = "liveportrait" if find(MOTION_EXTRACTOR) is not None else "landmarks"
        return Recipe(self.limits, tracker, device)


@dataclass(frozen=True)
class Prepared:
    """What came of it. facts: dataset.json; faults: video -> why nothing of it could be used at all."""

    facts: dict[str, Any]
    faults: dict[str, str]

    @property
    def exit_code(self) -> int:
        """1 where any video could not be used at all, else 0."""
        return 1 if self.faults else 0


def prepare(
    videos: Path, output: Path, options: PrepareOptions | None = None, progress: Progress | None = None
) -> Prepared:
    """Make a corpus of the talking videos below a folder; what was read before is not read again.

    Raises BadVideo (no videos, or nothing in them is good enough; report.csv then says why), BadLabels, BadSetting,
    OutputFailed, WeightsMissing.
    """
    from moda.media.output import check_folder

    options = options or PrepareOptions()
    clips = find_clips(videos)
    labels = Labels.read(options.emotions, [clip.path for clip in clips])
    recipe = options.recipe()
    extractor = recipe.extractor()
    if output.is_dir() and not (output / FACTS).is_file() and any(output.glob("shard-*")):
        raise OutputFailed(f"{output} holds another corpus: choose another folder.")
    work = check_folder(check_folder(output) / WORK)
    found: dict[str, Path] = {}
    for number, (clip, path) in enumerate(read_all(videos, clips, recipe, work, options.workers, extractor), 1):
        found[clip.path] = path
        if progress is not None:
            progress("videos", number, len(clips))
    sources = []
    for number, clip in enumerate(clips):
        emotion, strength = labels.of(clip.path)
        sources.append(Source(number, clip.path, clip.speaker, emotion, strength, found[clip.path]))
    for number, name in enumerate(labels.unknown, len(sources)):
        reason = "the table of emotions names it, and it is not in the folder"
        sources.append(Source(number, name, "", "none", 1.0, None, reason))
    about = {"tracker": recipe.tracker, "limits": options.limits.as_dict(), "folder": videos.resolve().name}
    facts = assemble(sources, output, options.held_out, about)
    faults = {s.path: row["fault"] for s in sources for row in s.rows() if row.get("whole")}
    if not facts["items"]:
        raise BadVideo(f"Nothing in the {len(clips)} videos can be trained on: {output / REPORT} says why for each.")
    return Prepared(facts, faults)


def read_all(
    videos: Path,
    clips: Sequence[ClipFile],
    recipe: Recipe,
    work: Path,
    workers: int,
    extractor: MotionExtractor | None,
) -> Iterator[tuple[ClipFile, Path]]:
    """Every clip with its work file, as they are done."""
    if workers == 1:
        for clip in clips:
            yield clip, work_on(videos / clip.path, clip.path, recipe, work, extractor)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _begin, (recipe,)) as pool:
        waiting = {pool.submit(_work, videos / clip.path, clip.path, work): clip for clip in clips}
        try:
            for done in as_completed(waiting):
                yield waiting[done], done.result()
        except BrokenProcessPool:
            raise OutputFailed("A worker was ended from outside: the same command goes on from what is done.") from None
        finally:
            pool.shutdown(cancel_futures=True)


_MINE: dict[str, Any] = {}


def _begin(recipe: Recipe) -> None:
    import torch

    torch.set_num_threads(1)
    _MINE.update(recipe=recipe, extractor=recipe.extractor())


def _work(video: Path, name: str, work: Path) -> Path:
    return work_on(video, name, _MINE["recipe"], work, _MINE["extractor"])
