"""moda-base, the published checkpoint: HuBERT features; identity and first frame by LivePortrait's motion extractor."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from moda.conditions.hubert import SILENCE_FRAMES
from moda.generator.noise_scale import NoiseScale
from moda.models.motion_model import Pace, Start, with_gap
from moda.models.threads import usual_threads
from moda.motion.space import EXPRESSION

if TYPE_CHECKING:
    from moda.conditions.hubert_encoder import Hubert
    from moda.generator.network import MoDA
    from moda.media.audio import Speech
    from moda.portrait.portrait import Portrait
    from moda.renderer.liveportrait.motion_extractor import MotionExtractor


class BaseModel:
    """The published generator with what it hears and sees through."""

    name = "moda-base"
    silence = SILENCE_FRAMES
    noise = NoiseScale()
    #: As published.
    joint_guidance: float | None = 1.2
    #: 7 network rows a segment for the reference's 20, with less error against the exact flow on voices, feelings and
    #: languages that it was not chosen on (moda-lite's flow, at this guidance, stands in: `bench.reference_planning
    #: --lite`). At the first step guidance adds little that lasts, so it begins with the second.
    pace = Pace(steps=5, warp=0.8, refresh=2, first=1)

    def __init__(self, network: MoDA, hubert: Hubert, extractor: MotionExtractor) -> None:
        self.network, self.hubert, self.extractor = network, hubert, extractor
        self.threads = usual_threads()

    def features(self, speech: Speech, preset: str) -> Any:
        from moda.conditions.hubert import published_features

        return published_features(self.hubert, speech.waveform, speech.frames(), preset)

    def start(self, portrait: Portrait) -> Start:
        from moda.renderer.liveportrait.batches import read_face
        from moda.renderer.liveportrait.drive import first_motion

        source = read_face(self.extractor, portrait.crop.network_input())
        first = first_motion(source)
        neutral = with_gap(source.vector[EXPRESSION], -portrait.rest.gap)
        return Start(first.keypoints, first.vector, source.vector, neutral, first.ratio)


def load_base(network: Path, hubert: Path, extractor: Path, device: str = "cpu") -> BaseModel:
    """From the published generator's file, HuBERT's folder and the file of LivePortrait's motion extractor."""
    from moda.conditions.hubert_encoder import Hubert
    from moda.generator.convert import load_published
    from moda.renderer.liveportrait.convert import load_motion_extractor_file

    return BaseModel(
        load_published(network, device=device),
        Hubert.from_folder(hubert, device=device),
        load_motion_extractor_file(extractor).to(device),
    )
