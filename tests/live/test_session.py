"""Live sessions: the same whatever the pieces, in time with the sound, continuous through everything."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moda.assets import asset
from moda.conditions.speech import log_mel_features
from moda.errors import BadSetting, BadSpeech
from moda.live.hearing import FRAME, LOOK_AHEAD, Hearing
from moda.live.presence import FASTEST, HeadFilter, turning_speed
from moda.live.session import ALONE, Cut, LiveSession
from moda.media.audio import load_speech
from moda.models import lite_folder
from moda.models.lite import LiteModel
from moda.models.motion_model import Start
from moda.motion.actions import INDEX, NEUTRAL, read_actions
from moda.motion.space import FPS, neutral_reference, normalise
from moda.settings import Settings

JAW, LIDS = INDEX["jaw_open"], INDEX["blink_left"]
REFERENCE = neutral_reference(3.0, -5.0, 2.0)
START = Start(np.zeros(63, np.float32), normalise(REFERENCE), REFERENCE, NEUTRAL)


def speech_like(seconds: float) -> np.ndarray:
    """The example's speech from its first sound on."""
    sound = np.asarray(load_speech(str(asset("examples/welcome.wav"))).waveform, np.float32)
    begins = int(np.flatnonzero(np.abs(sound) > 0.05)[0])
    return sound[begins : begins + round(16_000 * seconds)]


@pytest.fixture(scope="module")
def model() -> LiteModel:
    return LiteModel(lite_folder())


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    return speech_like(4.0)


def session(model: LiteModel, seed: int = 5, **values: object) -> LiveSession:
    return LiveSession(model, START, Settings(seed=seed, **values))  # type: ignore[arg-type]


def pushed(live: LiveSession, sound: np.ndarray, size: int) -> np.ndarray:
    return np.concatenate([live.push(sound[at : at + size]).array for at in range(0, len(sound), size)])


@settings(max_examples=20)
@given(st.lists(st.integers(0, 3000), min_size=1, max_size=30))
def test_features_of_pieces_are_those_of_the_whole(sizes: list[int]) -> None:
    sound = np.random.default_rng(1).normal(0, 0.1, 24_000).astype(np.float32)
    hearing, found, at = Hearing(), [], 0
    for size in [*sizes, 24_000]:
        hearing.hear(sound[at : at + size])
        at += size
        if hearing.due:
            found.append(hearing.features(hearing.due))
    whole = log_mel_features(sound, 40)
    made = np.concatenate(found)
    assert len(made) == (24_000 - LOOK_AHEAD) // FRAME + 1
    assert np.abs(made - whole[: len(made)]).max() < 1e-4


def test_a_frame_comes_as_soon_as_its_look_ahead_is_there(model: LiteModel, speech: np.ndarray) -> None:
    """No frame waits for more than its look-ahead, the draft behind it, and the rest of its piece."""
    live, given = session(model), 0
    for at in range(0, 16_000, 160):
        given += len(live.push(speech[at : at + 160]))
        heard = at + 160
        waiting = (heard - LOOK_AHEAD) // FRAME + 1 - given
        assert waiting < ALONE.piece + ALONE.draft
        assert given * FRAME + LOOK_AHEAD <= heard or given == 0
    assert live.frames == given > 15


def test_the_pieces_of_the_sound_do_not_matter(model: LiteModel, speech: np.ndarray) -> None:
    one, two = (pushed(session(model), speech, size) for size in (640, 3331))
    assert len(one) == len(two) and np.abs(one - two).max() < 1e-3
    assert np.abs(one - pushed(session(model, seed=6), speech, 640)).max() > 0.01


def test_the_same_pieces_give_the_same_bytes(model: LiteModel, speech: np.ndarray) -> None:
    assert np.array_equal(*(pushed(session(model), speech[:32_000], 999) for _ in range(2)))


def test_flush_gives_every_frame_of_the_sound(model: LiteModel, speech: np.ndarray) -> None:
    live = session(model)
    count = len(pushed(live, speech[:30_001], 1000))
    motion = live.flush()
    assert count + len(motion) == 47 == live.frames  # ceil(30001 / 640)
    assert len(live.flush()) == 0
    assert motion.reference is not None and np.array_equal(motion.reference, REFERENCE)


def test_idle_gives_exactly_as_many_frames_and_the_mouth_rests(model: LiteModel, speech: np.ndarray) -> None:
    live = session(model)
    assert [len(live.idle(k)) for k in (0, 1, 7, 40)] == [0, 1, 7, 40]
    pushed(live, speech, 640)
    live.flush()
    rest = live.idle(75)
    assert np.percentile(read_actions(rest.expression, NEUTRAL)[10:, JAW], 95) < 0.1


def test_lips_follow_the_sound(model: LiteModel) -> None:
    """A loud second between silent ones opens the mouth then, and only then: as offline, from 0.2 s before on."""
    burst = speech_like(1.2)
    sound = np.concatenate([np.zeros(16_000, np.float32), burst, np.zeros(16_000, np.float32)])
    live = session(model)
    motion = np.concatenate([pushed(live, sound, 640), live.flush().array])
    jaw = read_actions(motion[:, :63], NEUTRAL)[:, JAW]
    assert jaw[:20].max() < 0.12 and jaw[26:55].max() > 0.25 and np.percentile(jaw[62:], 90) < 0.15


@pytest.mark.parametrize("cut", [Cut(1, 4), Cut(2, 3), Cut(10, 2)])
def test_a_cut_keeps_its_delay(model: LiteModel, speech: np.ndarray, cut: Cut) -> None:
    live = LiveSession(model, START, Settings(seed=5), cut=cut)
    for at in range(0, 24_000, 160):
        before = live.frames
        given = len(live.push(speech[at : at + 160]))
        assert given in (0, cut.piece), given
        if given:
            assert at / 16_000 - 1e-9 <= before / 25 + cut.delay <= (at + 160) / 16_000 + 1e-9


def test_a_cut_may_change_between_two_pieces(model: LiteModel, speech: np.ndarray) -> None:
    live, shown = session(model), []
    for at in range(0, 48_000, 640):
        live.cut = (Cut(1, 4), Cut(8, 2), Cut(3, 2))[at // 3200 % 3]
        shown.append(live.push(speech[at : at + 640]).array)
    motion = np.concatenate([*shown, live.flush().array])
    assert len(motion) == 75 and turning_speed(motion).max() <= FASTEST + 0.1


def test_a_listener_glances_but_not_while_somebody_talks_to_it(model: LiteModel) -> None:
    aside, attentive = session(model), session(model)
    attentive.listen(True)
    looks = [read_actions(live.idle(500).expression, NEUTRAL)[:, INDEX["gaze_x"]] for live in (aside, attentive)]
    assert np.abs(looks[0] - np.median(looks[0])).max() > np.abs(looks[1] - np.median(looks[1])).max() + 0.05


def test_a_listener_nods_where_a_phrase_ends_and_not_after_a_cough(model: LiteModel) -> None:
    def dip(seconds: float) -> float:
        live = session(model)
        live.listen(True)
        live.idle(round(25 * seconds))
        live.listen(False)
        pitch, other = live.idle(30).array[:, 67], session(model)
        other.idle(round(25 * seconds))
        return float((pitch - other.idle(30).array[:, 67]).max())

    assert dip(2.0) > 2.5 and abs(dip(0.3)) < 1.0


def test_a_recording_is_a_take_with_its_speech(model: LiteModel, speech: np.ndarray, tmp_path: Path) -> None:
    live = session(model, expression=1.2, head_motion=0.5)
    pushed(live, speech[:8_000], 640)
    live.record()
    begins = -(-8_000 // FRAME)
    shown = [live.push(speech[at : at + 640]) for at in range(8_000, 40_000, 640)]
    frames = live.frames
    take, sound = live.take()
    assert len(take.motion) == frames - begins and len(sound) == FRAME * len(take.motion)
    heard = speech[FRAME * begins : FRAME * begins + len(sound)]
    assert np.abs(sound[: len(heard)] - heard).max() < 1e-4
    assert np.array_equal(take.motion.array, np.concatenate([m.array for m in shown])[-len(take.motion) :])
    assert np.array_equal(take.trimmed(take.settings).motion.array, take.motion.array)
    assert np.array_equal(take.load(take.save(tmp_path / "live.npz")).motion.array, take.motion.array)
    with pytest.raises(BadSetting, match="Nothing was recorded"):
        live.take()


def test_an_interrupt_is_silence_in_the_recording(model: LiteModel, speech: np.ndarray) -> None:
    live = session(model)
    live.record()
    pushed(live, speech[:24_000], 640)
    shown = live.frames
    live.interrupt()
    live.idle(20)
    take, sound = live.take()
    assert len(take.motion) == shown + 20
    assert np.abs(sound[: FRAME * shown]).max() > 0.05 and np.abs(sound[FRAME * shown :]).max() == 0


def test_listening_blinks(model: LiteModel) -> None:
    shut = read_actions(session(model).idle(1000).expression, NEUTRAL)[:, LIDS] > 0.6
    blinks = int((np.diff(shut.astype(int)) == 1).sum())
    assert 8 <= 60 * FPS * blinks / len(shut) <= 55  # a minute, as people do


def test_no_jump_whatever_happens(model: LiteModel, speech: np.ndarray) -> None:
    """Interrupts, changes of emotion and trims, idling and talking at random moments."""
    live, rng, shown = session(model), np.random.default_rng(3), []
    for _ in range(60):
        at = int(rng.integers(0, len(speech) - 4000))
        shown.append(live.push(speech[at : at + int(rng.integers(100, 4000))]).array)
        choice = rng.integers(0, 6)
        if choice == 0:
            live.interrupt()
        elif choice == 1:
            live.change(emotion=str(rng.choice(["happy", "angry", "", "sad"])), head_motion=float(rng.uniform(0, 2)))
        elif choice == 2:
            shown.append(live.idle(int(rng.integers(0, 9))).array)
        elif choice == 3:
            live.nod()
    motion = np.concatenate(shown)
    assert np.isfinite(motion).all() and turning_speed(motion).max() <= FASTEST + 0.1
    assert len(motion) == live.frames


def test_two_hundred_interrupts(model: LiteModel, speech: np.ndarray) -> None:
    live, rng, shown = session(model), np.random.default_rng(8), []
    for _ in range(200):
        at = int(rng.integers(0, len(speech) - 8000))
        shown.append(live.push(speech[at : at + int(rng.integers(200, 6000))]).array)
        live.interrupt()
    motion = np.concatenate([*shown, live.idle(25).array])
    assert np.isfinite(motion).all() and len(motion) == live.frames > 200
    assert turning_speed(motion).max() <= FASTEST + 0.1
    assert np.percentile(read_actions(motion[-10:, :63], NEUTRAL)[:, JAW], 95) < 0.15


def test_an_interrupt_closes_the_mouth_within_a_tenth_of_a_second(model: LiteModel, speech: np.ndarray) -> None:
    live = session(model)
    before = pushed(live, speech[:48_000], 640)
    live.interrupt()
    after = live.idle(12).array
    jaw = read_actions(np.concatenate([before, after])[:, :63], NEUTRAL)[:, JAW]
    assert jaw[len(before) + 5 :].max() < 0.25 and jaw[-3:].max() < 0.1


def test_a_change_of_feeling_shows(model: LiteModel) -> None:
    live = session(model)
    calm = live.idle(50)
    live.change(emotion="overjoyed")
    glad = live.idle(75)
    smile = INDEX["smile"]
    values = [read_actions(m.expression, NEUTRAL)[:, smile] for m in (calm, glad)]
    assert values[1][30:].mean() > values[0].mean() + 0.1


def test_the_head_reaches_its_target_without_overshoot() -> None:
    head = HeadFilter(np.zeros(7, np.float32))
    path = head(np.tile(np.array([0, 0, 0, 0, 6.0, 0, 0], np.float32), (40, 1)))[:, 4]
    assert (np.diff(path) >= -1e-6).all() and path.max() <= 6.001 and path[-1] > 5.99


def test_the_head_faces_the_viewer_over_a_minute(model: LiteModel) -> None:
    turned = session(model, seed=5).idle(1500).array[:, 67:70] - REFERENCE[67:70]
    assert np.abs(turned.reshape(6, 250, 3).mean(axis=1)).max() < 8.0  # ten seconds each: it wandered by 20 degrees
    assert np.abs(turned.mean(axis=0)).max() < 4.0 and turned.std(axis=0).min() > 0.5


def test_whatever_comes_is_only_sound(model: LiteModel) -> None:
    """Noise at full scale, samples far beyond it, a hum, silence: the face stays a face, and the session goes on."""
    rng, live = np.random.default_rng(6), session(model)
    noise = rng.uniform(-1, 1, 8_000).astype(np.float32)
    hum = np.sin(np.arange(8_000) / 3).astype(np.float32)
    shown = np.concatenate([pushed(live, one, 999) for one in (noise, 1e6 * noise, hum, np.zeros(8_000, np.float32))])
    motion = np.concatenate([shown, live.flush().array])
    assert len(motion) == 50 and np.isfinite(motion).all() and turning_speed(motion).max() <= FASTEST + 0.1
    assert read_actions(motion[:, :63], NEUTRAL)[:, JAW].max() < 1.5


def test_bad_input_is_named(model: LiteModel) -> None:
    live = session(model)
    with pytest.raises(BadSpeech, match="not finite"):
        live.push(np.array([0.0, np.nan], np.float32))
    with pytest.raises(BadSpeech, match="mono"):
        live.push(np.zeros((3, 2), np.float32))
    with pytest.raises(BadSpeech, match="must be numbers"):
        live.push(["a", "b"])
    with pytest.raises(BadSetting, match="a minute"):
        live.push(np.zeros(16_000 * 61, np.float32))
    with pytest.raises(BadSetting, match="seed cannot change"):
        live.change(seed=3)
    with pytest.raises(BadSetting, match="without times"):
        live.change(emotion="0-3s happy; 3s- sad")
    with pytest.raises(BadSetting, match="preset studio"):
        session(model, preset="reference")
    assert len(live.idle(5)) == 5  # none of it harmed the session
