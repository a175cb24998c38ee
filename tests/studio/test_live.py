"""What the Live tab does to a sentence before it is said."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from moda.live.wire import SAMPLE_RATE
from moda.studio.live import OPENING, silence_before


@given(st.integers(0, 8000), st.floats(0.001, 1.0))
def test_the_silence_before_a_voice_is_left_out_but_for_the_opening_of_the_lips(quiet: int, loudness: float) -> None:
    hiss = np.random.default_rng(quiet).uniform(-0.01, 0.01, quiet)
    voice = (loudness * np.concatenate([hiss, [1.0], np.zeros(2000)])).astype(np.float32)
    assert silence_before(voice) == max(0, quiet - round(OPENING * SAMPLE_RATE))


def test_silence_alone_is_left_as_it_is() -> None:
    assert silence_before(np.zeros(100, np.float32)) == 0 and silence_before(np.zeros(0, np.float32)) == 0
