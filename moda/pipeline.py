"""The whole way, in the only place that knows it: portrait and speech -> take -> preview -> video."""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moda import policy
from moda.errors import BadMotionFile, BadSetting, BadSpeech, Cancelled, OutOfMemory, OutputFailed
from moda.media.loudness import contour, is_the_same
from moda.motion.space import FPS
from moda.motion.takes import Take
from moda.motion.trims import trim
from moda.precision import AUTO
from moda.result import RenderResult
from moda.settings import CONTROLS, MAX_SEED, POSE_PRIORS, Limits, Settings

if TYPE_CHECKING:
    import numpy as np
    from plotly.graph_objects import Figure

    from moda.live.session import LiveSession
    from moda.media.audio import Speech
    from moda.media.captions import Caption
    from moda.models.motion_model import MotionModel
    from moda.motion.space import Motion
    from moda.portrait.face import Face
    from moda.portrait.portrait import Portrait
    from moda.renderer.base import Renderer

Progress = Callable[[str, int, int], None]
Cancel = Callable[[], bool]
KEPT_PORTRAITS = 4
PERFORMANCE = "performance"
"""What a take of a filmed face has in place of a model's name."""
NO_MEMORY = "There is too little free memory for this; use shorter speech, a smaller size, or device cpu."


@dataclass
class TalkingHead:
    """A motion model and a renderer, ready for any number of portraits and speeches.

    Holds no state of any request but a few prepared portraits: one object may serve many sessions.
    """

    model: MotionModel | None
    renderer: Renderer
    device: str = "cpu"
    limits: Limits = field(default_factory=Limits.from_environment)
    _prepared: OrderedDict[tuple[str, str, bool, str], Future[Any]] = field(default_factory=OrderedDict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @classmethod
    def load(
        cls, model: str | None = "auto", renderer: str = "auto", device: str = "auto", precision: str = AUTO
    ) -> TalkingHead:
        """Loads by name; "auto" takes the best that is present, model None only renders takes.

        precision: float32, float16 or bfloat16 for the networks that sample and draw; auto samples in float32 and
        draws as suits the device.

        Raises WeightsMissing when published weights are asked for by name and cannot be had, BadSetting for an
        unknown name.
        """
        from moda.models import load_model, load_renderer, pick_device

        chosen = pick_device(device)
        sampler = None if model is None else load_model(model, chosen, precision)
        return cls(sampler, load_renderer(renderer, chosen, precision), chosen)

    def portrait(self, source: Any, face: int | None = None, point: tuple[float, float] | None = None) -> Portrait:
        """Reads a picture (path, PIL image or array) and everything about the face in it.

        Raises BadPicture, NoFaceFound or FaceNotUsable. `face` picks by size, 0 the largest; `point` by pixel.
        """
        from moda.portrait.portrait import open_portrait

        return open_portrait(source, face_index=face, point=point, max_megapixels=self.limits.max_portrait_pixels / 1e6)

    def faces(self, portrait: Portrait) -> list[Face]:
        """Every face in the portrait's picture, largest first."""
        from moda.portrait.faces import find_faces

        return find_faces(portrait.image)

    def speech(self, source: Any) -> Speech:
        """Reads any sound or video file (path or (rate, samples)) as speech. Raises BadSpeech."""
        from moda.media.audio import Speech, load_speech

        if isinstance(source, Speech):
            return source
        return load_speech(source, max_seconds=self.limits.max_speech_seconds, max_bytes=self.limits.max_speech_bytes)

    def plan(
        self,
        portrait: Portrait,
        speech: Any,
        settings: Settings | None = None,
        *,
        progress: Progress | None = None,
        cancel: Cancel | None = None,
    ) -> Take:
        """Samples one take. Raises BadSetting, BadText, BadVideo (pose prior), Refused, OutOfMemory, Cancelled."""
        return self.plan_takes(portrait, speech, settings, 1, progress=progress, cancel=cancel)[0]

    def plan_takes(
        self,
        portrait: Portrait,
        speech: Any,
        settings: Settings | None = None,
        count: int = 1,
        *,
        progress: Progress | None = None,
        cancel: Cancel | None = None,
    ) -> list[Take]:
        """Samples `count` takes with seeds seed, seed + 1, ...; each equals the take of that seed alone.

        Cues in the script of the speech become the first edits of each take, and its emotion where the settings name
        none.
        """
        from moda import planning
        from moda.script import direction_of

        chosen = settings or Settings()
        if self.model is None:
            raise BadSetting("No motion model is loaded: this one only renders takes.")
        if not 1 <= count <= self.limits.max_takes:
            raise BadSetting(f"Ask for 1 to {self.limits.max_takes} takes, not {count}.")
        timings: dict[str, float] = {}
        with _timed(timings, "speech"):
            sound = self.speech(speech)
            policy.ask("plan", portrait.image, sound.waveform, chosen, face=portrait.face.box, model=self.model.name)
            features = self.model.features(sound, chosen.preset)
        cues = direction_of(sound)
        if cues.emotion and not chosen.emotion.strip():
            chosen = chosen.changed(emotion=cues.emotion)
        with _timed(timings, "conditions"):
            start = self.model.start(portrait)
        takes = []
        for k in range(count):
            own = chosen.changed(seed=(chosen.seed + k) % (MAX_SEED + 1))
            spent = dict(timings)
            with _timed(spent, "conditions"):
                pose = self._pose(own, sound, portrait, cancel)
            with _timed(spent, "motion"):
                step = None if progress is None else _part(progress, "motion", k, count)
                motion, notes = planning.sample(self.model, sound, start, features, own, pose, step, cancel)
            trimmed = trim(motion, own)
            heard = (sound.digest, portrait.digest, contour(sound.waveform))
            take = Take(motion, trimmed, own, self.model.name, spent, (*notes, *cues.notes), *heard)
            takes.append(take.edited(cues.edits) if cues.edits else take)
        return takes

    def perform(
        self,
        portrait: Portrait,
        video: str | os.PathLike[str],
        settings: Settings | None = None,
        *,
        speech: Any = None,
        progress: Progress | None = None,
        cancel: Cancel | None = None,
    ) -> Take:
        """The motion of a filmed face as a take for this portrait: all of it, or, with `speech`, head, eyes and brows
        of the film and lips of the speech (which needs a motion model).

        Raises BadVideo: no face, or cuts. BadSpeech, BadSetting, Refused, OutOfMemory, Cancelled.
        """
        from moda.performance.perform import film_motion, fitted_length, with_lips_of

        chosen = settings or Settings()
        timings: dict[str, float] = {}

        def watch(frame: int) -> None:
            if cancel is not None and cancel():
                raise Cancelled("Stopped while following the face.")
            if progress is not None:
                progress("film", frame, 0)

        sound = self._sound_of(video) if speech is None else self.speech(speech)
        facts: dict[str, Any] = {"face": portrait.face.box, "model": PERFORMANCE, "renderer": self.renderer.name}
        policy.ask("plan", portrait.image, None if sound is None else sound.waveform, chosen, **facts)
        with _timed(timings, "film"):
            motion, notes = film_motion(portrait, Path(video), watch)
        if sound is not None:
            motion = fitted_length(motion, sound.frames())
        if speech is not None:
            assert sound is not None
            planned = self.plan(portrait, sound, chosen, progress=progress, cancel=cancel)
            motion, notes = with_lips_of(motion, planned.sampled), (*notes, *planned.notes)
            timings |= planned.timings
        digest = "" if sound is None else sound.digest
        return Take(motion, trim(motion, chosen), chosen, PERFORMANCE, timings, notes, digest, portrait.digest)

    def _sound_of(self, video: str | os.PathLike[str]) -> Speech | None:
        """What is heard in a film, or None for a silent one."""
        try:
            return self.speech(video)
        except BadSpeech:
            return None

    def _pose(self, settings: Settings, speech: Speech, portrait: Portrait, cancel: Cancel | None) -> Any:
        """The pose prior of these settings, (T, 7) offsets or None; named ones vary with the seed."""
        if settings.pose_prior == "none" or settings.pose_strength == 0:
            return None
        import numpy as np

        from moda.conditions.pose import pose_prior

        def watch(frame: int) -> None:
            if cancel is not None and cancel():
                raise Cancelled("Stopped while reading the pose video.")

        prior: str | Path = settings.pose_prior
        if prior not in POSE_PRIORS:
            prior = Path(prior)
        rng = np.random.default_rng(settings.seed)
        return pose_prior(prior, speech.frames(), FPS, portrait.pose, rng, on_frame=watch)

    def live(self, portrait: Portrait, settings: Settings | None = None) -> LiveSession:
        """A live session: speech in pieces in, motion in pieces out (:mod:`moda.live.session`).

        Raises BadSetting for a model or settings that need the whole speech, Refused.
        """
        from moda.live.session import LiveSession

        chosen = settings or Settings()
        if self.model is None:
            raise BadSetting("No motion model is loaded: this one only renders takes.")
        policy.ask("plan", portrait.image, None, chosen, face=portrait.face.box, model=self.model.name)
        return LiveSession(self.model, self.model.start(portrait), chosen)

    def idle(self, portrait: Portrait, settings: Settings | None = None, seconds: float = 10.0) -> Take:
        """Listening that loops without a seam: its last frame leads to its first. Raises BadSetting, Refused."""
        from moda.live.idle import idle_loop

        chosen = settings or Settings()
        if self.model is None:
            raise BadSetting("No motion model is loaded: this one only renders takes.")
        policy.ask("plan", portrait.image, None, chosen, face=portrait.face.box, model=self.model.name)
        motion = idle_loop(self.model.start(portrait), seconds, chosen)
        return Take(motion, trim(motion, chosen), chosen, self.model.name, portrait=portrait.digest)

    def preview(self, take: Take, *others: Take, speech: Speech | None = None) -> Figure:
        """The trajectories of one or more takes as an interactive figure."""
        from moda.preview.trajectories import figure

        takes = (take, *others)
        return figure([t.motion for t in takes], speech, [f"seed {t.settings.seed}" for t in takes])

    def preview_clip(
        self,
        take: Take,
        path: str | os.PathLike[str],
        portrait: Portrait,
        speech: Speech | None = None,
        *,
        progress: Progress | None = None,
        cancel: Cancel | None = None,
    ) -> Path:
        """A small quick clip of the take with the mesh renderer, whatever the renderer of the video will be."""
        from moda.media.provenance import made_by
        from moda.preview.clip import quick_clip

        facts: dict[str, Any] = {"face": portrait.face.box, "model": take.model, "renderer": "mesh"}
        policy.ask("render", portrait.image, None if speech is None else speech.waveform, take.settings, **facts)
        mesh = self._mesh()
        report = None if progress is None else lambda done, total: progress("quick clip", done, total)
        return quick_clip(
            mesh, self._prepare(mesh, portrait, take.settings.background_still), take.motion, speech, path,
            metadata=made_by(take.model, "mesh", take.settings), on_frame=report, cancel=cancel,
        )  # fmt: skip

    def _check_height(self, pixels: int) -> None:
        if pixels > self.limits.max_size:
            raise BadSetting(f"Videos here are at most {self.limits.max_size} pixels high, not {pixels}.")

    def _prepare(self, renderer: Renderer, portrait: Portrait, background_still: bool, paste: str = "soft") -> Any:
        """What the renderer learns of a portrait once; the last few are kept, so that previews follow a slider."""
        if paste != "soft" and renderer.name != "liveportrait":
            raise BadSetting("paste face is liveportrait's; mesh draws the person itself: leave paste out.")
        key = (renderer.name, portrait.digest, background_still, paste)
        with self._lock:
            known = self._prepared.get(key)
            if known is not None:
                self._prepared.move_to_end(key)
            else:
                mine = self._prepared[key] = Future()
                while len(self._prepared) > KEPT_PORTRAITS:
                    self._prepared.popitem(last=False)
        if known is not None:
            return known.result()  # perhaps another thread is at it
        options = {"paste": paste} if renderer.name == "liveportrait" else {}
        try:
            mine.set_result(renderer.prepare(portrait, background_still=background_still, **options))
        except BaseException as fault:
            with self._lock:
                self._prepared.pop(key, None)
            mine.set_exception(fault)
        return mine.result()

    def prepare_ahead(self, portrait: Portrait, background_still: bool = True) -> None:
        """Begin to learn what drawing with mesh needs of a portrait, in a thread of its own, while a motion is planned.

        `render` waits for it; what fails here is told there.
        """
        if self.renderer.name != "mesh":
            return

        def prepare() -> None:
            with suppress(Exception):
                self._prepare(self.renderer, portrait, background_still)

        threading.Thread(target=prepare, name="prepare portrait").start()

    def rig(self, portrait: Portrait, background_still: bool = True) -> bytes:
        """The rig bundle of a portrait for the browser's stage (docs/rig.md), whatever the renderer of the video."""
        from moda.stage.bundle import rig_bytes

        return rig_bytes(self._prepare(self._mesh(), portrait, background_still))

    def export(self, portrait: Portrait, take: Take, speech: Any, output: str | os.PathLike[str]) -> Path:
        """A take as a web page that plays by itself (.html), a rigged face (.glb) or ARKit curves (.csv).

        Raises BadSetting for another ending, BadMotionFile for a take of another speech, Refused, OutputFailed.
        """
        from moda.exports.export import check_ending, export
        from moda.media.output import check_output

        target = Path(output)
        check_output(target, check_ending(target))
        sound = None if speech is None else self.speech(speech)
        if sound is not None and abs(len(take.motion) - sound.frames(take.motion.fps)) > 1:
            raise BadMotionFile(
                f"The take lasts {take.motion.seconds:.1f} s and the speech {sound.seconds:.1f} s; "
                "use the speech that the take was planned for, or plan a new take."
            )
        facts: dict[str, Any] = {"face": portrait.face.box, "model": take.model, "renderer": "mesh"}
        policy.ask("render", portrait.image, None if sound is None else sound.waveform, take.settings, **facts)
        return export(self._prepare(self._mesh(), portrait, take.settings.background_still), take, sound, target)

    def _mesh(self) -> Renderer:
        """The renderer of everything quick: the mesh one, whatever this object renders videos with."""
        from moda.models import load_renderer

        return self.renderer if self.renderer.name == "mesh" else load_renderer("mesh", "cpu")

    def write_preview(
        self, take: Take, portrait: Portrait, speech: Speech, folder: Path, *, progress: Progress | None = None
    ) -> dict[str, Path]:
        """Everything of a preview into a folder: take, trajectories and quick clip."""
        from moda.preview.trajectories import write_csv, write_html, write_png

        paths = {
            "take": folder / "take.npz",
            "html": folder / "trajectories.html",
            "png": folder / "trajectories.png",
            "csv": folder / "trajectories.csv",
            "clip": folder / "quick.mp4",
        }
        take.save(paths["take"])
        names = [f"seed {take.settings.seed}"]
        write_html(paths["html"], [take.motion], speech, names)
        write_png(paths["png"], [take.motion], speech, names)
        write_csv(paths["csv"], take.motion)
        self.preview_clip(take, paths["clip"], portrait, speech, progress=progress)
        return paths

    def render(
        self,
        portrait: Portrait,
        take: Take,
        speech: Any,
        output: str | os.PathLike[str],
        *,
        progress: Progress | None = None,
        cancel: Cancel | None = None,
    ) -> RenderResult:
        """Renders a take, frame by frame into the encoder; the motion is taken as it is, never sampled again.

        The ending of `output` decides the format: .mp4, .webm, .mov, .gif, .webp, or a folder for PNG pictures.
        Raises BadMotionFile when the take was planned for another speech, BadSetting for a size beyond the limit or a
        format that cannot be transparent, Refused, OutputFailed, OutOfMemory, Cancelled. On any failure no file is
        left.
        """
        from moda.finishing import captions_for
        from moda.media.captions import srt
        from moda.media.output import check_video, open_writer, write_captions
        from moda.media.provenance import made_by

        settings = take.settings
        motion = _at_video_rate(take.motion)
        timings = dict(take.timings)
        sound = None if speech is None else self.speech(speech)
        if sound is not None and abs(len(motion) - sound.frames(motion.fps)) > 1:
            raise BadMotionFile(
                f"The take lasts {motion.seconds:.1f} s and the speech {sound.seconds:.1f} s; "
                "use the speech that the take was planned for, or plan a new take."
            )
        other = sound is not None and take.contour and sound.digest != take.speech
        if sound is not None and other and not is_the_same(contour(sound.waveform), take.contour):
            raise BadMotionFile(
                "The take was planned for another speech of the same length: its lips would not fit; use the "
                "speech it was planned for, or plan a new take."
            )
        facts: dict[str, Any] = {"face": portrait.face.box, "model": take.model, "renderer": self.renderer.name}
        policy.ask("render", portrait.image, None if sound is None else sound.waveform, settings, **facts)
        target = check_video(Path(output), settings.alpha)
        notes = list(take.notes_for(portrait.digest))
        captions = captions_for(sound, settings, notes)
        burnt = captions if settings.burn_captions else []
        frames = self._frames(portrait, take, motion, timings, burnt, notes, cancel)
        made = made_by(take.model, self.renderer.name, settings, "" if sound is None else sound.voice)
        with _timed(timings, "video"):
            writer = None
            try:
                for index, frame in enumerate(frames):
                    if writer is None:
                        writer = open_writer(
                            Path(output), motion.fps, (frame.shape[1], frame.shape[0]), sound, made, frames=len(motion),
                            alpha=settings.alpha, captions=srt(captions) if settings.captions else "",
                            gpu=self.device.startswith("cuda"),
                        )  # fmt: skip
                    writer.write(frame)
                    if progress is not None:
                        progress("video", index + 1, len(motion))
                if writer is None:
                    raise OutputFailed("The take has no frames; plan it again.")
                written = writer.close()
            except BaseException:
                if writer is not None:
                    writer.abort()
                raise
        if sound is not None and not target.format.sound:
            notes.append(f"There is no sound in {target.format.name}: the speech is left out.")
        files = write_captions(Path(output), captions) if captions and settings.captions else ()
        return RenderResult(
            written, len(motion), motion.fps, timings, settings.seed, take.model, self.renderer.name, self.device,
            tuple(portrait.hints), files, tuple(notes),
        )  # fmt: skip

    def frames(self, portrait: Portrait, take: Take, *, cancel: Cancel | None = None) -> Iterator[np.ndarray]:
        """The pixels that `render` encodes, one frame at a time: (H, W, 3) uint8 RGB, with `Settings.alpha` (H, W, 4).

        Captions are left out, as they need the speech. Raises BadSetting, Refused, OutOfMemory, Cancelled.
        """
        facts: dict[str, Any] = {"face": portrait.face.box, "model": take.model, "renderer": self.renderer.name}
        policy.ask("render", portrait.image, None, take.settings, **facts)
        yield from self._frames(portrait, take, _at_video_rate(take.motion), {}, [], [], cancel)

    def _frames(
        self, portrait: Portrait, take: Take, motion: Motion, timings: dict[str, float], captions: list[Caption],
        notes: list[str], cancel: Cancel | None,
    ) -> Iterator[np.ndarray]:  # fmt: skip
        """Finished frames; everything that can be refused is, and the portrait prepared, before the first one."""
        from moda.finishing import finished, no_higher, open_background

        settings = take.settings
        whole = settings.frame == "whole"
        own_size = whole and settings.size == CONTROLS["size"].default  # no size was asked for
        if not own_size:
            self._check_height(settings.size)
        backdrop = open_background(settings, self.limits.max_portrait_pixels / 1e6)
        with _timed(timings, "portrait"):
            prepared = self._prepare(self.renderer, portrait, settings.background_still, settings.paste)
        drawn = self.renderer.frames(
            prepared, motion, size=settings.size, whole=whole, cancel=cancel,
            alpha=settings.alpha or backdrop is not None,
        )  # fmt: skip
        if whole:
            drawn = no_higher(drawn, self.limits.max_size if own_size else settings.size)
        return finished(drawn, settings, motion.fps, backdrop, captions, notes)


def _at_video_rate(motion: Motion) -> Motion:
    return motion if motion.fps == FPS else motion.resampled(FPS)


def _part(progress: Progress, stage: str, part: int, parts: int) -> Callable[[int, int], None]:
    """Progress of one of several equal parts, as progress of the whole."""
    return lambda done, total: progress(stage, part * total + done, parts * total)


@contextmanager
def _timed(timings: dict[str, float], stage: str) -> Iterator[None]:
    started = time.perf_counter()
    try:
        yield
    except Exception as fault:
        import torch

        if isinstance(fault, (MemoryError, torch.OutOfMemoryError)):
            raise OutOfMemory(NO_MEMORY) from None
        raise
    timings[stage] = timings.get(stage, 0.0) + time.perf_counter() - started
