"""Eyes: where the lids run, how they close, and the eyeball that is seen between them.

The eyeball is a sheet of its own. It keeps to the skull while the lids move over it, and the iris turns on it.
What the lids hide in the picture (the rim of the iris, more white) is filled in once, so that wide eyes and a
turned gaze do not show a cut iris.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from moda.renderer.mesh.analysis.curves import EYE_SAMPLES, eye_lines
from moda.renderer.mesh.analysis.filling import filled, spread
from moda.renderer.mesh.analysis.topology import EYES, FACE, LASH_ROWS, EyeLandmarks

# Numbers without a source are set by eye on rendered portraits.

# How lids close.
UPPER_SHARE = 0.84
"""How much of the closing the upper lid does."""
OVERLAP = 0.022
"""IOD by which the closed upper lid passes the lower rim."""
BELL = 0.6  # exponent of the half sine along the lid: below 1, so that the corners follow
LASHES_FOLLOW = 0.97
CREASE_FOLLOWS, ABOVE_FOLLOWS, BROW_FOLLOWS, BELOW_RISES = 0.46, 0.15, 0.03, 0.08  # of the opening

# The search for the lash line above the upper rim, and for the skin under the lower one; lengths in IOD.
LASH_REACH = np.linspace(-0.01, 0.055, 27)
LEAST_OPENING = 0.05  # an eye that is less open is left as found
LASH_DEPTH = 4.0  # levels by which a lash line is darker than what is beside it
USUAL_LASH = 0.012  # its height where it is not seen
TO_LASH = 0.55
"""The rim that moves is a little inside the darkest line: half of the lashes stay above it."""
SKIN_REACH = np.linspace(0.0, 0.11, 45)
EYEBALL_STEPS, SKIN_FROM = 26, 32  # steps of the search that may be eyeball; from which it is surely skin
AT_RIM = 6  # the first steps, whose difference from the skin is the eyeball's
STRANGE, LEAST_STRANGE = 0.45, 30.0  # share of that difference, and sum over RGB, above which it is no skin
MOST_FOUND, TO_SKIN, MOST_TO_SKIN, SKIN_EXTRA = 0.05, 0.6, 0.022, 0.004

# The iris: a circle moved and resized about its landmarks; in its radii.
IRIS_ANGLES = np.radians(np.concatenate([np.arange(-55, 56, 10), np.arange(125, 236, 10)]))  # lids hide the rest
IRIS_RADII = np.arange(0.80, 1.85, 0.04)
IRIS_ACROSS, IRIS_DOWN = np.arange(-0.28, 0.29, 0.07), np.arange(-0.21, 0.22, 0.07)
STEP_RANGE = (-12, 22)  # levels from iris to white that count
RADIUS_SPREAD, CENTRE_SPREAD = 0.45, 0.35  # of the prior around the landmarks: log radius; radii
LEAST_RAYS, LEAST_STEP = 7, 6.0  # a rim that is not seen on so many rays, or as clearly, stays where it was found

# The eyeball under the lids.
WHITE_FROM, WHITE_KEPT, DISC_TO = 1.15, 1.22, 0.97  # iris radii: the white begins, is kept as it is, the disc ends
LEAST_WHITE, LEAST_DISC = 30, 20  # px
LASH_PERCENTILE, UNSEEN_PERCENTILE, UNSEEN_WHITE = 35, 85, 150.0
RINGS = 16
RINGS_PER_RADIUS = 14
MIRRORED = 0.7  # of what the lids hide of the iris comes from its other half, the rest from its rings

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
PATCH_WIDTH = 152
LID_DARKEST = 0.72
"""Skin around the eye is not darker than this share of its median; what is, is no skin."""
LID_SMOOTHED = 5.0  # of the 65 places along the lid
ABOVE_LID = (0.35, 0.5, 0.65, 0.8)  # of the way from the crease to the ring above it
BELOW_LID = (0.9, 1.1, 1.3, 1.5)  # of the way from the rim to the ring below it
LID_ROWS = 24  # of the picture of a closed lid
GRAIN_FROM, GRAIN_TO = 0.02, 0.40  # eye widths under the ring below the eye: the skin whose grain a lid has
GRAIN_COARSE = 2.5  # places; what is coarser than this is no grain
GRAIN_MOST = 2.5  # times its usual strength; beyond that it is a rim of glasses or a lash
GRAIN_ENDS = 0.12  # share of the lid at each corner over which it begins
MARGIN = 0.18  # of the eye's width, left and right
HALF_HEIGHT = 0.5  # of the eye's width, above and below the corner line
CLEAR_TOP, CLEAR_BOTTOM = 0.035, 0.01  # of the eye's width: what of the opening lashes may cover
LASH_UP = 0.02  # of the eye's width above the rim, where lashes are looked for too
LASH_SHADE, LASH_AGAINST_LID = 0.8, 0.5  # the closed line: darker than the lashes seen, at most half of the lid


@dataclass(frozen=True)
class Eye:
    """One eye of the portrait. Lengths in px of the picture."""

    marks: EyeLandmarks
    corner: np.ndarray  # (2,) image-left corner
    along: np.ndarray  # (2,) unit vector to the other corner
    width: float
    ratio: float  # opening over width, as the picture shows it
    seen: np.ndarray  # (h, w, 4) uint8: the picture's own eyeball, alpha between its lids
    white: np.ndarray  # (h, w, 4) uint8: the eyeball without its iris; alpha: clear of the lash line
    disc: np.ndarray  # (h, w, 3) uint8: the whole iris
    patch_scale: float  # patch px per picture px
    iris: tuple[float, float, float]  # u, v, radius in patch px
    lash: np.ndarray  # (3,) float32 colour of the closed lash line
    tones: np.ndarray  # (24, 65, 3) float32: a closed lid, from the crease above down to its rim
    glasses: bool

    @property
    def lid(self) -> np.ndarray:
        """(3,) float32: the tone of a closed lid on the whole."""
        return np.asarray(self.tones.mean((0, 1)))


def sample(image: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return cv2.remap(
        image, x.astype(np.float32), y.astype(np.float32), cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )  # fmt: skip


def refine_lids(image: np.ndarray, points: np.ndarray, iod: float) -> np.ndarray:
    """Move the upper rim to the outside of the lash line, so that the lashes travel with the lid.

    image (H, W, 3) uint8 RGB, points (n, 3) px; returns a changed copy.
    """
    points = points.copy()
    grey = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), max(0.5, 0.006 * iod))
    soft = cv2.GaussianBlur(image, (0, 0), max(0.5, 0.008 * iod)).astype(np.float32)
    reach = LASH_REACH * iod
    for eye in EYES:
        up, lo = np.array(eye.upper), np.array(eye.lower)
        opening = points[lo, :2] - points[up, :2]
        across = points[up[-1], :2] - points[up[0], :2]
        normal = np.array([across[1], -across[0]]) / max(float(np.linalg.norm(across)), 1e-6)  # upwards
        if float((opening @ -normal).max()) < LEAST_OPENING * iod:
            continue
        xy = points[up[1:-1], None, :2] + reach[None, :, None] * normal
        profile = sample(grey, xy[..., 0], xy[..., 1])
        darkest = profile.argmin(1)
        depth = np.median(profile, axis=1) - profile.min(1)
        shift = np.where(depth > LASH_DEPTH, reach[darkest], USUAL_LASH * iod)
        shift = np.clip(
            np.median(np.stack([np.roll(np.pad(shift, 1, mode="edge"), k)[1:-1] for k in (-1, 0, 1)]), 0), 0, None
        )
        points[up[1:-1], :2] += (TO_LASH * shift)[:, None] * normal
        points[lo[1:-1], :2] += _to_lower_skin(soft, points[lo[1:-1], :2], -normal, iod)[:, None] * -normal
    return points


def _to_lower_skin(image: np.ndarray, rim: np.ndarray, down: np.ndarray, iod: float) -> np.ndarray:
    """How far (n,) px below the landmarks of the lower rim the skin begins: the eyeball must end there."""
    steps = SKIN_REACH * iod
    xy = rim[:, None] + steps[None, :, None] * down
    profile = sample(image, xy[..., 0], xy[..., 1])
    skin = np.median(profile[:, SKIN_FROM:], axis=1, keepdims=True)
    strange = np.abs(profile - skin).sum(-1)
    limit = np.maximum(STRANGE * strange[:, :AT_RIM].max(1), LEAST_STRANGE)
    eyeball = strange[:, :EYEBALL_STEPS] > limit[:, None]
    # The last step, seen from the rim, of the unbroken run that is not skin.
    run = np.where(eyeball.all(1), 0, eyeball.argmin(1))
    found = np.minimum(steps[run], MOST_FOUND * iod)
    padded = np.pad(found, 1, mode="edge")
    smooth = np.median(np.stack([padded[:-2], found, padded[2:]]), axis=0)
    return np.clip(TO_SKIN * smooth, 0.0, MOST_TO_SKIN * iod) + SKIN_EXTRA * iod


def _fit_iris(patch: np.ndarray, iris: tuple[float, float, float], visible: np.ndarray) -> tuple[float, float, float]:
    """Centre and radius of the iris in a patch (h, w, 3): where its visible rim steps most from dark to light."""
    u, v, radius = iris
    plain = cv2.cvtColor(np.clip(patch, 0, 255).astype(np.uint8), cv2.COLOR_RGB2GRAY).astype(np.float32)
    grey = cv2.GaussianBlur(plain, (0, 0), max(1.0, 0.05 * radius))
    radii = IRIS_RADII * radius
    best, answer = 0.0, iris
    for du in IRIS_ACROSS * radius:
        for dv in IRIS_DOWN * radius:
            x = u + du + radii[None] * np.cos(IRIS_ANGLES)[:, None]
            y = v + dv + radii[None] * np.sin(IRIS_ANGLES)[:, None]
            profile = cv2.remap(grey, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR)
            shown = cv2.remap(visible, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR) > 0.8
            step = profile[:, 3:] - profile[:, :-3]
            both = shown[:, 3:] & shown[:, :-3]
            count = both.sum(0)
            score = np.clip(step, *STEP_RANGE)
            score = np.where(count >= LEAST_RAYS, (score * both).sum(0) / np.maximum(count, 1), 0.0)
            r = radii[1:-2] + 0.5 * (radii[1] - radii[0])
            away = (du * du + dv * dv) / (CENTRE_SPREAD * radius) ** 2
            score = score * np.exp(-((np.log(r / radius) / RADIUS_SPREAD) ** 2) - away)
            k = int(score.argmax())
            if score[k] > best:
                best, answer = float(score[k]), (float(u + du), float(v + dv), float(r[k]))
    return answer if best > LEAST_STEP else iris


def lid_rows(points: np.ndarray, glasses: bool, iod: float) -> np.ndarray:
    """Displacements (4, 486, 3) px: left upper lid, left lower lid, right upper lid, right lower lid.

    Adding both rows of an eye with weight 1 makes its rims meet. With glasses nothing moves: the frame lies on the
    skin, so the closing lid is painted instead.
    """
    rows = np.zeros((4, FACE, 3))
    if glasses:
        return rows
    bell = np.sin(np.linspace(0, np.pi, 9)) ** BELL
    for e, eye in enumerate(EYES):
        up, lo = np.array(eye.upper), np.array(eye.lower)
        gap = points[lo] - points[up]
        gap[0] = gap[-1] = 0.0
        rows[2 * e, up] = UPPER_SHARE * gap
        # The closed upper lid lies over the rim of the lower one, so that no sliver of the eyeball stays.
        drop = gap[4] / max(float(np.linalg.norm(gap[4, :2])), 1e-6) * OVERLAP * iod
        rows[2 * e, up] += drop * bell[:, None]
        rows[2 * e + 1, lo] = -(1 - UPPER_SHARE) * gap
        lift = gap * bell[:, None]
        rows[2 * e, list(LASH_ROWS[e])] = LASHES_FOLLOW * rows[2 * e, up]
        rows[2 * e, list(eye.crease)] += CREASE_FOLLOWS * lift
        rows[2 * e, list(eye.above)] += ABOVE_FOLLOWS * lift
        rows[2 * e, list(eye.brow)] += BROW_FOLLOWS * lift[4]
        rows[2 * e + 1, list(eye.below)] -= BELOW_RISES * lift
    return rows


def _complete(
    patch: np.ndarray, visible: np.ndarray, iris: tuple[float, float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """The eyeball without its iris, and the whole iris. patch (h, w, 3) float32, visible (h, w) 0..1."""
    h, w = visible.shape
    cu, cv_, radius = iris
    v, u = np.mgrid[0:h, 0:w].astype(np.float32)
    distance = np.hypot(u - cu, v - cv_)
    sure = (visible > 0.9).astype(np.float32)
    known = sure * (distance > WHITE_FROM * radius)
    luma = patch @ LUMA
    if known.sum() > LEAST_WHITE:  # lashes and shadows at the rims are not the white
        brighter = known * (luma > np.percentile(luma[known > 0], LASH_PERCENTILE))
        known = brighter if brighter.any() else known  # dark glasses are of one tone
        mean = patch[known > 0].mean(0)
    else:
        open_ = visible > 0.5
        mean = np.percentile(patch[open_], UNSEEN_PERCENTILE, axis=0) if open_.any() else np.full(3, UNSEEN_WHITE)
    white = spread(patch, known.astype(np.float32), (0.02 * w, 0.05 * w, 0.12 * w, 0.3 * w), mean, gain=8.0)
    white = cv2.GaussianBlur(white, (0, 0), 2.0)
    keep = cv2.GaussianBlur(cv2.erode(sure * (distance > WHITE_KEPT * radius), np.ones((3, 3))), (0, 0), 1.5)[..., None]
    white = patch * keep + white * (1 - keep)

    disc = patch.copy()
    inner = sure * (distance < DISC_TO * radius)
    if inner.sum() > LEAST_DISC:
        bins = np.clip((distance / max(radius, 1) * RINGS_PER_RADIUS).astype(int), 0, RINGS - 1)
        profile = np.zeros((RINGS, 3), np.float32)
        last = patch[inner > 0].mean(0)
        for k in reversed(range(RINGS)):
            ring = (bins == k) & (inner > 0)
            last = np.median(patch[ring], axis=0) if ring.sum() > 4 else last
            profile[k] = last
        at = np.clip(distance / max(radius, 1) * RINGS_PER_RADIUS - 0.5, 0, RINGS - 1.001)
        k = at.astype(int)
        radial = profile[k] + (profile[k + 1] - profile[k]) * (at - k)[..., None]
        mirrored = sample(patch, u, 2 * cv_ - v)
        fits = sample(sure, u, 2 * cv_ - v)[..., None]
        whole = np.where(fits > 0.8, MIRRORED * mirrored + (1 - MIRRORED) * radial, radial)
        whole = cv2.GaussianBlur(whole, (0, 0), 1.5)
        soft = cv2.GaussianBlur(cv2.erode(sure, np.ones((5, 5))), (0, 0), 2.0)[..., None]
        disc = patch * soft + whole * (1 - soft)
    return white, disc


def _lid_tones(image: np.ndarray, marks: EyeLandmarks, points: np.ndarray, width: float) -> np.ndarray:
    """(24, 65, 3) float32 RGB: a closed lid from the crease above down to its rim.

    It has the tones of what surrounds it, above and below the eye, place by place, also in side light; and the grain of
    the skin below the eye: of canvas and pores as well.
    """
    along = np.linspace(0, 8, EYE_SAMPLES)
    soft = cv2.GaussianBlur(image, (0, 0), max(0.5, 0.02 * width)).astype(np.float32)
    tones = []
    for near, far, shares in (
        (marks.crease, marks.above, ABOVE_LID),
        (marks.lower, marks.below, BELOW_LID),
    ):
        near_line, far_line = (
            np.stack([np.interp(along, np.arange(9), points[list(row), k]) for k in (0, 1)], 1) for row in (near, far)
        )
        found = np.stack([sample(soft, *(near_line + s * (far_line - near_line)).T)[:, 0] for s in shares])
        luma = found @ LUMA
        order = np.argsort(luma, axis=0)  # of four shades the second and third lightest: no lash, no highlight
        tone = np.take_along_axis(found, order[1:3, :, None], 0).mean(0)
        # A glasses' rim or a strand of hair is darker than the skin beside it.
        light = tone @ LUMA
        skin = (light > LID_DARKEST * np.median(light)).astype(np.float32)
        weight = cv2.GaussianBlur(skin[:, None], (1, 0), 0, sigmaY=LID_SMOOTHED) + 1e-4
        tone = cv2.GaussianBlur(tone * skin[:, None], (1, 0), 0, sigmaY=LID_SMOOTHED) / weight.reshape(-1, 1)
        tones.append(tone)
    down = np.linspace(0, 1, LID_ROWS)[:, None, None]
    plain = tones[0] * (1 - down) + tones[1] * down
    return np.ascontiguousarray(plain * (1 + _skin_grain(image, marks, points)), np.float32)


def _skin_grain(image: np.ndarray, marks: EyeLandmarks, points: np.ndarray) -> np.ndarray:
    """(24, 65, 1) relative differences of brightness of the skin below an eye from what it is on the whole."""
    along = np.linspace(0, 8, EYE_SAMPLES)
    ring = np.stack([np.interp(along, np.arange(9), points[list(marks.below), k]) for k in (0, 1)], 1)
    corners = points[marks.lower[-1], :2] - points[marks.lower[0], :2]
    places = ring + np.linspace(GRAIN_FROM, GRAIN_TO, LID_ROWS)[:, None, None] * np.array([-corners[1], corners[0]])
    luma = sample(image, places[..., 0], places[..., 1]).astype(np.float32) @ LUMA
    soft = cv2.GaussianBlur(luma, (0, 0), GRAIN_COARSE)
    grain = luma / np.maximum(soft, 1.0) - 1
    most = GRAIN_MOST * float(np.median(np.abs(grain)))
    grain[np.abs(grain) > 2 * most] = 0.0
    across, downwards = np.linspace(0, 1, EYE_SAMPLES), np.linspace(0, 1, LID_ROWS)[:, None]
    fade = np.clip(np.minimum(across, 1 - across) / GRAIN_ENDS, 0, 1)
    fade = fade * np.clip(np.minimum(downwards, 1 - downwards) / GRAIN_ENDS, 0, 1)
    return np.asarray((np.clip(grain, -most, most) * fade)[..., None])


def build_eye(image: np.ndarray, marks: EyeLandmarks, points: np.ndarray, found: np.ndarray, glasses: bool) -> Eye:
    """Analyse one eye. image (H, W, 3) uint8 RGB; points (478, 3) px with refined rims, found: as detected."""
    left, right = points[marks.upper[0], :2], points[marks.upper[-1], :2]
    width = float(np.linalg.norm(right - left))
    along = (right - left) / max(width, 1e-6)
    down = np.array([-along[1], along[0]])
    upper, lower = eye_lines(marks, points)
    ratio = float(((lower - upper) @ down).max() / width)
    scale = PATCH_WIDTH / (width * (1 + 2 * MARGIN))
    h = int(PATCH_WIDTH * 2 * HALF_HEIGHT / (1 + 2 * MARGIN))
    v, u = np.mgrid[0:h, 0:PATCH_WIDTH].astype(np.float64)
    su, sv = u / scale - MARGIN * width, v / scale - HALF_HEIGHT * width
    x = left[0] + su * along[0] + sv * down[0]
    y = left[1] + su * along[1] + sv * down[1]
    patch = sample(image, x, y).astype(np.float32)

    def to_patch(line: np.ndarray) -> np.ndarray:
        d = line - left
        return np.stack([(d @ along + MARGIN * width) * scale, (d @ down + HALF_HEIGHT * width) * scale], 1)

    # Keep clear of the lash line above, which belongs to the lid.
    inner_top, inner_bottom = eye_lines(marks, found)
    top, bottom = to_patch(inner_top), to_patch(inner_bottom)
    top = top + np.array([0.0, CLEAR_TOP * width * scale])
    bottom = bottom - np.array([0.0, CLEAR_BOTTOM * width * scale])
    visible = filled(np.vstack([top, bottom[::-1]]), (h, PATCH_WIDTH))
    centre = to_patch(points[None, marks.iris, :2])[0]
    rims = to_patch(points[marks.iris + 1 : marks.iris + 5, :2])
    radius = float(np.linalg.norm(rims - centre, axis=1).mean())
    iris = (float(centre[0]), float(centre[1]), radius)
    iris = _fit_iris(patch, iris, visible.astype(np.float32) / 255)
    white, disc = _complete(patch, visible.astype(np.float32) / 255, iris)
    own = filled(np.vstack([to_patch(upper), to_patch(lower)[::-1]]), (h, PATCH_WIDTH))
    clear = filled(np.vstack([top, to_patch(lower)[::-1]]), (h, PATCH_WIDTH))
    clear_soft = cv2.GaussianBlur(cv2.dilate(clear, np.ones((1, 5), np.uint8)), (0, 0), 1.2)
    seen = np.dstack(
        [
            np.clip(patch, 0, 255).astype(np.uint8),
            cv2.GaussianBlur(cv2.dilate(own, np.ones((3, 3), np.uint8)), (0, 0), 1.0),
        ]
    )

    grey = sample(image, *upper.T).astype(np.float32)[:, 0]
    near = sample(image, *(upper - LASH_UP * width * down).T).astype(np.float32)[:, 0]
    dark = np.vstack([grey[12:-12], near[12:-12]])
    tones = _lid_tones(image, marks, points, width)
    darkest = np.sort(dark, axis=0)[: max(4, len(dark) // 4)].mean(0)
    lash = np.minimum(darkest * LASH_SHADE, LASH_AGAINST_LID * tones.mean((0, 1)))
    return Eye(
        marks, left.copy(), along, width, ratio, np.ascontiguousarray(seen),
        np.dstack([np.clip(white, 0, 255).astype(np.uint8), clear_soft]),
        np.clip(disc, 0, 255).astype(np.uint8), scale, iris,
        lash.astype(np.float32), tones, glasses,
    )  # fmt: skip
