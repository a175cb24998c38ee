"""The whole way with what ships: portrait and speech -> take -> preview -> video."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moda import Settings, TalkingHead
from moda.errors import BadMotionFile, BadSetting, Cancelled, OutputFailed
from moda.media.audio import Speech, load_speech
from moda.media.video import probe, read_frames
from moda.motion.actions import INDEX, read_actions
from moda.motion.takes import Take
from moda.portrait.portrait import Portrait
from moda.renderer.mesh.renderer import MeshRenderer

SENTENCE = "My brother keeps five beautiful boats by the old bridge."


@pytest.fixture(scope="module")
def head() -> TalkingHead:
    return TalkingHead.load(model="moda-lite", renderer="mesh", device="cpu")


@pytest.fixture(scope="module")
def portrait(head: TalkingHead) -> Portrait:
    from skimage import data

    return head.portrait(data.astronaut())


@pytest.fixture(scope="module")
def speech() -> Speech:
    from moda.media.speak import speak

    return speak(SENTENCE, voice="en-us+f2", offline=True)


@pytest.fixture(scope="module")
def take(head: TalkingHead, portrait: Portrait, speech: Speech) -> Take:
    return head.plan(portrait, speech, Settings(seed=7))


def jaw(take: Take) -> np.ndarray:
    return read_actions(take.motion.expression, take.motion.neutral)[:, INDEX["jaw_open"]]


def test_a_take_covers_the_speech_and_speaks(take: Take, speech: Speech) -> None:
    assert len(take.motion) == speech.frames() and take.motion.fps == 25
    assert np.ptp(jaw(take)) > 0.2
    assert take.settings.seed == 7 and take.model == "moda-lite"
    assert set(take.timings) >= {"speech", "motion"}


def test_the_same_seed_gives_the_same_bytes(head: TalkingHead, portrait: Portrait, speech: Speech, take: Take) -> None:
    assert np.array_equal(head.plan(portrait, speech, Settings(seed=7)).motion.array, take.motion.array)


def test_takes_share_the_lips_and_differ_in_the_head(
    head: TalkingHead, portrait: Portrait, speech: Speech, take: Take
) -> None:
    first, second = head.plan_takes(portrait, speech, Settings(seed=7), 2)
    assert np.array_equal(first.motion.array, take.motion.array)
    assert second.settings.seed == 8
    assert np.corrcoef(jaw(first), jaw(second))[0, 1] > 0.9
    assert np.abs(first.motion.rotation - second.motion.rotation).mean() > 0.3


def test_a_portrait_is_prepared_once_whoever_asks(head: TalkingHead, portrait: Portrait, take: Take) -> None:
    """Ahead and by two renders at once: they wait for the one that works. What failed ahead is tried again."""
    asked = []

    class Counting(MeshRenderer):
        def prepare(self, *given: Any, **options: Any) -> Any:
            asked.append(options)
            if len(asked) == 1:
                raise OutputFailed("not this time")
            return super().prepare(*given, **options)

    own = TalkingHead(head.model, Counting())
    own.prepare_ahead(portrait)
    while not asked or own._prepared:  # the failure is not kept
        threading.Event().wait(0.01)
    own.prepare_ahead(portrait)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: next(iter(own.frames(portrait, take))), range(2))
    assert len(asked) == 2 and np.array_equal(first, second)
    assert np.array_equal(first, next(iter(head.frames(portrait, take))))


def test_silence_keeps_the_mouth_closed(head: TalkingHead, portrait: Portrait) -> None:
    hush = Speech.of(np.random.default_rng(0).normal(0, 1e-5, 16_000 * 4))
    quiet = head.plan(portrait, hush, Settings(seed=1))
    assert np.percentile(jaw(quiet)[5:], 95) < 0.12
    assert quiet.motion.rotation.std(axis=0).max() > 0.05


def test_the_video_is_the_take(
    head: TalkingHead, portrait: Portrait, speech: Speech, take: Take, tmp_path: Path
) -> None:
    seen: list[tuple[str, int, int]] = []
    result = head.render(
        portrait, take, speech, tmp_path / "deep" / "out.mp4", progress=lambda *step: seen.append(step)
    )
    facts = probe(result.output)
    assert abs(facts.seconds - speech.seconds) <= 1 / 25
    assert facts.frames == len(take.motion) == result.frames
    assert seen[-1] == ("video", len(take.motion), len(take.motion))
    assert sorted(p.name for p in result.output.parent.iterdir()) == ["out.mp4"]
    drawn = next(iter(read_frames(result.output)))
    direct = next(iter(head.renderer.frames(head.renderer.prepare(portrait), take.motion, size=512)))
    assert np.abs(drawn.astype(int) - direct.astype(int)).mean() < 4  # what the codec loses


def test_a_saved_take_renders_the_same_motion(take: Take, tmp_path: Path) -> None:
    again = Take.load(take.save(tmp_path / "take.npz"))
    assert np.array_equal(again.motion.array, take.motion.array) and again.settings == take.settings


def test_preview_writes_everything(
    head: TalkingHead, portrait: Portrait, speech: Speech, take: Take, tmp_path: Path
) -> None:
    files = head.write_preview(take, portrait, speech, tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {
        "take.npz", "trajectories.html", "trajectories.png", "trajectories.csv", "quick.mp4",
    }  # fmt: skip
    assert len(files["csv"].read_text().splitlines()) == len(take.motion) + 1
    assert abs(probe(files["clip"]).seconds - speech.seconds) <= 1 / 25
    assert head.preview(take, speech=speech).data


def test_cancelling_leaves_nothing(
    head: TalkingHead, portrait: Portrait, speech: Speech, take: Take, tmp_path: Path
) -> None:
    calls = iter(range(1000))
    with pytest.raises(Cancelled):
        head.render(portrait, take, speech, tmp_path / "out.mp4", cancel=lambda: next(calls) > 5)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(Cancelled):
        head.plan(portrait, speech, cancel=lambda: True)


def test_a_take_of_another_portrait_says_so(head: TalkingHead, portrait: Portrait, take: Take, tmp_path: Path) -> None:
    short = replace(take, motion=take.motion.with_array(take.motion.array[:3]), portrait="another")
    (note,) = head.render(portrait, short, None, tmp_path / "out.mp4").notes
    assert note.startswith("The take was made for another portrait") and not take.notes_for(portrait.digest)


def test_wrong_combinations_get_a_sentence(
    head: TalkingHead, portrait: Portrait, speech: Speech, take: Take, tmp_path: Path
) -> None:
    longer = Speech.of(np.tile(speech.waveform, 2))
    with pytest.raises(BadMotionFile, match="use the speech that the take was planned for"):
        head.render(portrait, take, longer, tmp_path / "out.mp4")
    with pytest.raises(BadSetting, match=r"must end in .mp4"):
        head.render(portrait, take, speech, tmp_path / "out.avi")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputFailed):
        head.render(portrait, take, speech, tmp_path / "file" / "out.mp4")
    with pytest.raises(BadSetting, match="takes"):
        head.plan_takes(portrait, speech, count=99)
    with pytest.raises(BadSetting, match="only renders takes"):
        replace(head, model=None).plan(portrait, speech)


def test_a_video_file_can_be_the_speech(head: TalkingHead, portrait: Portrait, take: Take, speech: Speech,
                                        tmp_path: Path) -> None:  # fmt: skip
    made = head.render(portrait, take, speech, tmp_path / "out.mp4").output
    assert abs(load_speech(made).seconds - speech.seconds) < 0.1


def test_the_frames_are_those_that_are_written(
    head: TalkingHead, portrait: Portrait, take: Take, speech: Speech, tmp_path: Path
) -> None:
    from PIL import Image

    small = replace(take, settings=take.settings.changed(size=256, alpha=True))
    result = head.render(portrait, small, speech, tmp_path / "frames")
    assert result.output == tmp_path / "frames" and "no sound" in result.notes[0]
    for index, frame in enumerate(head.frames(portrait, small)):
        assert frame.shape == (256, 256, 4)
        if index in (0, 20):
            with Image.open(tmp_path / "frames" / f"{index:05d}.png") as image:
                assert np.array_equal(np.asarray(image), frame)
        if index > 20:
            break


def test_another_background_touches_the_background_alone(head: TalkingHead, portrait: Portrait, take: Take) -> None:
    settings = take.settings.changed(size=256)
    green = next(head.frames(portrait, replace(take, settings=settings.changed(background="#00b140"))))
    own = next(head.frames(portrait, replace(take, settings=settings)))
    clear = next(head.frames(portrait, replace(take, settings=settings.changed(alpha=True))))
    person, behind = clear[..., 3] == 255, clear[..., 3] == 0
    assert 0.2 < person.mean() < 0.9 and behind.mean() > 0.05
    assert (green[behind] == (0, 177, 64)).all()
    assert np.abs(green[person].astype(int) - own[person]).mean() < 1.0


def test_typed_speech_has_captions_and_says_which_voice(
    head: TalkingHead, portrait: Portrait, take: Take, speech: Speech, tmp_path: Path
) -> None:
    from moda.media.verify import verify

    settings = take.settings.changed(size=256, captions=True, burn_captions=True)
    result = head.render(portrait, replace(take, settings=settings), speech, tmp_path / "out.mp4")
    assert [path.name for path in result.captions] == ["out.srt", "out.vtt"]
    assert "brother" in (tmp_path / "out.srt").read_text(encoding="utf-8")
    assert verify(tmp_path / "out.mp4").record["voice"] == "en-us+f2"
    bare = head.render(portrait, replace(take, settings=take.settings.changed(size=256)), speech, tmp_path / "bare.mp4")
    shown, without = (list(read_frames(path))[20].astype(int) for path in (result.output, bare.output))
    assert np.abs(shown - without)[190:240].mean() > 10 > 5 > np.abs(shown - without)[:150].mean()


def test_transparency_and_background_exclude_each_other() -> None:
    with pytest.raises(BadSetting, match="one of them"):
        Settings(alpha=True, background="green")


def test_paste_belongs_to_liveportrait(head: TalkingHead, portrait: Portrait, speech: Speech, tmp_path: Path) -> None:
    take = head.plan(portrait, speech, Settings(paste="face", steps=1))
    with pytest.raises(BadSetting, match="liveportrait's"):
        head.render(portrait, take, speech, tmp_path / "out.mp4")
    assert not list(tmp_path.iterdir())


def test_the_whole_picture_keeps_to_the_size_and_the_limit(head: TalkingHead, portrait: Portrait, take: Take) -> None:
    def shape(limit: int = 1080, **values: object) -> tuple[int, ...]:
        few = replace(take, settings=take.settings.changed(frame="whole", **values))
        limited = replace(head, limits=replace(head.limits, max_size=limit))
        return next(limited.frames(portrait, few)).shape

    height, width = portrait.image.shape[:2]
    assert shape() == (height // 2 * 2, width // 2 * 2, 3)
    assert shape(size=256)[0] == 256 and shape(size=256)[1] == pytest.approx(256 * width / height, abs=2)
    assert shape(300)[0] == 300
