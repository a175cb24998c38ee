"""Models and renderers, each loaded once and shared by all visitors."""

from __future__ import annotations

import threading
from collections.abc import Callable

from moda.pipeline import TalkingHead
from moda.settings import Limits

Names = tuple[str, str]
"""A motion model and a renderer by name."""


class Heads:
    """Talking heads by the names of their model and renderer."""

    def __init__(
        self,
        model: str,
        renderer: str,
        device: str,
        limits: Limits,
        loading: Callable[[Callable[[], TalkingHead]], TalkingHead] = lambda load: load(),
    ) -> None:
        """model, renderer: what is taken where nothing else is asked for; "auto" is the best that is present.
        loading: calls what loads, where models may be loaded."""
        self._loading = loading
        self._default = (model, renderer)
        self._device = device
        self._limits = limits
        self._lock = threading.Lock()
        self._loaded: dict[Names, TalkingHead] = {}

    def names(self, model: str | None = None, renderer: str | None = None) -> Names:
        """The names that "auto" and the default stand for here. Raises BadSetting."""
        from moda.models import pick_device, resolve

        device = pick_device(self._device)
        return (
            resolve(model or self._default[0], "model", device),
            resolve(renderer or self._default[1], "renderer", device),
        )

    def get(self, model: str | None = None, renderer: str | None = None) -> TalkingHead:
        """The talking head of these names. Raises WeightsMissing, BadSetting."""
        names = self.names(model, renderer)
        with self._lock:
            if names not in self._loaded:
                self._loaded[names] = self._loading(lambda: self._load(names))
            return self._loaded[names]

    def load_present(self) -> None:
        """Loads every model and renderer that is on this machine."""
        from moda.models import is_present
        from moda.models import names as known

        for model in filter(is_present, known("model")):
            self.get(model)
        for renderer in filter(is_present, known("renderer")):
            self.get(renderer=renderer)

    def ready(self, names: Names) -> TalkingHead:
        """The same without a lock, for a process that was forked, perhaps while the lock was held."""
        return self._loaded.get(names) or self._load(names)

    def any(self) -> TalkingHead:
        """One that reads pictures and sound with the limits, without waiting for a model to load."""
        from moda.models import load_renderer

        known = next(iter(list(self._loaded.values())), None)
        return known or TalkingHead(None, load_renderer("mesh", "cpu"), "cpu", self._limits)

    def _load(self, names: Names) -> TalkingHead:
        from moda.models import load_model, load_renderer, pick_device

        device, loaded = pick_device(self._device), list(self._loaded.values())
        motion = next((head.model for head in loaded if head.model and head.model.name == names[0]), None)
        drawing = next((head.renderer for head in loaded if head.renderer.name == names[1]), None)
        return TalkingHead(
            motion or load_model(names[0], device), drawing or load_renderer(names[1], device), device, self._limits
        )
