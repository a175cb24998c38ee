"""ZeroGPU: plain calls elsewhere; there, what goes to the borrowed GPU and back survives being pickled."""

from __future__ import annotations

import functools
import pickle
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from moda.errors import BadSetting, Cancelled
from moda.media.audio import Speech
from moda.motion.space import Motion
from moda.motion.takes import Take
from moda.settings import Settings
from moda.studio import gpu
from moda.studio.events import Reporter
from moda.studio.service import Engine

NAMES = ("moda-lite", "mesh")
Borrow = tuple[Callable[..., int], tuple[Any, ...]]


def speech(seconds: float) -> Speech:
    return Speech.of(np.random.default_rng(0).normal(0, 0.1, int(16_000 * seconds)).astype(np.float32))


def test_durations_follow_speech_steps_takes_and_frames() -> None:
    from moda.compare.manifest import Request

    def plan(seconds: float, steps: int, count: int = 1) -> int:
        return gpu.planning_seconds(NAMES, None, speech(seconds), Settings(steps=steps), count)

    assert plan(10, 6) < plan(60, 6) < plan(60, 50) < plan(60, 50, 4) <= gpu.LONGEST
    assert plan(600, 50, 4) == gpu.LONGEST

    def render(frames: int) -> int:
        motion = Motion(np.zeros((frames, 70), np.float32) + np.float32(0.1), 25.0, "test")
        return gpu.rendering_seconds(NAMES, None, Take(motion, motion, Settings(), "moda-lite"))

    assert render(25) < render(1500) < render(100_000) == gpu.LONGEST

    def compare(*steps: int) -> int:
        return gpu.comparing_seconds(NAMES, None, speech(20), Request({"steps": steps}))

    assert compare(2, 4) < compare(2, 40) < compare(2, 40, 50) <= gpu.LONGEST


def test_elsewhere_nothing_is_wrapped(tmp_path: Path) -> None:
    watch = gpu.Watch(cancel=lambda: False)

    def call() -> None: ...

    assert gpu.borrowing(gpu.planning_seconds, call) is call
    with gpu.stoppable(watch, tmp_path / "stop") as handed:
        assert handed is watch


@pytest.fixture
def borrowed(monkeypatch: pytest.MonkeyPatch) -> list[Borrow]:
    """ZeroGPU's way with arguments, answers and errors, in this process: what was borrowed for which duration."""
    calls: list[Borrow] = []

    def mark(duration: Callable[..., int]) -> Callable[..., Any]:
        def decorate(task: Callable[..., Any]) -> Callable[..., Any]:
            @functools.wraps(task)
            def run(*arguments: Any) -> Any:
                calls.append((duration, arguments))
                assert 0 < duration(*arguments) <= gpu.LONGEST
                try:
                    answer = task(*pickle.loads(pickle.dumps(arguments)))
                except Exception as fault:
                    raise RuntimeError(f"ZeroGPU worker error: {type(fault).__name__}") from None
                return pickle.loads(pickle.dumps(answer))

            return run

        return decorate

    monkeypatch.setenv("SPACES_ZERO_GPU", "1")
    monkeypatch.setitem(sys.modules, "spaces", SimpleNamespace(GPU=mark))
    monkeypatch.setitem(sys.modules, "spaces.zero.torch", SimpleNamespace(enter_mode=lambda: None))
    return calls


@pytest.fixture
def engine(borrowed: list[Borrow], tmp_path: Path) -> Engine:
    return Engine("moda-lite", "mesh", "cpu", tmp_path)


def test_a_take_is_planned_rendered_and_stopped_on_a_borrowed_gpu(engine: Engine, borrowed: list[Borrow]) -> None:
    import gradio as gr
    import skimage

    from moda.portrait.portrait import open_portrait

    session = engine.visitors.session("one")
    session.portrait = open_portrait(Path(skimage.__file__).parent / "data" / "astronaut.png")
    session.speech = speech(0.6)
    report = Reporter(gr.Progress(), "steps")
    take = engine.plan(session, Settings(steps=1), 1, watch=gpu.Watch(report, lambda: False))[0]
    assert len(take.motion) == 15
    result = engine.render(session, Settings(size=256), watch=gpu.Watch(report, lambda: False))
    assert result.output.is_file() and result.frames == 15
    assert [call[0] for call in borrowed] == [gpu.planning_seconds, gpu.rendering_seconds]
    with pytest.raises(BadSetting, match="Ask for 1 to 4 takes"):  # the sentence, not only the name of its class
        engine.plan(session, Settings(), 9)
    session.speech = speech(60)
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    started = time.monotonic()
    with pytest.raises(Cancelled):
        engine.plan(session, Settings(steps=50), 4, watch=gpu.Watch(cancel=stop.is_set))
    assert time.monotonic() - started < 60
    assert list(engine.visitors.root.glob("*/*/stop")) == []
