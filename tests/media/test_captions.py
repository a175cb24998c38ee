from __future__ import annotations

import itertools
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moda.errors import BadSetting
from moda.media import caption_drawing
from moda.media.caption_drawing import direction, draw
from moda.media.captions import LINE, LONGEST, Burner, Caption, _width, captions_of, srt, vtt
from moda.media.ffmpeg import executable
from moda.media.video import VideoWriter, probe
from moda.media.words import Word


def spoken(text: str, pace: float = 0.3, gap: float = 0.02) -> list[Word]:
    words, time = [], 0.1
    for piece in text.split():
        words.append(Word(time, time + pace - gap, piece))
        time += pace
    return words


def letters(text: str) -> list[Word]:
    return [Word(0.2 * k, 0.2 * k + 0.2, letter) for k, letter in enumerate(text)]


def as_srt(path: Path) -> str:
    """What ffmpeg reads as the captions of a file."""
    command = [executable(), "-loglevel", "error", "-i", path, "-map", "0:s", "-f", "srt", "-"]
    return subprocess.run(command, capture_output=True, check=True).stdout.decode()


word = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=60)


@given(st.lists(st.tuples(word, st.floats(0.05, 2.0), st.floats(0.0, 3.0)), max_size=40))
def test_every_word_is_shown_once_in_order_within_two_lines(given: list[tuple[str, float, float]]) -> None:
    words, time = [], 0.0
    for text, length, gap in given:
        words.append(Word(time, time + length, text))
        time += length + gap
    captions = captions_of(words)
    shown = "".join("".join(one.lines) for one in captions)
    assert re.sub(r"\s", "", shown) == re.sub(r"\s", "", "".join(text for text, _, _ in given))
    for one, following in itertools.pairwise(captions):
        assert one.start < one.end <= following.start + 1e-9
    long_word = any(_width(text) > LINE for text, _, _ in given)
    for one in captions:
        assert long_word or len(one.lines) <= 2
        assert all(_width(line) <= LINE + 1e-9 for line in one.lines)


def test_captions_break_where_a_reader_pauses() -> None:
    text = (
        "It costs 25 euros, which is a lot of money for somebody who has never bought one, and you know that. "
        "Fine day, though."
    )
    shown = [one.lines for one in captions_of(spoken(text))]
    assert shown[0][0].endswith(",") or shown[0][-1].endswith(",")
    assert shown[-1][-1].endswith("though.")
    apart = captions_of([Word(0, 0.5, "One."), Word(3.0, 3.5, "Two.")])
    assert [one.lines for one in apart] == [("One.",), ("Two.",)]
    assert apart[0].end == pytest.approx(1.0) and apart[1].start == 3.0
    assert all(one.end - one.start <= LONGEST + 1 for one in captions_of(spoken("word " * 200)))


def test_chinese_and_japanese_break_between_letters_but_not_before_punctuation() -> None:
    text = "今天天气很好，我们一起去公园散步吧，因为明天可能会下雨，所以今天是最好的时间。「はい」、そうですね。" * 2
    captions = captions_of(letters(text))
    lines = [line for one in captions for line in one.lines]
    assert "".join(lines) == text and all(" " not in line for line in lines)
    assert all(line[0] not in "，。、」" and line[-1] not in "「" for line in lines)
    assert max(map(_width, lines)) <= LINE and len(lines) < 12


def test_korean_keeps_its_spaces_and_breaks_at_them() -> None:
    text = "안녕하세요, 오늘은 자막이 한국어에서 어떻게 줄바꿈되는지 살펴보겠습니다."
    words = [Word(0.4 * k, 0.4 * k + 0.35, word) for k, word in enumerate(text.split())]
    lines = [line for one in captions_of(words) for line in one.lines]
    assert " ".join(lines) == text and len(lines) > 2


def test_srt_and_vtt_are_what_players_read(tmp_path: Path) -> None:
    captions = [Caption(0.5, 1.25, ("One <b> & two",)), Caption(3661.0, 3662.5, ("שלום", "عالم"))]
    assert srt(captions).startswith("1\n00:00:00,500 --> 00:00:01,250\nOne <b> & two\n\n2\n01:01:01,000 --> ")
    assert vtt(captions).startswith("WEBVTT\n\n00:00:00.500 --> 00:00:01.250\nOne &lt;b&gt; &amp; two\n")
    for name, text in (("a.srt", srt(captions)), ("a.vtt", vtt(captions))):
        (tmp_path / name).write_text(text, encoding="utf-8")
        read = subprocess.run(
            [executable(), "-loglevel", "error", "-i", tmp_path / name, "-f", "srt", "-"],
            capture_output=True,
            check=True,
        ).stdout.decode()
        assert "שלום" in read and "01:01:01,000 --> 01:01:02,500" in read


@pytest.mark.parametrize(("ending", "codec"), [(".mp4", "mov_text"), (".webm", "webvtt"), (".mov", "mov_text")])
def test_a_subtitle_track_can_be_switched_on(ending: str, codec: str, tmp_path: Path) -> None:
    captions = captions_of(spoken("Hello there, this is a caption."))
    path = tmp_path / f"a{ending}"
    with VideoWriter(path, 25, (64, 48), None, frames=50, captions=srt(captions)) as video:
        for _ in range(50):
            video.write(np.zeros((48, 64, 3), np.uint8))
    assert probe(path).frames == 50
    about = subprocess.run([executable(), "-i", path], capture_output=True).stderr.decode()
    assert f"Subtitle: {codec}" in about
    read = subprocess.run(
        [executable(), "-loglevel", "error", "-i", path, "-map", "0:s", "-f", "srt", "-"],
        capture_output=True,
        check=True,
    ).stdout.decode()
    assert "this is a caption" in read and read.startswith("1\n00:00:00,1")
    assert [item.name for item in tmp_path.iterdir()] == [path.name]


def test_burnt_captions_are_readable_on_anything_and_keep_off_the_edge() -> None:
    captions = [Caption(0.2, 1.0, ("Hello there,", "this is a caption."))]
    noise = np.random.default_rng(0).integers(0, 256, (360, 640, 3), dtype=np.uint8)
    burner = Burner(captions, 25)
    for background in (noise, np.zeros_like(noise), np.full_like(noise, 255)):
        shown = burner.onto(background, 10)
        changed = np.argwhere((shown != background).any(axis=2))
        top, left = changed.min(axis=0)
        bottom, right = changed.max(axis=0)
        assert left >= 0.04 * 640 and right < 0.96 * 640 and bottom < 0.92 * 360 and top > 0.6 * 360
        inside = shown[top + 8 : bottom - 8, left + 12 : right - 12].mean(axis=2)
        assert inside.max() > 240 and np.percentile(inside, 30) < 100  # white on dark, whatever is behind
        assert burner.onto(background, 2) is background and burner.onto(background, 40) is background
    clear = burner.onto(np.zeros((360, 640, 4), np.uint8), 10)
    assert clear[..., 3].max() == 255 and (clear[:200] == 0).all()


def test_long_lines_shrink_into_narrow_frames() -> None:
    plate = draw(("A line of forty letters that is quite long", "and another one"), (160, 160))
    assert plate.colour.shape[1] <= 160 and plate.x >= 0 and plate.y + plate.colour.shape[0] <= 160


def test_right_to_left_lines_begin_at_the_right() -> None:
    assert direction("שלום 25") == "rtl" and direction("25 عالم") == "rtl" and direction("Hello שלום") == "ltr"
    # A full stop ends a Hebrew sentence at its left.
    plate = draw(("שלום לכולם.",), (640, 360))
    ink = (plate.colour[..., 0] > 200).sum(axis=0)
    columns = np.flatnonzero(ink)
    assert ink[columns[0] : columns[0] + 3].sum() < ink[columns[-1] - 2 : columns[-1] + 1].sum()


def test_letters_that_no_font_has_are_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib import font_manager

    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: [])
    caption_drawing.font_for.cache_clear()
    with pytest.raises(BadSetting, match=r"such as 你.*burn_captions"):
        draw(("abc 你好",), (320, 240))
    for text, remedy in (("नमस्ते, 25", "FreeSerif"), ("สวัสดี", "FreeSerif"), ("你好", "Noto Sans CJK"), ("ትኩስ", "Free")):
        with pytest.raises(BadSetting, match=f"install {remedy}"):
            draw((text,), (320, 240))
    with pytest.raises(BadSetting, match="such as 你"):  # before the first frame, wherever the caption stands
        Burner([Caption(0, 1, ("abc",)), Caption(60, 61, ("你好",))], 25)
    caption_drawing.font_for.cache_clear()
