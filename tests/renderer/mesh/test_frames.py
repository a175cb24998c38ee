"""What the frames show, measured on real pixels."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from moda.compiled import PLANNED
from moda.errors import BadSetting, Cancelled
from moda.portrait.faces import find_faces
from moda.portrait.measures import eye_distance, eye_openness, lip_gap
from moda.portrait.plate import UNSURE
from moda.renderer.mesh.drawing.viewport import build_viewport
from moda.renderer.mesh.renderer import MeshRenderer
from tests.renderer.mesh.conftest import Sitter

Track = Callable[[np.ndarray], np.ndarray]


def still_frame(sitter: Sitter, size: int = 512) -> np.ndarray:
    prepared = sitter.prepared
    return build_viewport(prepared.layers, prepared.region, prepared.window, size, False, prepared.field.moves).base[
        ..., :3
    ]


@pytest.mark.parametrize("name", ["astronaut", "hopper"])
def test_the_reference_motion_shows_the_portrait(name: str, request: pytest.FixtureRequest) -> None:
    sitter = request.getfixturevalue(name)
    (frame,) = sitter.render({})
    difference = np.abs(frame.astype(int) - still_frame(sitter))
    assert frame.shape == (512, 512, 3) and frame.dtype == np.uint8
    assert difference.mean() < 0.2
    assert np.percentile(difference, 99.5) <= 6


def test_jaw_open_opens_the_lips_in_proportion(hopper: Sitter, track: Track) -> None:
    wanted = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
    frames = hopper.render(*({"jaw_open": float(v)} for v in wanted))
    gaps = np.array([lip_gap(track(frame)) for frame in frames])
    assert (np.diff(gaps) > 0.02).all(), gaps
    assert gaps[0] < 0.03
    assert 0.20 < gaps[-1] < 0.42, gaps


def test_an_open_smile_can_close(astronaut: Sitter, track: Track) -> None:
    at_rest, closed = astronaut.render({}, {"jaw_open": 0.0, "lips_press": 0.3})
    assert lip_gap(track(at_rest)) > 0.12
    assert lip_gap(track(closed)) < 0.05


def test_blink_closes_the_eyes_step_by_step_and_hides_the_iris(astronaut: Sitter, track: Track) -> None:
    steps = [0.0, 0.35, 0.7, 1.0]
    frames = astronaut.render(*({"blink_left": v, "blink_right": v} for v in steps))
    openness = np.array([eye_openness(track(frame)) for frame in frames])
    assert (np.diff(openness, axis=0) < 0).all(), openness
    assert (openness[-1] < 0.3 * openness[0]).all(), openness
    marks = track(frames[0])
    for iris, rim in ((468, 469), (473, 474)):
        x, y = marks[iris, :2].astype(int)
        r = int(0.6 * np.linalg.norm(marks[iris, :2] - marks[rim, :2]))
        spot = (slice(y - r, y + r + 1), slice(x - r, x + r + 1))
        dark = [np.median(frame[spot].mean(-1)) for frame in (frames[0], frames[-1])]
        assert dark[1] > dark[0] + 25, "skin must cover the iris"


def test_one_eye_can_wink(astronaut: Sitter, track: Track) -> None:
    rest, wink = astronaut.render({}, {"blink_left": 1.0})
    before, after = eye_openness(track(rest)), eye_openness(track(wink))
    assert after[0] < 0.6 * before[0]
    assert after[1] > 0.8 * before[1]


def test_gaze_moves_the_iris(astronaut: Sitter, track: Track) -> None:
    left, right = (track(frame) for frame in astronaut.render({"gaze_x": -0.8}, {"gaze_x": 0.8}))
    for iris, corners in ((468, [33, 133]), (473, [362, 263])):
        centre = [(m[iris, 0] - m[corners, 0].mean()) / eye_distance(m) for m in (left, right)]
        assert centre[1] - centre[0] > 0.03


@pytest.mark.parametrize("name", ["pitch", "yaw", "roll"])
def test_pose_turns_the_head_the_way_of_the_convention(hopper: Sitter, track: Track, name: str) -> None:
    from moda.portrait.canonical import fit_pose

    index = {"pitch": 0, "yaw": 1, "roll": 2}[name]
    minus, plus = (fit_pose(track(frame)).angles[index] for frame in hopper.render({name: -7.0}, {name: 7.0}))
    assert 7.0 < plus - minus < 19.0


def test_expressions_move_brows_and_mouth_corners(hopper: Sitter, track: Track) -> None:
    from moda.portrait.measures import brow_height, smile_corner

    rest, smile, frown, raised = (
        track(f) for f in hopper.render({}, {"smile": 0.9}, {"frown": 0.9}, {"brow_raise": 1.0})
    )
    assert smile_corner(smile) > smile_corner(rest) + 0.04
    assert smile_corner(frown) < smile_corner(rest) - 0.02
    assert (brow_height(raised) > brow_height(rest) + 0.006).all()  # glasses hold the brows back


def test_the_same_motion_gives_the_same_bytes_wherever_it_starts(hopper: Sitter) -> None:
    frames = [{"jaw_open": 0.1 * k, "yaw": 2.0 * k, "blink_left": 0.2 * k, "smile": 0.1 * k} for k in range(5)]
    whole_run = hopper.render(*frames)
    again = hopper.render(*frames)
    part = hopper.render(*frames, start=2, stop=4)
    assert all((a == b).all() for a, b in zip(whole_run, again))
    assert len(part) == 2 and all((a == b).all() for a, b in zip(whole_run[2:4], part))


@pytest.mark.parametrize("name", ["astronaut", "hopper"])
def test_the_plate_stands_still_to_the_bit(name: str, request: pytest.FixtureRequest) -> None:
    """Wherever person and fringe are not, in any frame, every frame shows the same; and there the picture, where it is
    seen."""
    sitter = request.getfixturevalue(name)
    poses: list[dict[str, float]] = [{}]
    poses += [{"yaw": 6.0 * k - 12, "pitch": 3.0 * k - 6, "roll": 4.0 * k - 8, "jaw_open": 0.2 * k} for k in range(5)]
    shown = np.stack(sitter.render(*poses))
    cut = np.stack(sitter.render(*poses, alpha=True))
    assert cut.shape == (6, 512, 512, 4)
    # The fringe's margin, and what resampling reaches beyond it, px of the picture.
    reach = int((UNSURE * max(sitter.portrait.image.shape) + 8) * 512 / sitter.prepared.window[2])
    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    free = np.stack([cv2.dilate(frame[..., 3], around) == 0 for frame in cut])
    never = free.all(0)
    assert never.mean() > 0.1
    assert (shown[:, never] == still_frame(sitter)[never]).all()
    for k in range(6):  # uncovered by one pose or another: the same plate
        for other in range(k):
            both = free[k] & free[other]
            assert (shown[k][both] == shown[other][both]).all()
    uncovered = free[1] & (cut[5, ..., 3] == 255)
    assert uncovered.sum() > 500, "the head moves before its background"


def test_a_straight_line_behind_the_head_stays_straight(astronaut: Sitter) -> None:
    """Stripes painted behind the person, close to the hair, do not move when the head turns."""
    from dataclasses import replace

    from moda.portrait.portrait import learn_face

    portrait = astronaut.portrait
    alpha = portrait.matte.alpha[..., None]
    stripes = np.full_like(portrait.image, 90)
    stripes[:, ::16] = 200
    image = np.round(alpha * portrait.matte.foreground + (1 - alpha) * stripes).astype(np.uint8)
    striped = learn_face(image, portrait.face)
    striped.__dict__["matte"] = replace(portrait.matte, plate=stripes, carried=portrait.matte.alpha)
    prepared = astronaut.renderer.prepare(striped, breathing=False)
    (turned,) = astronaut.renderer.frames(prepared, astronaut.motion({"yaw": 15.0, "roll": 6.0}), whole=True)
    (cut,) = astronaut.renderer.frames(prepared, astronaut.motion({"yaw": 15.0, "roll": 6.0}), whole=True, alpha=True)
    behind = (cut[..., 3] == 0) & (portrait.matte.alpha < 0.5)
    assert np.abs(turned[behind].astype(int) - stripes[behind]).max() <= 1
    assert (behind & (portrait.matte.alpha > 0)).any()


def test_a_whole_picture_at_rest_is_the_picture_to_the_bit(astronaut: Sitter) -> None:
    image = astronaut.portrait.image
    rest, moved = astronaut.render({}, {"yaw": 10.0, "jaw_open": 0.9, "roll": 6.0}, whole=True)
    assert (rest == image).all()
    x0, y0, x1, y1 = (int(v) for v in astronaut.prepared.region)
    outside = np.ones(image.shape[:2], bool)
    outside[max(0, y0 - 1) : y1 + 3, max(0, x0 - 1) : x1 + 3] = False
    assert outside.any() and (moved[outside] == image[outside]).all()
    assert np.abs(moved.astype(int) - image).mean() > 0.5


def test_the_person_over_its_own_plate_is_the_portrait(astronaut: Sitter) -> None:
    """What is drawn once something moves fits what is shown at rest: hardly moved, hardly changed."""
    rest, prepared = still_frame(astronaut), astronaut.prepared
    shown = build_viewport(prepared.layers, prepared.region, prepared.window, 512, False, prepared.field.moves)
    x0, y0, x1, y1 = shown.box
    person = cv2.remap(shown.texture, *shown.at_rest, cv2.INTER_LINEAR).astype(np.float64)
    share = person[..., 3:] / 255
    again, rest = share * person[..., :3] + (1 - share) * shown.plate[y0:y1, x0:x1, :3], rest[y0:y1, x0:x1]
    off = np.abs(again - rest).max(-1)
    assert (off <= 8).mean() > 0.997  # where an edge was sharpened by enlarging it
    assert (off <= 1).mean() > 0.9  # what moves is sharper by what sampling takes


@pytest.mark.parametrize("size", [256, 1080])
def test_other_sizes(hopper: Sitter, size: int) -> None:
    """The same picture, drawn finer or coarser."""
    action = {"jaw_open": 0.5, "yaw": 5.0}
    (frame,), (usual,) = hopper.render(action, size=size), hopper.render(action, size=512)
    assert frame.shape == (size, size, 3)
    small = [cv2.resize(picture, (64, 64), interpolation=cv2.INTER_AREA).astype(int) for picture in (frame, usual)]
    assert np.abs(small[0] - small[1]).mean() < 2


def test_extreme_motion_is_held_back(hopper: Sitter) -> None:
    wild = {"yaw": 80.0, "pitch": -60.0, "roll": 70.0, "jaw_open": 5.0, "blink_left": 9.0, "smile": 7.0, "pucker": 4.0}
    (frame,), (wilder,) = hopper.render(wild), hopper.render({name: 2 * value for name, value in wild.items()})
    face, still = (max(find_faces(picture), key=lambda f: f.size) for picture in (frame, still_frame(hopper)))
    assert 0.8 < face.size / still.size < 1.4, "a face is still seen, as large as it was"
    yaw, roll = (face.pose.angles[k] - still.pose.angles[k] for k in (1, 2))
    assert 10 < abs(yaw) < 45 and 10 < abs(roll) < 45
    assert np.abs(frame.astype(int) - wilder).mean() < 3, "there is an end to it"


def test_bad_size_and_cancel(hopper: Sitter) -> None:
    with pytest.raises(BadSetting):
        hopper.render({}, size=33)
    with pytest.raises(Cancelled):
        hopper.render({}, {}, cancel=lambda: True)


def test_memory_does_not_grow_with_the_number_of_frames(hopper: Sitter) -> None:
    motion = hopper.motion(*({"jaw_open": 0.02 * (k % 40), "yaw": 0.2 * (k % 30)} for k in range(70)))
    stream = hopper.renderer.frames(hopper.prepared, motion)
    for _ in range(10):
        next(stream)
    tracemalloc.start()
    next(stream)
    early = tracemalloc.get_traced_memory()[0]
    for _ in stream:
        pass
    late = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert late - early < 2_000_000


def test_what_is_compiled_ahead_is_what_frames_call(hopper: Sitter, astronaut: Sitter) -> None:
    for function, signature in PLANNED:
        function.compile(signature)
    known = {function.__name__: len(function.signatures) for function, _ in PLANNED}
    lively = {"jaw_open": 0.7, "smile": 0.5, "blink_left": 0.8, "gaze_x": 0.2, "yaw": 9.0}
    for sitter in (hopper, astronaut):
        for options in ({"size": 256}, {"size": 1080}, {"whole": True}):
            sitter.render(lively, **options)
    assert {function.__name__: len(function.signatures) for function, _ in PLANNED} == known


def test_two_threads_draw_what_one_does(hopper: Sitter, monkeypatch: pytest.MonkeyPatch) -> None:
    motion = hopper.motion(*({"jaw_open": 0.1 * k, "yaw": 3.0 * k, "blink_left": 0.2 * k} for k in range(5)))
    monkeypatch.setattr("moda.renderer.mesh.renderer.cores", lambda: 1)
    alone = list(hopper.renderer.frames(hopper.prepared, motion))
    monkeypatch.setattr("moda.renderer.mesh.renderer.cores", lambda: 8)
    together = list(hopper.renderer.frames(hopper.prepared, motion))
    assert len(together) == 5 and (np.stack(together) == np.stack(alone)).all()


def test_shoulders_breathe_only_when_asked(hopper: Sitter) -> None:
    breathing = hopper.renderer.prepare(hopper.portrait)
    motion = hopper.motion(*({} for _ in range(28)))
    first, *_, last = hopper.renderer.frames(breathing, motion)
    change = np.abs(first.astype(int) - last).mean(-1)
    assert change[380:].max() > 4
    assert change[:60].max() == 0
    still_first, *_, still_last = hopper.renderer.frames(hopper.prepared, motion)
    assert (still_first == still_last).all()


def test_a_still_background_is_still_to_the_bit_and_a_loose_one_sways(hopper: Sitter) -> None:
    motion = hopper.motion({}, {"yaw": 12.0, "pitch": 6.0, "jaw_open": 0.6}, {"yaw": -12.0, "roll": 8.0})
    held = list(hopper.renderer.frames(hopper.prepared, motion, whole=True))
    loose = hopper.renderer.prepare(hopper.portrait, breathing=False, background_still=False)
    swaying = list(hopper.renderer.frames(loose, motion, whole=True))
    x, y = hopper.prepared.field.origin
    iod = hopper.prepared.field.iod
    sky = np.s_[int(y - iod) : int(y + iod), int(x + 2.5 * iod) : int(x + 2.8 * iod)]
    flag = np.s_[int(y - iod) : int(y + iod), int(x - 2.3 * iod) : int(x - 1.7 * iod)]
    assert all((frame[sky] == held[0][sky]).all() for frame in held)
    still, loosely = (np.abs(made[1][flag].astype(int) - made[2][flag]).mean() for made in (held, swaying))
    assert loosely > 2 * still
    assert (swaying[1][sky] != swaying[2][sky]).any()
    face = np.s_[int(y - 0.3 * iod) : int(y + iod), int(x - 0.6 * iod) : int(x + 0.6 * iod)]
    assert np.abs(swaying[1][face].astype(int) - held[1][face]).mean() < 1  # the head itself is carried alike
    assert (swaying[1][-20:] == held[1][-20:]).all()


@pytest.mark.parametrize(("size", "least"), [(256, 0.8), (512, 0.9)])
def test_the_skin_stays_as_sharp_as_the_portrait(size: int, least: float, hopper: Sitter, track: Track) -> None:
    """A portrait shown at and below its own size, at rest and turned: sampling takes no detail off it."""
    from moda.evaluate.measures.pictures import detail_at, eye_distance

    own = hopper.portrait.landmarks.astype(np.float32)
    for frame in hopper.render({}, {"yaw": 6.0}, size=size):
        found = track(frame).astype(np.float32)
        shared = 0.8 * min(eye_distance(found), eye_distance(own))
        ratio = detail_at(frame, found, shared) / detail_at(hopper.portrait.image, own, shared)
        assert least < ratio < 1.35


def test_a_covered_mouth_moves_as_one_and_shows_no_inside(hopper: Sitter) -> None:
    """A mask drawn over mouth and chin keeps its one colour, and the chin still carries it down."""
    from dataclasses import replace

    portrait = hopper.portrait
    image, marks = portrait.image.copy(), portrait.landmarks[:, :2]
    outline = marks[[50, 4, 280, 361, 397, 378, 152, 149, 172, 132]]
    cv2.fillPoly(image, [np.round(outline).astype(np.int32)], (70, 150, 200))
    masked = replace(portrait, image=image, mouth_covered=True)
    masked.__dict__["matte"] = replace(portrait.matte, foreground=image)
    prepared = hopper.renderer.prepare(masked, breathing=False)
    rest, opened = hopper.renderer.frames(prepared, hopper.motion({}, {"jaw_open": 0.9, "pucker": 0.6}), whole=True)
    x, y = marks[13].astype(int)
    mouth = np.s_[y - 15 : y + 15, x - 25 : x + 25]
    assert np.abs(opened[mouth].astype(int) - (70, 150, 200)).max() <= 4

    def lowest(frame: np.ndarray) -> int:
        blue = (np.abs(frame[:, x].astype(int) - (70, 150, 200)).max(-1) < 12).nonzero()[0]
        return int(blue.max())

    assert lowest(opened) > lowest(rest) + 3


def test_a_shouting_mouth_closes_with_its_own_lips(shared_data: Path, track: Track) -> None:
    from tests.renderer.mesh.conftest import Sitter, open_portrait

    portrait = open_portrait(shared_data / "reports" / "shout.png")
    renderer = MeshRenderer()
    sitter = Sitter(portrait, renderer.prepare(portrait, breathing=False), renderer)
    rest, closed, half = (lip_gap(track(f)) for f in sitter.render({}, {"jaw_open": 0.0}, {"jaw_open": 0.6}))
    assert rest > 0.45
    assert closed < 0.06
    assert 0.10 < half < 0.30


@pytest.mark.parametrize(("lamp", "strongest"), [((1.0, 0.2, 0.15), 0), ((0.3, 0.9, 0.35), 1), ((0.25, 0.45, 1.0), 2)])
def test_teeth_and_tongue_take_the_colour_of_the_light(lamp: Any, strongest: Any, hopper: Sitter) -> None:
    from moda.renderer.mesh.analysis.teeth import measure_tones

    portrait = hopper.portrait
    points, iod = portrait.landmarks.astype(float), float(portrait.placement.scale)
    white = measure_tones(portrait.image, points, iod, None)
    lit = measure_tones(np.round(portrait.image * np.array(lamp)).astype(np.uint8), points, iod, None)
    for found, plain in ((lit.tooth, white.tooth), (lit.tongue, white.tongue)):
        assert found.argmax() == strongest
        share, own = found / found.sum(), plain * lamp / (plain * lamp).sum()
        assert np.abs(share - own).max() < 0.12


def test_a_lower_lip_that_goes_down_uncovers_the_lower_teeth(monkeypatch: pytest.MonkeyPatch, hopper: Sitter) -> None:
    """They stand on the jaw: the lip alone does not move them, the jaw does."""
    from moda.renderer.mesh.drawing import mouth

    edges: list[float] = []
    monkeypatch.setattr(mouth, "paint_mouth", lambda *given: edges.append(given[-1].lower_edge))
    hopper.render({"jaw_open": 0.2}, {"jaw_open": 0.2, "lower_lip_depress": 0.8}, {"jaw_open": 0.5})
    lip, jaw = np.diff(edges)[0], edges[2] - edges[0]
    assert jaw > 4 and abs(lip) < 0.2 * jaw
