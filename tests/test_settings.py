"""The one table of controls."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moda.errors import BadSetting
from moda.settings import CONTROLS, Limits, Settings


def test_defaults_pass_their_own_checks_and_every_control_explains_itself() -> None:
    Settings()
    for control in CONTROLS.values():
        assert control.check(control.default) == control.default
        assert len(control.help) > 15 and control.label


@given(st.sampled_from(sorted(CONTROLS)), st.one_of(st.floats(), st.integers(), st.text(max_size=8), st.none()))
def test_any_value_is_taken_as_it_is_or_refused_by_name(name: str, value: object) -> None:
    try:
        settings = Settings(**{name: value})
    except BadSetting as error:
        assert name in str(error) and "\n" not in str(error)
    else:
        assert getattr(settings, name) == value


def test_the_reference_preset_is_the_reference_and_refuses_what_it_overrides() -> None:
    reference = Settings(preset="reference")
    assert (reference.steps, reference.solver, reference.schedule) == (10, "euler", "reference")
    assert reference.drift_guard == 0 and reference.speech_guidance == reference.emotion_guidance == 1.2
    with pytest.raises(BadSetting, match="preset reference has solver euler: leave solver out"):
        Settings(preset="reference", solver="heun")
    with pytest.raises(BadSetting, match="leave speech_guidance out"):
        Settings.from_mapping({"preset": "reference", "speech_guidance": 2.0})  # a default, but asked for
    asked = Settings.from_mapping({"preset": "reference", "steps": 6, "drift_guard": 0.5})
    assert (asked.steps, asked.drift_guard) == (6, 0.5)
    assert asked.changed(seed=3).steps == 6 and reference.changed(seed=3).steps == 10
    assert Settings.from_mapping(asked.as_dict()) == asked


def test_changing_the_preset_changes_what_was_left_to_it() -> None:
    assert Settings(seed=3).changed(preset="reference") == Settings(seed=3, preset="reference")
    assert Settings(seed=3, preset="reference").changed(preset="studio") == Settings(seed=3)
    with pytest.raises(BadSetting, match="solver"):
        Settings(solver="heun").changed(preset="reference")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"steps": 0}, "1 to 50"),
        ({"steps": True}, "a whole number"),
        ({"speech_guidance": float("nan")}, "0 to 4"),
        ({"solver": "rk9"}, "euler, heun, ab2"),
        ({"emotion": "x" * 501}, "too long"),
        ({"mark": "yes"}, "on or off"),
    ],
)
def test_out_of_range_says_what_would_be_right(values: dict, words: str) -> None:
    with pytest.raises(BadSetting, match=words):
        Settings(**values)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(BadSetting, match="no setting called 'stepz'"):
        Settings.from_mapping({"stepz": 3})
    with pytest.raises(BadSetting):
        Settings().changed(stepz=3)


def test_digest_and_round_trip() -> None:
    settings = Settings(seed=3, emotion="wry")
    assert Settings.from_mapping(settings.as_dict()) == settings
    assert settings.digest() == Settings(seed=3, emotion="wry").digest() != Settings(seed=4, emotion="wry").digest()


def test_trims_are_not_part_of_the_sampling() -> None:
    base = Settings()
    assert base.changed(blink=0, expression=2, size=720).sampling_part() == base.sampling_part()
    assert base.changed(steps=3).sampling_part() != base.sampling_part()


def test_limits_come_from_the_environment() -> None:
    limits = Limits.from_environment({"MODA_MAX_SPEECH_SECONDS": "90", "MODA_MAX_TAKES": "2"})
    assert limits.max_speech_seconds == 90.0 and limits.max_takes == 2
    with pytest.raises(BadSetting, match="MODA_MAX_TAKES"):
        Limits.from_environment({"MODA_MAX_TAKES": "many"})
