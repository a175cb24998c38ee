"""The effect report: the classifier learns, and every control of the shipped model does what it says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from moda.evaluate.measures.emotions import ToldApart, action_statistics, classifier
from moda.evaluate.protocols.controls import Effect, draw, run
from moda.motion.space import Motion, neutral_reference


def test_the_classifier_learns_what_can_be_told_apart() -> None:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(4, 40))
    learn = np.concatenate([c + 0.5 * rng.normal(size=(6, 40)) for c in centres])
    test = np.concatenate([c + 0.5 * rng.normal(size=(10, 40)) for c in centres])
    read = classifier().fit(learn, [label for label in "abcd" for _ in range(6)]).predict(test)
    assert np.mean([a == b for a, b in zip(read, [label for label in "abcd" for _ in range(10)])]) > 0.9


def test_noise_is_not_told_apart() -> None:
    rng = np.random.default_rng(1)
    labels = [label for label in "abcd" for _ in range(10)]
    read = classifier().fit(rng.normal(size=(40, 40)), labels).predict(rng.normal(size=(40, 40)))
    assert np.mean([a == b for a, b in zip(read, labels)]) < 0.5


def test_statistics_are_of_the_motion_and_not_of_the_portrait() -> None:
    straight, turned = (np.tile(neutral_reference(0, yaw, 0), (50, 1)) for yaw in (0.0, 20.0))
    a = action_statistics(Motion(straight, reference=straight[0]))
    b = action_statistics(Motion(turned, reference=turned[0]))
    assert a.shape == (40,)
    assert np.allclose(a, b, atol=1e-5)


@pytest.mark.parametrize(
    ("results", "expected", "least", "works"),
    [
        ([0, 1], "up", 0.5, True),
        ([0, 0.2], "up", 0.5, False),
        ([1, 0], "down", 0.5, True),
        ([0, 1, 0], "change", 0.5, True),
        ([0, 0, 0], "change", 0.0, False),
    ],
)
def test_an_effect_works_or_not(results: list[float], expected: str, least: float, works: bool) -> None:
    effect = Effect("x", "y", expected, list(range(len(results))), results, least)
    assert effect.works is works
    assert effect.line().startswith("ok" if works else "NONE")


def test_effects_are_drawn(tmp_path: Path) -> None:
    from PIL import Image

    effects = [Effect("blink", "blinks", "up", [0, 1, 2], [0, 20, 40], 1.0) for _ in range(6)]
    told = ToldApart(0.9, ("anger", "fear"), np.array([[3.0, 1], [0, 4]]), np.zeros((2, 40)))
    draw(effects, told, tmp_path / "deep" / "effects.png")
    with Image.open(tmp_path / "deep" / "effects.png") as image:
        assert image.width > 1000


@pytest.mark.slow
def test_every_control_of_the_shipped_model_works(tmp_path: Path) -> None:
    from moda.settings import Settings

    facts = run(output=tmp_path, emotions=False, settings=Settings(seed=7, steps=4))
    broken = [e["control"] + ": " + e["measure"] for e in facts["effects"] if not e["works"]]
    assert not broken
    assert json.loads((tmp_path / "effects.json").read_text())["effects"]
