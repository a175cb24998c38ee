"""moda-lite: our own small model. Log-mel features; identity and pose from the portrait's landmarks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from moda.generator.noise_scale import NoiseScale
from moda.models.motion_model import Pace, Start, with_gap
from moda.motion.actions import NEUTRAL
from moda.motion.space import EXPRESSION, neutral_reference, normalise

if TYPE_CHECKING:
    from moda.media.audio import Speech
    from moda.portrait.portrait import Portrait


class LiteModel:
    """moda-lite, read from its folder."""

    name = "moda-lite"
    silence = 0
    #: Held-out voices follow their phonemes better so (r .79 -> .89) than from full noise; brows and head vary as
    #: people's do (spread of the brows .005 -> .009 IOD, speed of nodding 3.8 -> 5.1 degrees a second).
    noise = NoiseScale(lips=0.3, brows=1.75, head=1.3)
    joint_guidance: float | None = None
    pace = Pace(steps=6)
    #: So small a network gains little from a second thread, and waits tenfold when another process has the core.
    threads = 1

    def __init__(self, folder: Path, device: str = "cpu") -> None:
        from moda.generator.network import MoDA

        self.network = MoDA.from_pretrained(folder, device=device)

    def features(self, speech: Speech, preset: str) -> Any:
        from moda.conditions.speech import LogMelFeatures

        return LogMelFeatures(speech.waveform, speech.frames())

    def start(self, portrait: Portrait) -> Start:
        resting = neutral_reference(*portrait.pose)
        shown = resting.copy()
        shown[EXPRESSION] = with_gap(resting[EXPRESSION], portrait.rest.gap)
        return Start(portrait.identity, normalise(resting), shown, NEUTRAL)
