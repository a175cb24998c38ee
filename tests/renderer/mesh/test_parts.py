"""The pieces that the renderer is made of."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moda.motion.actions import ACTIONS, GAP_PER_JAW, INDEX
from moda.portrait.canonical import canonical_face, mirror_map
from moda.renderer.mesh.analysis import displacements, teeth, topology
from moda.renderer.mesh.analysis.curves import spline_matrix
from moda.renderer.mesh.analysis.deform import action_fields, drawn_fields, round_corners
from moda.renderer.mesh.drawing import compose, rasteriser
from moda.renderer.mesh.drawing.aperture_kernels import MouthShape, paint_mouth
from moda.renderer.mesh.drawing.pose import hold
from moda.renderer.mesh.drawing.rig import relative_actions


def test_mesh_covers_the_face_once() -> None:
    triangles = np.vstack([topology.skin_triangles(), topology.hole_triangles()])
    points = topology.with_lash_rows(canonical_face())
    a, b, c = (points[triangles[:, k], :2] for k in range(3))
    area = np.cross(b - a, c - a) / 2
    oval = points[list(topology.OVAL), :2]
    x, y = oval.T
    inside = abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2
    assert (area > 0).mean() > 0.99
    assert abs(area.sum() - inside) < 0.01 * inside
    assert set(np.unique(triangles)) == set(range(topology.FACE))


def test_displacements_keep_their_anchors_and_are_symmetric() -> None:
    fields = action_fields(canonical_face().astype(float))
    assert set(fields) == {*displacements.MOUTH_ACTIONS, *displacements.BROW_ACTIONS}
    mirror = mirror_map()[:468]
    for name, field in fields.items():
        assert np.isfinite(field).all() and np.abs(field).max() < 0.4
        for mark in displacements.FIXED_ALWAYS:
            if mark not in {**displacements.MOUTH_ACTIONS, **displacements.BROW_ACTIONS}[name]:
                assert np.abs(field[mark]).max() < 1e-9
        flip = np.array([1.0 if name in displacements.CARRIED else -1.0, 1.0, 1.0])
        assert np.abs(field[mirror] - field * flip).max() < 0.006, name
    assert fields["jaw_open"][14, 1] - fields["jaw_open"][13, 1] == pytest.approx(0.300)


@pytest.mark.parametrize("name", ["jaw_open", "lips_press"])
def test_lips_that_part_or_press_become_thinner(name: str) -> None:
    face = canonical_face().astype(float)
    moved = face + drawn_fields(face)[name]

    def thickness(points: np.ndarray) -> np.ndarray:
        return np.array([points[13, 1] - points[0, 1], points[17, 1] - points[14, 1]])

    share = thickness(moved) / thickness(face)
    assert (share > 0.3).all() and (share < 0.9).all()


def test_a_puckered_mouth_keeps_its_corners_outside_its_lips() -> None:
    """Also when it opens: rims that turn back at a corner would end there in a wall."""
    face = canonical_face().astype(float)
    fields = drawn_fields(face)
    moved = face + round_corners(np.stack([0.5 * fields["jaw_open"] + fields["pucker"]]))[0]
    for row in (topology.LIP_UPPER_INNER, topology.LIP_LOWER_INNER):
        assert (np.diff(moved[list(row), 0]) > 0).all()


@pytest.mark.parametrize("opening", [0.5, 1.0])
def test_an_opened_mouth_is_round_at_its_corners(opening: float) -> None:
    face = canonical_face().astype(float)
    jaw = round_corners(action_fields(face)["jaw_open"][None])[0]
    opened = face + opening * jaw
    for row, side in ((topology.LIP_UPPER_INNER, 1.0), (topology.LIP_LOWER_INNER, -1.0)):
        steps = np.diff(opened[list(row), :2], axis=0)
        turns = side * np.cross(steps[:-1], steps[1:])
        assert (turns[[0, 1, 2, -3, -2, -1]] > 0).all(), (row, turns)
    assert np.array_equal(jaw[[13, 14, 61, 78]], action_fields(face)["jaw_open"][[13, 14, 61, 78]])


@given(st.floats(-0.5, 3.0), st.floats(-0.5, 3.0), st.sampled_from([0.0, 0.05, 0.2, 0.4]))
def test_no_mouth_opens_wider_than_people_do(one: float, other: float, gap: float) -> None:
    knee, most = displacements.JAW_BEND
    values = np.zeros((2, len(ACTIONS)))
    values[:, INDEX["jaw_open"]] = sorted((one, other))
    less, more = relative_actions(values, np.zeros(len(ACTIONS)), gap)[:, INDEX["jaw_open"]]
    own = gap / GAP_PER_JAW
    assert less <= more + 1e-9
    assert more + own <= max(most, own) + 1e-9
    if 0.0 <= one <= knee and one == min(one, other):
        assert less + own == pytest.approx(one, abs=1e-6)


@pytest.mark.parametrize(
    ("smiling", "smile", "most"), [(0.0, 0.0, 1.0), (0.0, 0.6, 0.4), (1.0, 0.0, 0.35), (1.0, 1.0, 0.0)]
)
def test_a_smile_leaves_less_to_stretch(smiling: float, smile: float, most: float) -> None:
    values = np.zeros((1, len(ACTIONS)), np.float32)
    values[0, INDEX["smile"]], values[0, INDEX["stretch"]] = smile, 1.6
    shown = relative_actions(values, np.zeros(len(ACTIONS)), 0.0, smiling)
    assert shown[0, INDEX["stretch"]] == pytest.approx(most, abs=1e-6)


def test_steep_edges_of_the_mouth_are_smooth() -> None:
    shape = MouthShape(**dict.fromkeys(MouthShape._fields, 0.0))._replace(
        left=10.3, top=60.2, along_x=1.0, width=40.0, unit=100.0, opacity=1.0, sharpness=0.9, middle=20.0
    )  # fmt: skip
    at = np.linspace(0, 1, 97)
    wall = 45.0 * np.minimum(1.0, 6.0 * np.minimum(at, 1 - at))  # rises by 6.75 px a px
    frame = np.full((120, 64, 3), 200, np.uint8)
    none, sheet = np.full((97, 2), -9.0), np.zeros((4, 4, 4), np.float32)
    paint_mouth(frame, -wall, wall, none, none, sheet, sheet, sheet, np.zeros((2, 3), np.float32), shape)
    rows = frame[22:50, :30, 0]
    assert (rows == 200).any(1).all() and (rows < 10).any(1).all()
    assert ((rows > 20) & (rows < 180)).any(1).mean() > 0.7


@given(st.floats(-1e3, 1e3), st.floats(1.0, 50.0))
def test_hold_is_gentle(value: float, limit: float) -> None:
    held = float(hold(value, limit))
    assert abs(held) <= limit + 1e-9
    assert held * value >= 0
    if abs(value) <= 0.55 * limit:
        assert held == pytest.approx(value)
    assert float(hold(value + 0.1, limit)) >= held - 1e-12


def test_splines_pass_through_their_knots_and_keep_lines_straight() -> None:
    matrix = spline_matrix(9, 65)
    values = np.random.default_rng(0).normal(size=9)
    assert np.allclose((matrix @ values)[::8], values)
    assert np.allclose(matrix @ np.arange(9.0), np.linspace(0, 8, 65))


def test_rasteriser_interpolates_and_prefers_the_near_sheet() -> None:
    square = np.array([[0, 0], [8, 0], [8, 8], [0, 8]], np.float32)
    position = np.vstack([square, square])
    source = np.vstack([square * 2, np.full((4, 2), -1)]).astype(np.float32)
    triangles = np.array([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]], np.int32)
    x, y, far = np.zeros((9, 9), np.float32), np.zeros((9, 9), np.float32), np.full((9, 9), 1e9, np.float32)
    depth = np.array([0, 0, 0, 0, 5, 5, 5, 5], np.float32)
    sides = np.ones(4, np.float32)
    rasteriser.rasterise(position, depth, source, triangles, sides, x, y, far)
    gy, gx = np.mgrid[0:9, 0:9]
    assert np.allclose(x, 2 * gx, atol=1e-4) and np.allclose(y, 2 * gy, atol=1e-4)
    # Turned over, the near sheet gives way to the far one.
    far[:] = 1e9
    sides[:2] = -1
    rasteriser.rasterise(position, depth, source, triangles, sides, x, y, far)
    assert (x == -1).all() and (y == -1).all()


def test_edges_are_blurred_where_the_flow_jumps_and_nowhere_else() -> None:
    rng = np.random.default_rng(2)
    frame = rng.integers(0, 256, (40, 50, 4), dtype=np.uint8)
    frame[..., 3] = 255
    frame[:12, :, 3] = 254  # not wholly opaque
    flow_x = np.tile(np.linspace(0, 20, 21, dtype=np.float32), (12, 1))
    flow_x[:, 8:] += 8  # one sheet ends between columns 19 and 20 of the frame
    flow_y = np.zeros_like(flow_x)
    expected, blurred = frame.copy(), cv2.GaussianBlur(frame, (3, 3), 0)
    expected[12:28, 18:22] = blurred[12:28, 18:22]
    rasteriser.blur_at_jumps(frame, frame[6:30, 4:46].copy(), flow_x, flow_y, 4, 6, 5.0)
    assert np.array_equal(frame, expected)


def test_extents_hold_what_moved_where_it_was_and_where_it_is() -> None:
    rest = np.array([[10, 10], [30, 10], [10, 30], [60, 60], [70, 60], [60, 70]], np.float32)
    source = np.zeros_like(rest)
    source[:3] = -25.0
    triangles = np.array([[0, 1, 2], [3, 4, 5]], np.int32)
    strips = np.empty((4, 4))
    rasteriser.extents(rest - source, rest, source, triangles, 20.0, strips)
    assert strips[:3].tolist() == [[7, 7, 58, 20], [7, 20, 58, 40], [7, 40, 58, 58]]
    assert strips[3, 2] < strips[3, 0], "the second triangle rests"


def test_displacements_are_enlarged_as_a_picture_is_and_located_in_the_texture() -> None:
    small = np.random.default_rng(4).normal(0, 9, (2, 21, 30)).astype(np.float32)
    large = [np.empty((12, 26), np.float32) for _ in small]
    for plane, out in zip(small, large):
        compose.double(plane, out, 10, 6)
        assert np.abs(out - cv2.resize(plane, (60, 42))[6:18, 10:36]).max() < 1e-5
    whole = np.empty((42, 60), np.float32)
    compose.double(small[0], whole, 0, 0)
    assert np.abs(whole - cv2.resize(small[0], (60, 42))).max() < 1e-5, "up to the rim"
    places = [np.empty((12, 26), np.float32) for _ in small]
    x, y = (np.arange(count, dtype=np.float32) for count in (26, 12))
    compose.locate(*large, x, y, np.float32(3.0), *places)
    assert np.allclose(places[0], 3 * large[0] + x) and np.allclose(places[1], 3 * large[1] + y[:, None])


def test_laying_over_mixes_by_opacity_and_leaves_what_rests() -> None:
    rng = np.random.default_rng(3)
    part, plate, frame = (rng.integers(0, 256, (*shape, 4), dtype=np.uint8) for shape in ((12, 9), (20, 30), (20, 30)))
    part[:4, :, 3], part[4:6, :, 3] = 255, 0
    plate[..., 3] = 0
    here = rng.integers(0, 2, (2, 12, 9)).astype(np.float32)
    expected, copied, share = frame.copy(), frame.copy(), part[..., 3:] / 255
    mixed = np.round(share * part[..., :3] + (1 - share) * plate[3:15, 5:14, :3])
    moved = here.any(0)[..., None]
    expected[3:15, 5:14] = np.where(moved, np.dstack([mixed, part[..., 3]]), expected[3:15, 5:14])
    copied[3:15, 5:14] = np.where(moved, part, copied[3:15, 5:14])
    for cut, wanted in ((False, expected), (True, copied)):
        drawn = frame.copy()
        views = (compose.pixels(image) for image in (drawn, part, plate))
        compose.lay_over(*views, *here, cut, 5, 3)
        assert (drawn == wanted).all()


def test_teeth_are_light_and_the_gum_is_above_them() -> None:
    sheet = teeth.row_sheet(teeth.UPPER_WIDTHS, teeth.UPPER_CROWNS, teeth.UPPER_STEPS)
    middle = sheet.shape[1] // 2 + 12  # in the first tooth, not in the gap between the two
    at = [round((teeth.EDGE_AT + rise) * teeth.PX) for rise in (-0.02, 0.08, 0.2)]
    before, enamel, gum = (sheet[row, middle] for row in at)
    assert before[1:].max() < 0.05
    assert enamel[1] > 0.95 and enamel[0] > 0.9
    assert gum[2] > 0.9 and gum[1] < 0.05


@pytest.mark.parametrize("smiling", [0.0, 0.5, 1.0])
def test_a_furrow_leaves_the_mouth_alone_and_a_frown_takes_the_smile_off(smiling: float) -> None:
    values = np.zeros((2, len(ACTIONS)))
    values[0, INDEX["brow_furrow"]] = values[1, INDEX["frown"]] = 0.6
    furrow, frown = relative_actions(values, np.zeros(len(ACTIONS)), 0.0, smiling)
    mouth = [INDEX[name] for name in displacements.MOUTH_ACTIONS]
    assert np.abs(furrow[mouth]).max() == 0 and furrow[INDEX["brow_furrow"]] == pytest.approx(0.6)
    assert frown[INDEX["frown"]] == pytest.approx(0.6 * (1 - 0.4 * smiling))
    assert frown[INDEX["smile"]] == pytest.approx(max(-1.4 * smiling * 0.84, displacements.LIMITS["smile"][0]))
