"""What a rendering made: the file, how long it is, and how long each stage took."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class RenderResult:
    """What `TalkingHead.render` made. timings: seconds by stage; duration: of the video, in seconds."""

    output: Path
    frames: int
    fps: float
    timings: dict[str, float]
    seed: int
    model: str
    renderer: str
    device: str
    hints: tuple[str, ...] = ()
    """What could be better about the portrait, a sentence each."""
    captions: tuple[Path, ...] = ()
    """The caption files beside the video."""
    notes: tuple[str, ...] = ()
    """What the person should know about the video, a sentence each."""

    @property
    def duration(self) -> float:
        return self.frames / self.fps

    @property
    def real_time_factor(self) -> float:
        """Seconds of work per second of video, portrait analysis and planning included; below 1 is faster."""
        return sum(self.timings.values()) / self.duration

    def as_dict(self) -> dict[str, Any]:
        return {
            "output": str(self.output),
            "frames": self.frames,
            "fps": self.fps,
            "duration": round(self.duration, 3),
            "seconds": {stage: round(seconds, 3) for stage, seconds in self.timings.items()},
            "real_time_factor": round(self.real_time_factor, 4),
            "seed": self.seed,
            "model": self.model,
            "renderer": self.renderer,
            "device": self.device,
            "hints": list(self.hints),
            "captions": [str(path) for path in self.captions],
            "notes": list(self.notes),
        }
