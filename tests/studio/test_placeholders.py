"""Empty places: well-formed drawings, each with a sentence, that screen readers do not spell out."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest

from moda.studio import placeholders


@pytest.mark.parametrize("draw", [placeholders.face, placeholders.lanes, placeholders.stage, placeholders.grid])
def test_drawings_are_well_formed_and_silent(draw: Any) -> None:
    root = ElementTree.fromstring(draw())
    pictures = list(root.iter("svg"))
    assert pictures and all(svg.get("aria-hidden") == "true" for svg in pictures)
    (sentence,) = root.iter("p")
    assert sentence.text and len(sentence.text) > 15
    assert root.get("class", "").startswith("empty ")


def test_every_lane_stays_inside_its_height() -> None:
    lanes = list(ElementTree.fromstring(placeholders.lanes()).iter("svg"))
    assert len(lanes) == 5
    for svg in lanes[1:]:
        (line,) = svg.iter("path")
        heights = [float(point.split()[1]) for point in line.get("d", "")[1:].split("L")]
        assert len(heights) > 50 and min(heights) >= 0 and max(heights) <= 40
