"""Eyes: where the lids run, how they close, and the eyeball that is seen between them.

The eyeball is a sheet of its own. It keeps to the skull while the lids move over it, and the iris turns on it.
What the lids hide in the picture (the rim of the iris, more white) is filled in once, so that wide eyes and a
turned gaze do not show a cut iris.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .curves import spline_matrix
from .topology import EYES, EyeLandmarks

SAMPLES = 65
_SPLINE = spline_matrix(9, SAMPLES)
UPPER_SHARE = 0.84
"""How much of the closing the upper lid does."""

PATCH_WIDTH = 176
MARGIN = 0.18  # of the eye's width, left and right
HALF_HEIGHT = 0.5  # of the eye's width, above and below the corner line


@dataclass(frozen=True)
class Eye:
    """One eye of the portrait. Lengths in px of the picture."""

    marks: EyeLandmarks
    corner: np.ndarray  # (2,) image-left corner
    along: np.ndarray  # (2,) unit vector to the other corner
    width: float
    ratio: float  # opening over width, as the picture shows it
    patch: np.ndarray  # (h, w, 3) uint8 eyeball sheet
    patch_scale: float  # patch px per picture px
    iris: tuple[float, float, float]  # u, v, radius in patch px
    lash: np.ndarray  # (3,) float32 colour of the closed lash line


def sample(image: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return cv2.remap(
        image, x.astype(np.float32), y.astype(np.float32), cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )  # fmt: skip


def refine_lids(image: np.ndarray, points: np.ndarray, iod: float) -> np.ndarray:
    """Move the upper rim to the outside of the lash line, so that the lashes travel with the lid.

    image (H, W, 3) uint8 RGB, points (n, 3) px; returns a changed copy.
    """
    points = points.copy()
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    grey = cv2.GaussianBlur(grey, (0, 0), max(0.5, 0.006 * iod))
    reach = np.linspace(-0.01, 0.055, 27) * iod
    for eye in EYES:
        up, lo = np.array(eye.upper), np.array(eye.lower)
        opening = points[lo, :2] - points[up, :2]
        across = points[up[-1], :2] - points[up[0], :2]
        normal = np.array([across[1], -across[0]]) / max(float(np.linalg.norm(across)), 1e-6)  # upwards
        if float((opening @ -normal).max()) < 0.05 * iod:
            continue
        xy = points[up[1:-1], None, :2] + reach[None, :, None] * normal
        profile = sample(grey, xy[..., 0], xy[..., 1])
        darkest = profile.argmin(1)
        depth = np.median(profile, axis=1) - profile.min(1)
        shift = np.where(depth > 4, reach[darkest], 0.012 * iod)
        shift = np.clip(np.median(np.stack([np.roll(np.pad(shift, 1, mode="edge"), k)[1:-1] for k in (-1, 0, 1)]), 0), 0, None)
        # The rim that moves is a little inside the darkest line: half of the lashes stay above it.
        points[up[1:-1], :2] += (0.55 * shift)[:, None] * normal
    return points


def eye_lines(marks: EyeLandmarks, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Upper and lower rim as (65, 2) curves through ``positions`` (n, 2+)."""
    return _SPLINE @ positions[list(marks.upper), :2], _SPLINE @ positions[list(marks.lower), :2]


def lid_rows(points: np.ndarray, glasses: bool, iod: float) -> np.ndarray:
    """Displacements (4, 468, 3) px: left upper lid, left lower lid, right upper lid, right lower lid.

    Adding both rows of an eye with weight 1 makes its rims meet. With glasses the skin near the frame stays.
    """
    rows = np.zeros((4, 468, 3))
    bell = np.sin(np.linspace(0, np.pi, 9)) ** 0.6
    for e, eye in enumerate(EYES):
        up, lo = np.array(eye.upper), np.array(eye.lower)
        gap = points[lo] - points[up]
        gap[0] = gap[-1] = 0.0
        rows[2 * e, up] = UPPER_SHARE * gap
        rows[2 * e + 1, lo] = -(1 - UPPER_SHARE) * gap
        lift = gap * bell[:, None]
        rows[2 * e, list(eye.crease)] += (0.26 if glasses else 0.46) * lift
        if not glasses:
            rows[2 * e, list(eye.above)] += 0.15 * lift
            rows[2 * e, list(eye.brow)] += 0.03 * lift[4]
            rows[2 * e + 1, list(eye.below)] -= 0.08 * lift
    return rows


def _fill(patch: np.ndarray, visible: np.ndarray, iris: tuple[float, float, float]) -> np.ndarray:
    """Complete the eyeball behind the lids. patch (h, w, 3) float32, visible (h, w) 0..1."""
    h, w = visible.shape
    cu, cv_, radius = iris
    v, u = np.mgrid[0:h, 0:w].astype(np.float32)
    distance = np.hypot(u - cu, v - cv_)
    sure = (visible > 0.9).astype(np.float32)
    white = sure * (distance > 1.1 * radius)
    sigma = 0.1 * w
    weight = cv2.GaussianBlur(white, (0, 0), sigma) + 1e-4
    mean = (patch * white[..., None]).sum((0, 1)) / max(white.sum(), 1.0) if white.sum() > 20 else None
    if mean is None:
        mean = np.percentile(patch[visible > 0.5], 80, axis=0) if (visible > 0.5).any() else np.array([150.0] * 3)
    sclera = (cv2.GaussianBlur(patch * white[..., None], (0, 0), sigma) + 1e-4 * mean) / weight[..., None]
    sclera *= 1.0 - 0.12 * np.clip(np.abs(u - w / 2) / (w / 2), 0, 1)[..., None] ** 2
    filled = sclera
    inside = distance < 1.06 * radius
    if (sure * inside).sum() > 12:
        bins = np.clip((distance / max(radius, 1) * 12).astype(int), 0, 13)
        profile = np.zeros((14, 3), np.float32)
        last = patch[(sure * inside) > 0].mean(0)
        for k in range(13, -1, -1):
            ring = (bins == k) & (sure > 0)
            last = patch[ring].mean(0) if ring.sum() > 3 else last
            profile[k] = last
        radial = profile[bins]
        mirrored = sample(patch, u, 2 * cv_ - v)
        mirror_ok = sample(visible, u, 2 * cv_ - v)[..., None]
        disc = np.where(mirror_ok > 0.8, mirrored, radial)
        edge = np.clip((1.06 * radius - distance) / (0.12 * radius) + 0.5, 0, 1)[..., None]
        filled = edge * disc + (1 - edge) * sclera
    soft = cv2.GaussianBlur(visible, (0, 0), 0.8)[..., None] * (visible > 0.02)[..., None]
    return patch * soft + cv2.GaussianBlur(filled, (0, 0), 1.0) * (1 - soft)


def build_eye(image: np.ndarray, marks: EyeLandmarks, points: np.ndarray, iod: float) -> Eye:
    """Analyse one eye. image (H, W, 3) uint8 RGB; points (478, 3) px with the refined rims."""
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
    top, bottom = to_patch(upper), to_patch(lower)
    top = top + np.array([0.0, 0.03 * width * scale])
    outline = np.vstack([top, bottom[::-1]])
    visible = np.zeros((h, PATCH_WIDTH), np.uint8)
    cv2.fillPoly(visible, [np.round(outline * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    centre = to_patch(points[None, marks.iris, :2])[0]
    rims = to_patch(points[marks.iris + 1 : marks.iris + 5, :2])
    radius = float(np.linalg.norm(rims - centre, axis=1).mean())
    iris = (float(centre[0]), float(centre[1]), radius)
    filled = _fill(patch, visible.astype(np.float32) / 255, iris)

    grey = sample(image, *upper.T).astype(np.float32)[:, 0]
    near = sample(image, *(upper - 0.02 * width * down).T).astype(np.float32)[:, 0]
    dark = np.vstack([grey[12:-12], near[12:-12]])
    lash = np.sort(dark, axis=0)[: max(4, len(dark) // 4)].mean(0) * 0.8
    return Eye(
        marks, left.copy(), along, width, ratio, np.clip(filled, 0, 255).astype(np.uint8), scale, iris,
        lash.astype(np.float32),
    )  # fmt: skip
