"""ZeroGPU: on a Hugging Face Space, planning, rendering and comparing each borrow a GPU; elsewhere, plain calls.

The borrowed GPU is in a forked process. Arguments and answers travel there and back as pickles: models do not (the
fork has them), callbacks do not (so progress is a Reporter and Stop is a file), and of errors only the class arrives
(so a UserError is an answer). Outside it there is no GPU: models are loaded where `spaces` emulates one, see `loading`.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from moda.errors import UserError
from moda.studio.model_cache import Heads, Names

if TYPE_CHECKING:
    from moda.compare.manifest import Request
    from moda.compare.run import Comparison
    from moda.media.audio import Speech
    from moda.motion.takes import Take
    from moda.pipeline import RenderResult
    from moda.portrait.portrait import Portrait
    from moda.settings import Settings

Call = TypeVar("Call", bound=Callable[..., Any])
Loaded = TypeVar("Loaded")
Progress = Callable[[str, int, int], None]
Cancel = Callable[[], bool]
LONGEST = 300
POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Watch:
    """Who watches a piece of work: what hears how far it is, and what is asked whether to give it up."""

    progress: Progress | None = None
    cancel: Cancel | None = None


UNWATCHED = Watch()


def on_zero_gpu() -> bool:
    """Whether this process runs on a ZeroGPU Space."""
    return os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "true", "t")


def planning_seconds(names: Names, portrait: Any, speech: Speech, settings: Settings, count: int, *rest: Any) -> int:
    """How long planning may hold the GPU: by length of speech, solver steps and number of takes."""
    return min(LONGEST, 20 + round(speech.seconds * settings.steps * count / 100))


def performing_seconds(names: Names, portrait: Any, film: str, speech: Speech | None, *rest: Any) -> int:
    """How long following a filmed face may hold the GPU; only lips of a speech need it."""
    return LONGEST if speech is None else min(LONGEST, 60 + round(3 * speech.seconds))


def rendering_seconds(names: Names, portrait: Any, take: Take, *rest: Any) -> int:
    """How long rendering may hold the GPU: by frames."""
    return min(LONGEST, 30 + round(len(take.motion) / 12))


def comparing_seconds(names: Names, portrait: Any, speech: Speech, request: Request, *rest: Any) -> int:
    """How long a comparison may hold the GPU: each variant is planned, and drawn at about twice real time."""
    each = (speech.seconds * variant.settings.steps / 100 + speech.seconds / 2 for variant in request.variants())
    return min(LONGEST, 30 + round(sum(each)))


class Work:
    """What needs a GPU. Every call names its model and renderer instead of carrying them."""

    def __init__(self, heads: Heads) -> None:
        self._heads = heads
        self.plan = borrowing(planning_seconds, self._plan)
        self.perform = borrowing(performing_seconds, self._perform)
        self.render = borrowing(rendering_seconds, self._render)
        self.compare = borrowing(comparing_seconds, self._compare)

    def _plan(
        self, names: Names, portrait: Portrait, speech: Speech, settings: Settings, count: int, watch: Watch
    ) -> list[Take]:
        head = self._heads.ready(names)
        return head.plan_takes(portrait, speech, settings, count, progress=watch.progress, cancel=watch.cancel)

    def _perform(
        self, names: Names, portrait: Portrait, film: str, speech: Speech | None, settings: Settings, watch: Watch
    ) -> Take:
        head = self._heads.ready(names)
        return head.perform(portrait, film, settings, speech=speech, progress=watch.progress, cancel=watch.cancel)

    def _render(
        self, names: Names, portrait: Portrait, take: Take, speech: Speech, output: Path, watch: Watch
    ) -> RenderResult:
        head = self._heads.ready(names)
        return head.render(portrait, take, speech, output, progress=watch.progress, cancel=watch.cancel)

    def _compare(
        self, names: Names, portrait: Portrait, speech: Speech, request: Request, folder: Path, watch: Watch
    ) -> Comparison:
        from moda.compare.run import compare

        head = self._heads.ready(names)
        return compare(head, portrait, speech, request, folder, progress=watch.progress, cancel=watch.cancel)


def loading(load: Callable[[], Loaded]) -> Loaded:
    """Calls what puts a model onto the device.

    On ZeroGPU `spaces` emulates CUDA in the thread that imported it and in no other, and for good once a thread has
    entered the emulation: so it is entered in a thread of its own that ends with the load.
    """
    if not on_zero_gpu():
        return load()
    from concurrent.futures import ThreadPoolExecutor

    from spaces.zero.torch import enter_mode

    with ThreadPoolExecutor(1, "loading", initializer=enter_mode) as thread:
        return thread.submit(load).result()


def borrowing(duration: Callable[..., int], call: Call) -> Call:
    """`call` with a GPU for `duration(same arguments)` seconds on ZeroGPU; `call` itself elsewhere."""
    if not on_zero_gpu():
        return call
    import spaces

    marked = spaces.GPU(duration=duration)(_answering(call))

    @functools.wraps(call)
    def run(*arguments: Any) -> Any:
        answer = marked(*arguments)
        if isinstance(answer, UserError):
            raise answer
        return answer

    return run  # type: ignore[return-value]


def _answering(call: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(call)
    def run(*arguments: Any) -> Any:
        try:
            return call(*arguments)
        except UserError as fault:
            return fault

    return run


@contextmanager
def stoppable(watch: Watch, path: Path) -> Iterator[Watch]:
    """The watch as it may be handed to the work: on ZeroGPU it asks for the file at `path`, which is then made here."""
    cancel = watch.cancel
    if cancel is None or not on_zero_gpu():
        yield watch
        return
    over = threading.Event()

    def wait() -> None:
        while not over.wait(POLL_SECONDS):
            if cancel():
                path.touch()
                return

    threading.Thread(target=wait, name="stop-watch", daemon=True).start()
    try:
        yield Watch(watch.progress, path.exists)
    finally:
        over.set()
        path.unlink(missing_ok=True)
