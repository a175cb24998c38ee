from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from moda.conditions.pose import pose_prior
from moda.errors import Cancelled
from moda.media.audio import Speech
from moda.media.provenance import record_of
from moda.media.video import probe, read_frames
from moda.motion.space import Motion
from moda.preview.clip import quick_clip


@pytest.mark.slow
def test_a_quick_clip_of_a_real_face(tmp_path: Path) -> None:
    from skimage import data

    from moda.portrait.portrait import open_portrait
    from moda.renderer.mesh.renderer import MeshRenderer

    portrait = open_portrait(data.astronaut())
    speech = Speech.of(0.3 * np.sin(np.arange(16_000) / 20))
    frames = speech.frames()
    from moda.motion.space import neutral_reference

    reference = neutral_reference(*portrait.pose)
    array = np.tile(reference, (frames, 1))
    array[:, 63:70] += pose_prior("nod", frames, portrait_pose=portrait.pose)
    motion = Motion(array, reference=reference)
    renderer = MeshRenderer()
    prepared = renderer.prepare(portrait)
    seen: list[tuple[int, int]] = []
    path = quick_clip(
        renderer, prepared, motion, speech, tmp_path / "quick.mp4", on_frame=lambda k, n: seen.append((k, n))
    )
    about = probe(path)
    assert about.size == (256, 256) and about.frames == frames == 25 and about.audio == "aac"
    assert seen[-1] == (25, 25) and record_of(about.metadata)["preview"] is True
    shown = list(read_frames(path))
    assert shown[0].std() > 20 and np.abs(shown[0].astype(int) - shown[-1]).mean() > 0.2
    with pytest.raises(Cancelled):
        quick_clip(renderer, prepared, motion, speech, tmp_path / "stopped.mp4", cancel=lambda: True)
    assert [item.name for item in tmp_path.iterdir()] == ["quick.mp4"]
