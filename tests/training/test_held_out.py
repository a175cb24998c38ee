"""What is measured on voices that were never trained on."""

from __future__ import annotations

from pathlib import Path

import pytest

from moda.corpus.synthetic.articulation import articulate
from moda.generator.network import MoDA
from moda.models.lite import LiteModel
from moda.planning import sampling_options
from moda.settings import Settings
from moda.training.held_out import LANGUAGES, languages

SHIPPED = Path(__file__).resolve().parents[2] / "assets" / "moda-lite"


@pytest.mark.slow
def test_lips_are_as_true_in_other_languages_as_in_english() -> None:
    options = sampling_options(Settings(), LiteModel)
    found = languages(
        MoDA.from_pretrained(SHIPPED),
        lambda said, frames: articulate(said.phones, frames),  # rules: lips were learnt from films since
        count=8,
        options=options,
    )
    assert list(found) == [f"r_in_{language}" for language in LANGUAGES]
    assert found["r_in_en-us"] > 0.72
    # French rounds its lips for every other vowel, which no film of the corpus shows.
    assert found.pop("r_in_fr") > 0.6 * found["r_in_en-us"]
    assert min(found.values()) > 0.8 * found["r_in_en-us"]
