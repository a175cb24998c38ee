from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moda.compare.report import vary_value
from moda.compare.variants import combine, known_name, parse_columns, parse_vary, safe
from moda.errors import BadSetting, UserError
from moda.settings import Settings


def test_values_come_in_their_own_types() -> None:
    assert parse_vary(["steps=2,4,10", "mark=on,off"]) == {"steps": (2, 4, 10), "mark": (True, False)}
    assert parse_vary(['emotion="calm, tired",happy,']) == {"emotion": ("calm, tired", "happy", "")}
    assert parse_vary(["speech-guidance=0.5,2"]) == {"speech_guidance": (0.5, 2.0)}


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        (["stepz=1,2"], "did you mean steps"),
        (["steps"], "NAME=VALUE"),
        (["steps="], "NAME=VALUE"),
        (["steps=1,one"], "whole number"),
        (["steps=1,2.5"], "whole number"),
        (["steps=1,99"], "1 to 50"),
        (["steps=2,2"], "twice"),
        (["steps=1,2", "steps=3,4"], "varied twice"),
        (["steps=1,2", "seed=1,2", "size=256,512"], "At most 2"),
        (["solver=euler,rk4"], "one of euler"),
    ],
)
def test_bad_requests_get_a_sentence(texts: list[str], says: str) -> None:
    with pytest.raises(BadSetting, match=says) as fault:
        parse_vary(texts)
    assert "\n" not in str(fault.value) and str(fault.value).rstrip()[-1] in ".?"


def test_two_settings_make_a_matrix_and_share_the_rest() -> None:
    base = Settings(emotion="happy", seed=9)
    found = combine(base, {"seed": (1, 2), "steps": (2, 4, 8)})
    assert [(v.row, v.column) for v in found] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    assert [v.settings.steps for v in found] == [2, 4, 8, 2, 4, 8], "the longer list runs along the row"
    assert {v.settings.emotion for v in found} == {"happy"}
    assert len({v.key for v in found}) == 6


def test_clashes_are_refused() -> None:
    with pytest.raises(BadSetting, match="both fixed and varied"):
        combine(Settings(), {"steps": (1, 2)}, fixed=("steps",))
    with pytest.raises(BadSetting, match="changes nothing while pose_prior is none"):
        combine(Settings(), {"pose_strength": (0.1, 0.9)})
    with pytest.raises(BadSetting, match="changes nothing while preset is reference"):
        combine(Settings(preset="reference"), {"solver": ("euler", "heun")})
    with pytest.raises(BadSetting, match="too many"):
        combine(Settings(), {"seed": tuple(range(30))})
    assert len(combine(Settings(), {"pose_strength": (0.1, 0.9), "pose_prior": ("still", "lively")})) == 4


def test_keys_differ_where_names_look_alike() -> None:
    found = combine(Settings(), {"emotion": ("a/b", "a b", "a?b")})
    assert len({v.key for v in found}) == 3


@given(st.text())
def test_file_names_are_safe(text: str) -> None:
    name = safe(text)
    assert name and not name.startswith(".") and not set(name) & set('/\\:*?"<>| \n\0') and len(name) <= 60


@given(st.text(st.characters(blacklist_categories=["Cs", "Cc", "Z"]), max_size=30))
def test_any_emotion_survives_the_command_line(text: str) -> None:
    assert parse_vary([f"emotion={vary_value(text)},x{vary_value('y')}z"])["emotion"][0] == text


@given(st.text(max_size=20))
def test_unknown_names_are_user_errors(text: str) -> None:
    try:
        known_name(text)
    except UserError as fault:
        assert "There is no setting called" in str(fault)


def test_columns(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").touch()
    assert parse_columns([f"their system={tmp_path / 'a.mp4'}"]) == {"their system": tmp_path / "a.mp4"}
    for bad in (["a"], ["=x.mp4"], [f"a={tmp_path / 'missing.mp4'}"], [f"a={tmp_path / 'a.mp4'}"] * 2):
        with pytest.raises(UserError):
            parse_columns(bad)
