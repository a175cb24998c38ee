"""What the page does, without the page: sessions, jobs that can be stopped, and calls into the pipeline.

One `Engine` serves all visitors. It keeps loaded models and nothing of any visitor; what a visitor has made lives in
that visitor's `Session`, in a folder of its own that goes when the session goes.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moda.errors import BadMotionFile, BadSetting
from moda.motion.takes import Take
from moda.pipeline import RenderResult, TalkingHead
from moda.settings import Limits, Settings

if TYPE_CHECKING:
    from moda.media.audio import Speech
    from moda.portrait.portrait import Portrait

Progress = Callable[[str, int, int], None]
Cancel = Callable[[], bool]


@dataclass
class Session:
    """What one visitor has made so far. Lives on the server, is never shared."""

    folder: Path | None = None
    picture: str | None = None
    portrait: Portrait | None = None
    speech: Speech | None = None
    speech_source: str | None = None
    takes: list[Take] = field(default_factory=list)
    chosen: int = 0
    made: int = 0

    @property
    def take(self) -> Take | None:
        return self.takes[self.chosen] if self.chosen < len(self.takes) else None

    def path(self, name: str) -> Path:
        """A new file name in the session's own folder; names never come from uploads."""
        if self.folder is None or not self.folder.is_dir():
            self.folder = Path(tempfile.mkdtemp(prefix="moda-studio-"))
        self.made += 1
        stem, dot, suffix = name.rpartition(".")
        return self.folder / f"{stem}-{self.made}{dot}{suffix}"

    def __deepcopy__(self, memo: dict[int, Any]) -> Session:
        # The page copies the initial value for every visitor; a copy must not share the folder.
        return Session()


def forget(session: Session) -> None:
    """Removes everything a session left on disk."""
    if session.folder is not None:
        shutil.rmtree(session.folder, ignore_errors=True)


class Jobs:
    """Running work by visitor, so that Stop and a closed page end it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[str, set[threading.Event]] = {}

    def begin(self, visitor: str) -> threading.Event:
        stop = threading.Event()
        with self._lock:
            self._running.setdefault(visitor, set()).add(stop)
        return stop

    def end(self, visitor: str, stop: threading.Event) -> None:
        with self._lock:
            events = self._running.get(visitor, set())
            events.discard(stop)
            if not events:
                self._running.pop(visitor, None)

    def stop(self, visitor: str) -> int:
        """Stops everything this visitor has running; returns how much that was."""
        with self._lock:
            events = list(self._running.get(visitor, ()))
        for event in events:
            event.set()
        return len(events)


class Engine:
    """Loaded models and renderers, and the steps of the page as plain calls."""

    def __init__(self, model: str = "auto", renderer: str = "auto", device: str = "auto") -> None:
        self.limits = Limits.from_environment()
        self.jobs = Jobs()
        self._default = (model, renderer)
        self._device = device
        self._lock = threading.Lock()
        self._heads: dict[tuple[str, str], TalkingHead] = {}

    def head(self, model: str | None = None, renderer: str | None = None) -> TalkingHead:
        """The talking head of these names, loaded once."""
        from moda.models import load_model, load_renderer, pick_device, resolve

        with self._lock:
            device = pick_device(self._device)
            names = (
                resolve(model or self._default[0], "model", device),
                resolve(renderer or self._default[1], "renderer", device),
            )
            if names not in self._heads:
                loaded = list(self._heads.values())
                motion = next((h.model for h in loaded if h.model and h.model.name == names[0]), None)
                drawing = next((h.renderer for h in loaded if h.renderer.name == names[1]), None)
                self._heads[names] = TalkingHead(
                    motion or load_model(names[0], device),
                    drawing or load_renderer(names[1], device),
                    device,
                    self.limits,
                )
            return self._heads[names]

    def warm_up(self) -> None:
        """Loads the default models before the first visitor needs them."""
        import numpy as np

        from moda.media.audio import Speech

        head = self.head()
        if head.model is not None:
            head.model.features(Speech.of(np.zeros(16_000, dtype=np.float32)), "studio")

    def open_portrait(self, session: Session, picture: str, point: tuple[float, float] | None = None) -> Portrait:
        """Reads the picture into the session. Raises BadPicture, NoFaceFound, FaceNotUsable."""
        session.portrait = None
        portrait = self.head().portrait(picture, point=point)
        session.picture, session.portrait, session.takes, session.chosen = picture, portrait, [], 0
        return portrait

    def open_speech(self, session: Session, source: str) -> Speech:
        """Reads the speech into the session. Raises BadSpeech."""
        session.speech = None
        speech = self.head().speech(source)
        session.speech, session.speech_source, session.takes, session.chosen = speech, source, [], 0
        return speech

    def plan(
        self,
        session: Session,
        settings: Settings,
        count: int,
        model: str | None = None,
        progress: Progress | None = None,
        cancel: Cancel | None = None,
    ) -> list[Take]:
        """Samples takes for the session's portrait and speech. Raises UserError."""
        portrait, speech = self.ready(session)
        takes = self.head(model).plan_takes(portrait, speech, settings, count, progress=progress, cancel=cancel)
        session.takes, session.chosen = takes, 0
        return takes

    def trim(self, session: Session, settings: Settings) -> Take:
        """Trims of all takes of the session; nothing is sampled again."""
        if not session.takes:
            raise BadSetting("Preview the motion first; then it can be trimmed.")
        own = [take.settings.sampling_part() for take in session.takes]
        after = {k: v for k, v in settings.as_dict().items() if k not in own[0]}
        session.takes = [take.trimmed(take.settings.changed(**after)) for take in session.takes]
        return session.takes[session.chosen]

    def quick_clip(self, session: Session, progress: Progress | None = None, cancel: Cancel | None = None) -> Path:
        """The chosen take as a small clip with sound."""
        portrait, speech = self.ready(session)
        take = self.chosen(session)
        head = self.head(renderer="mesh")
        return head.preview_clip(take, session.path("quick.mp4"), portrait, speech, progress=progress, cancel=cancel)

    def render(
        self,
        session: Session,
        settings: Settings,
        renderer: str | None = None,
        progress: Progress | None = None,
        cancel: Cancel | None = None,
    ) -> RenderResult:
        """The chosen take as a video, with the trims and video settings given."""
        portrait, speech = self.ready(session)
        self.trim(session, settings)
        take = self.chosen(session)
        return self.head(renderer=renderer).render(
            portrait, take, speech, session.path("talking-head.mp4"), progress=progress, cancel=cancel
        )

    def ready(self, session: Session) -> tuple[Portrait, Speech]:
        """Portrait and speech of the session, or a sentence that says what is missing."""
        if session.portrait is None:
            raise BadSetting("Add a portrait first: a picture with one face in it.")
        if session.speech is None:
            raise BadSetting("Add speech first: upload it, record it, or type what should be said.")
        return session.portrait, session.speech

    def chosen(self, session: Session) -> Take:
        take = session.take
        if take is None:
            raise BadSetting("Preview the motion first, then render the take you like.")
        return take


def read_settings_or_take(path: str) -> tuple[Settings, Take | None]:
    """A file dropped back onto the page: a take (.npz) or saved settings (.json). Raises BadMotionFile."""
    file = Path(path)
    if file.suffix.lower() != ".json":
        take = Take.load(file)
        return take.settings, take
    try:
        if file.stat().st_size > 1 << 16:
            raise ValueError("too large")
        values = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(values, dict):
            raise ValueError("no settings")
    except (OSError, ValueError) as error:
        raise BadMotionFile("This is not a settings file; drop a .json or .npz saved by MoDA Studio.") from error
    return Settings.from_mapping(values), None
