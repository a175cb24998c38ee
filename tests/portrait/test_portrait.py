"""Opening a portrait: what is learnt, what is hinted at, what is refused and with which words."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from moda.errors import BadPicture, FaceNotUsable, NoFaceFound
from moda.portrait.portrait import Portrait, open_portrait
from tests.portrait.conftest import turned


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


def test_the_crop_is_upright_and_holds_the_face(hopper: np.ndarray) -> None:
    for degrees in (0, 30):
        portrait = open_portrait(turned(hopper, degrees))
        points = portrait.crop.to_crop(portrait.landmarks[:, :2])
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


def test_no_face_says_so() -> None:
    with pytest.raises(NoFaceFound, match="No face was found"):
        open_portrait(np.full((300, 300, 3), 90, np.uint8))


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
            with pytest.raises(FaceNotUsable, match="does not look human"):
                open_portrait(path)
        else:
            portrait = open_portrait(path)
            assert portrait.face.certainty > 1.15, path.stem
            assert abs(portrait.pose[1]) < 40


def test_pose_signs_on_real_pictures(shared_data: Path) -> None:
    folder = shared_data / "portraits"
    assert open_portrait(folder / "s10.jpg").pose[1] > 25  # looks to image left
    assert open_portrait(folder / "art_8.png").pose[2] > 10  # leans clockwise
    assert abs(open_portrait(folder / "s7.jpg").pose[1]) < 5


def test_a_warm_analysis_takes_about_a_tenth_of_a_second(hopper: np.ndarray) -> None:
    open_portrait(hopper)
    start = time.process_time()
    for _ in range(3):
        open_portrait(hopper)
    assert (time.process_time() - start) / 3 < 0.4  # about 0.06 on an idle core


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
