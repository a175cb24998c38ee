"""Opening a portrait: what is learnt, what is hinted at, what is refused and with which words."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from moda.errors import BadPicture, BadSetting, FaceNotUsable, NoFaceFound
from moda.portrait.portrait import Portrait, choose_face, open_portrait
from tests.portrait.conftest import turned
from tests.portrait.points import mapped


def test_what_is_learnt(hopper_portrait: Portrait, hopper: np.ndarray) -> None:
    portrait = hopper_portrait
    assert portrait.name == "grace_hopper" and portrait.size == (512, 600)
    assert np.array_equal(portrait.image, hopper)
    assert portrait.crop.image.shape == (512, 512, 3)
    assert portrait.identity.shape == (63,) and portrait.identity.dtype == np.float32
    assert all(abs(angle) < 12 for angle in portrait.pose)
    assert portrait.rest.gap < 0.05 and 0.15 < portrait.rest.eye_left < 0.5
    assert portrait.rest.glasses
    assert len(portrait.digest) == 64
    assert any("lasses" in hint for hint in portrait.hints)


def test_open_mouth_and_small_face_are_hinted_at(astronaut: np.ndarray) -> None:
    portrait = open_portrait(astronaut)
    assert portrait.rest.gap > 0.1 and not portrait.rest.glasses
    assert portrait.rest.smile > 0.1
    assert any("mouth is open" in hint for hint in portrait.hints)
    assert any("small" in hint for hint in portrait.hints)


def test_a_blurred_face_is_hinted_at(hopper: np.ndarray, hopper_portrait: Portrait) -> None:
    assert not any("blurred" in hint for hint in hopper_portrait.hints)
    blurred = open_portrait(cv2.GaussianBlur(hopper, (0, 0), 3))
    assert any("blurred" in hint for hint in blurred.hints)


def test_digest_depends_on_pixels_and_face(hopper: np.ndarray, astronaut: np.ndarray) -> None:
    both = np.hstack([astronaut, hopper[:512]])
    first, second = open_portrait(both, face_index=0), open_portrait(both, face_index=1)
    assert first.digest != second.digest
    assert open_portrait(both, point=(225, 120)).digest == second.digest
    assert first.digest == open_portrait(both.copy(), face_index=0).digest
    changed = both.copy()
    changed[0, 0] ^= 1
    assert open_portrait(changed, face_index=0).digest != first.digest
    assert any("2 faces" in hint for hint in open_portrait(both).hints)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_picture_on_its_side_is_turned_upright(hopper: np.ndarray, hopper_portrait: Portrait, quarters: int) -> None:
    portrait = open_portrait(np.ascontiguousarray(np.rot90(hopper, quarters)))
    assert np.array_equal(portrait.image, hopper)
    assert np.allclose(portrait.landmarks, hopper_portrait.landmarks, atol=2.5)
    assert any("upright" in hint for hint in portrait.hints)


def test_a_tilted_head_is_not_turned(hopper: np.ndarray) -> None:
    portrait = open_portrait(turned(hopper, 25))
    assert not any("upright" in hint for hint in portrait.hints)
    assert portrait.pose[2] == pytest.approx(25 - 3, abs=3)


@pytest.mark.parametrize("degrees", [48, -52, 58])
def test_a_head_that_leans_far_does_not_turn_the_room(hopper: np.ndarray, degrees: float) -> None:
    leaning = turned(hopper, degrees, 0.8)
    portrait = open_portrait(leaning)
    assert portrait.quarter_turns == 0 and np.array_equal(portrait.image, leaning)
    assert portrait.pose[2] == pytest.approx(degrees - 3, abs=5)
    assert any("leans far" in hint for hint in portrait.hints)


@pytest.mark.parametrize("degrees", [20, -20])
def test_a_picture_on_its_side_with_a_tilted_head_is_turned(hopper: np.ndarray, degrees: float) -> None:
    portrait = open_portrait(np.ascontiguousarray(np.rot90(turned(hopper, degrees))))
    assert portrait.quarter_turns == 3
    assert portrait.pose[2] == pytest.approx(degrees - 3, abs=5)


def cover(image: np.ndarray, portrait: Portrait, what: str) -> np.ndarray:
    """`image` with a mask, a hand or a microphone drawn before the mouth."""
    points, iod = portrait.landmarks[:, :2], float(portrait.placement.scale)
    covered = image.copy()
    mouth = points[[13, 14]].mean(0)

    def at(*places: tuple[float, float]) -> np.ndarray:
        return np.round(mouth + iod * np.array(places)).astype(np.int32)

    if what == "mask":
        outline = at((-0.9, -0.5), (0, -0.7), (0.9, -0.5), (0.7, 0.4), (0, 0.8), (-0.7, 0.4))
        cv2.fillPoly(covered, [outline], (215, 225, 230))
    elif what == "hand":
        for k in range(4):
            a, b = at((-0.5, -0.25 + 0.2 * k), (0.8, -0.25 + 0.2 * k))
            cv2.line(covered, tuple(map(int, a)), tuple(map(int, b)), (120, 70, 45), round(0.2 * iod))
            cv2.line(covered, tuple(map(int, a)), tuple(map(int, b)), (200, 140, 110), round(0.16 * iod))
    else:
        a, b = at((0, 0.05), (0.4, 1.9))
        cv2.line(covered, tuple(map(int, a)), tuple(map(int, b)), (30, 30, 32), round(0.25 * iod))
        cv2.circle(covered, tuple(map(int, a)), round(0.4 * iod), (45, 45, 50), -1)
    return covered


@pytest.mark.parametrize("what", ["mask", "hand", "microphone"])
@pytest.mark.parametrize("who", ["hopper", "astronaut"])
def test_a_covered_mouth_is_noticed(what: str, who: str, request: pytest.FixtureRequest) -> None:
    image = request.getfixturevalue(who)
    open_ = open_portrait(image)
    assert not open_.mouth_covered
    portrait = open_portrait(cover(image, open_, what))
    assert portrait.mouth_covered
    assert any("mouth is covered" in hint for hint in portrait.hints)
    assert not any("mouth is open" in hint for hint in portrait.hints)


def test_a_grey_picture_has_lips(hopper: np.ndarray, astronaut: np.ndarray) -> None:
    for image in (hopper, astronaut):
        grey = np.repeat(image.mean(2, keepdims=True), 3, axis=2).astype(np.uint8)
        portrait = open_portrait(grey)
        assert not portrait.mouth_covered
        for what in ("mask", "microphone"):
            covered = cover(image, portrait, what)
            assert open_portrait(np.repeat(covered.mean(2, keepdims=True), 3, axis=2).astype(np.uint8)).mouth_covered


def test_a_covered_face_is_no_animal(astronaut: np.ndarray) -> None:
    """A patterned cloth over everything below the eyes: the full-range detector hardly knows such a face."""
    portrait = open_portrait(astronaut)
    points, iod = portrait.landmarks[:, :2], float(portrait.placement.scale)
    cloth = np.array([(-1.5, -0.4), (0, -0.55), (1.5, -0.4), (1.5, 2), (-1.5, 2)])
    covered = astronaut.copy()
    cv2.fillPoly(covered, [np.round(points[[13, 14]].mean(0) + iod * cloth).astype(np.int32)], (30, 30, 33))
    covered[::6][(covered[::6] == (30, 30, 33)).all(-1)] = (15, 15, 16)
    veiled = open_portrait(covered)
    assert veiled.face.certainty < 1.0 and veiled.face.upper_error < 0.7 * veiled.face.lower_error
    assert veiled.mouth_covered


def test_facts_about_several_faces(hopper: np.ndarray, astronaut: np.ndarray) -> None:
    both = np.hstack([astronaut, hopper[:512]])
    portrait = open_portrait(both)
    assert portrait.face_count == 2 and len(portrait.others) == 1 and not portrait.chosen
    chosen = open_portrait(both, face_index=1)
    assert chosen.chosen and chosen.others[0].box == pytest.approx(portrait.face.box, abs=2)
    assert not any("faces" in hint for hint in chosen.hints)


def test_a_dark_face_is_hinted_at(hopper: np.ndarray) -> None:
    assert any("dark" in hint for hint in open_portrait((hopper * 0.2).astype(np.uint8)).hints)


def test_an_animation_that_fades_in_shows_its_face(astronaut: np.ndarray) -> None:
    import io

    from PIL import Image

    frames = [Image.fromarray((astronaut * min(1, k / 6)).astype(np.uint8)) for k in range(9)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:], duration=80)
    found = open_portrait(buffer.getvalue())
    assert found.face.human and found.rest.brightness > 0.9 * open_portrait(astronaut).rest.brightness


def test_a_pose_is_fitted_once(hopper_portrait: Portrait) -> None:
    assert hopper_portrait.placement is hopper_portrait.face.pose
    assert hopper_portrait.pose == tuple(float(angle) for angle in hopper_portrait.face.pose.angles)


def test_reported_pictures(shared_data: Path) -> None:
    reports = shared_data / "reports"
    leaning = open_portrait(reports / "leaning_48.png")
    assert leaning.quarter_turns == 0 and leaning.size == (1024, 1200)
    assert open_portrait(reports / "mask.png").mouth_covered and open_portrait(reports / "hand.png").mouth_covered
    assert not open_portrait(reports / "shout.png").mouth_covered
    assert any("2 faces" in hint for hint in open_portrait(reports / "two_people.png").hints)
    assert open_portrait(reports / "anim_black_first.gif").face.human


def test_the_crop_is_upright_and_holds_the_face(hopper: np.ndarray) -> None:
    for degrees in (0, 30):
        portrait = open_portrait(turned(hopper, degrees))
        points = mapped(portrait.crop.o2c, portrait.landmarks[:, :2])
        assert (points > 60).all() and (points < 450).all()
        eyes = points[[468, 473]]
        assert abs(np.degrees(np.arctan2(*(eyes[1] - eyes[0])[::-1]))) < 4


CUTS = {
    "left": (slice(None), slice(225, None)),
    "top": (slice(215, None), slice(None)),
    "chin": (slice(None, 285), slice(None)),
}


@pytest.mark.parametrize("cut", CUTS)
def test_a_cut_face_is_refused(hopper: np.ndarray, cut: str) -> None:
    with pytest.raises((FaceNotUsable, NoFaceFound)) as caught:
        open_portrait(np.ascontiguousarray(hopper[CUTS[cut]]))
    assert "cut off" in str(caught.value)


def test_a_small_face_is_refused_with_its_size(hopper: np.ndarray) -> None:
    tiny = cv2.resize(hopper, None, fx=0.3, fy=0.3, interpolation=cv2.INTER_AREA)
    with pytest.raises(FaceNotUsable, match=r"only \d\d pixels wide"):
        open_portrait(tiny)


def stored(picture: np.ndarray) -> np.ndarray:
    """With the blocks of a JPEG picture."""
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 75])[1], cv2.IMREAD_COLOR))


def test_a_small_picture_is_refused_with_its_size(astronaut: np.ndarray) -> None:
    small = cv2.resize(astronaut, (64, 64), interpolation=cv2.INTER_AREA)
    with pytest.raises(NoFaceFound, match="only 64 x 64 pixels"):
        open_portrait(small)


def nothing(hopper: np.ndarray) -> dict[str, tuple[np.ndarray, str]]:
    noise = np.random.default_rng(0).integers(0, 255, (300, 300, 3), dtype=np.uint8)
    return {
        "one colour": (np.full((300, 300, 3), 90, np.uint8), "one colour"),
        "black": (np.random.default_rng(1).integers(0, 9, (300, 300, 3), dtype=np.uint8), "almost black"),
        "dark": ((hopper * 0.015).astype(np.uint8), "almost black"),
        "blurred": (np.asarray(cv2.GaussianBlur(hopper, (0, 0), 8)), "very blurred"),
        "smeared": (np.asarray(cv2.GaussianBlur(hopper, (0, 0), 30)), "very blurred"),
        "blurred and stored": (stored(np.asarray(cv2.GaussianBlur(hopper, (0, 0), 14))), "very blurred"),
        "noise": (noise, "shows a face clearly"),
    }


@pytest.mark.parametrize("case", ["one colour", "black", "dark", "blurred", "smeared", "blurred and stored", "noise"])
def test_no_face_says_so_and_why(case: str, hopper: np.ndarray) -> None:
    picture, reason = nothing(hopper)[case]
    with pytest.raises(NoFaceFound, match=f"No face was found.*{reason}"):
        open_portrait(picture)


def test_profile_is_refused() -> None:
    import skimage

    path = Path(skimage.__file__).parent / "data" / "camera.png"
    if not path.exists():
        pytest.skip("this scikit-image does not carry the cameraman")
    with pytest.raises(FaceNotUsable, match="turned"):
        open_portrait(path)


def test_a_file_that_is_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "me.jpg"
    path.write_bytes(b"<html></html>")
    with pytest.raises(BadPicture, match="web page"):
        open_portrait(path)


def test_real_portraits_are_accepted_and_animals_refused(shared_data: Path) -> None:
    folder = shared_data / "portraits"
    for path in sorted(folder.iterdir()):
        if path.stem in ("s22", "s31"):
            for width in (400, 1000):
                with Image.open(path) as animal, pytest.raises(FaceNotUsable, match="does not look human"):
                    open_portrait(
                        np.asarray(animal.convert("RGB").resize((width, width * animal.height // animal.width)))
                    )
        else:
            portrait = open_portrait(path)
            assert portrait.face.certainty > 1.15, path.stem
            assert abs(portrait.pose[1]) < 40 and not portrait.mouth_covered


def test_pose_signs_on_real_pictures(shared_data: Path) -> None:
    folder = shared_data / "portraits"
    assert open_portrait(folder / "s10.jpg").pose[1] > 25  # looks to image left
    assert open_portrait(folder / "art_8.png").pose[2] > 10  # leans clockwise
    assert abs(open_portrait(folder / "s7.jpg").pose[1]) < 5


def test_analysis_is_silent_and_imports_little(hopper_path: Path) -> None:
    """MediaPipe's C++ chatter and its heavy imports stay out, in a process of its own."""
    code = (
        "import sys; from moda.portrait.portrait import open_portrait\n"
        "assert not {'mediapipe', 'cv2', 'PIL', 'torch'} & set(sys.modules)\n"
        f"print(round(open_portrait({str(hopper_path)!r}).pose[1]))\n"
        "assert not {'matplotlib', 'jax', 'tensorflow', 'sounddevice'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.strip().lstrip("-").isdigit()


def test_another_face_of_the_same_picture(hopper: np.ndarray, astronaut: np.ndarray) -> None:
    both = np.hstack([astronaut, hopper[:512]])
    first = open_portrait(both)
    point = ((first.others[0].box[0] + first.others[0].box[2]) / 2, first.others[0].box[1])
    other = choose_face(first, point=point)
    assert other.digest == open_portrait(both, point=point).digest and other.chosen
    assert other.image is first.image and other.face_count == 2
    largest = max(first.face, other.face, key=lambda face: face.size)
    assert choose_face(other, index=0).face.box == pytest.approx(largest.box, abs=2)
    with pytest.raises(BadSetting, match="counted from 0"):
        choose_face(first, index=5)
