"""People with known opacity over known backgrounds (a photograph, drawn hair, a solid character), scores for mattes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from moda.portrait.plate import split_layers

SIDE = 512
ALPHA = Path(__file__).resolve().parents[1] / "fixtures" / "matte" / "astronaut.png"


class Cutout(NamedTuple):
    """A person without background."""

    colour: np.ndarray
    """(H, W, 3) float32 in 0..255."""
    alpha: np.ndarray
    """(H, W) float32 in 0..1."""

    def over(self, background: np.ndarray) -> np.ndarray:
        """Composed over `background` (H, W, 3) uint8, (H, W, 3) uint8."""
        share = self.alpha[..., None]
        return np.clip(np.rint(share * self.colour + (1 - share) * background), 0, 255).astype(np.uint8)


def astronaut() -> Cutout:
    """scikit-image's astronaut (NASA, public domain) by a matte that was corrected by hand."""
    from skimage import data

    image = np.asarray(data.astronaut())
    alpha = np.asarray(cv2.imread(str(ALPHA), cv2.IMREAD_GRAYSCALE)).astype(np.float32) / 255
    return Cutout(split_layers(image, alpha).foreground.astype(np.float32), alpha)


def long_hair() -> Cutout:
    """The astronaut with 1,400 drawn strands of long hair around her head, each about a pixel wide."""
    person = astronaut()
    rng = np.random.default_rng(4)
    fine = 4
    colour, alpha = person.colour.copy(), person.alpha.copy()
    for _ in range(28):
        layer = np.zeros((SIDE * fine, SIDE * fine), np.uint8)
        for _ in range(50):
            angle = rng.uniform(-1.15, 1.15)
            start = np.array([226 + 68 * np.sin(angle), 82 - 62 * np.cos(angle)])
            side = np.sign(np.sin(angle)) or 1.0
            drop = rng.uniform(60, 190)
            away = side * rng.uniform(0, 34)
            t = np.linspace(0, 1, 40)[:, None]
            middle = start + np.array([away * 1.2, drop * 0.4])
            end = start + np.array([away + rng.normal(0, 8), drop])
            curve = (1 - t) ** 2 * start + 2 * t * (1 - t) * middle + t**2 * end
            cv2.polylines(layer, [np.round(curve * fine).astype(np.int32)], False, 255, int(rng.integers(3, 8)))
        cover = np.asarray(cv2.resize(layer, (SIDE, SIDE), interpolation=cv2.INTER_AREA)).astype(np.float32) / 255
        face = np.zeros((SIDE, SIDE), np.uint8)
        cv2.ellipse(face, (226, 106), (48, 66), 0, 0, 360, 255, -1)
        cover *= face == 0
        tone = np.array([92, 60, 36], np.float32) * rng.uniform(0.6, 1.4)
        total = cover + alpha * (1 - cover)
        share = (cover / np.maximum(total, 1e-6))[..., None]
        colour, alpha = share * tone + (1 - share) * colour, total
    return Cutout(colour, alpha)


def character() -> Cutout:
    """A solid character of shaded ellipsoids with large eyes, as films for children draw them."""
    fine = 3
    n = SIDE * fine
    y, x = (v.astype(np.float32) / fine for v in np.mgrid[0:n, 0:n])
    light = np.array([-0.4, -0.6, 0.7], np.float32)
    light /= np.linalg.norm(light)
    colour = np.zeros((n, n, 3), np.float32)
    alpha = np.zeros((n, n), np.float32)
    depth = np.full((n, n), -np.inf, np.float32)

    def ball(cx: float, cy: float, cz: float, rx: float, ry: float, rz: float, tone: tuple[int, int, int]) -> None:
        u, v = (x - cx) / rx, (y - cy) / ry
        inside = 1 - u * u - v * v
        z = np.where(inside > 0, cz + rz * np.sqrt(np.maximum(inside, 0)), -np.inf)
        front = z > depth
        normal = np.stack([u / rx, v / ry, np.sqrt(np.maximum(inside, 0)) / rz], axis=-1)
        normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-9)
        lit = 0.45 + 0.55 * np.maximum(normal @ light, 0)
        shaded = np.array(tone, np.float32) * lit[..., None]
        colour[front] = shaded[front]
        alpha[front] = 1
        depth[front] = z[front]

    skin = (236, 188, 160)
    ball(256, 560, -60, 190, 170, 90, (70, 110, 160))  # chest
    ball(256, 400, -40, 46, 90, 46, skin)  # neck
    ball(256, 230, 0, 108, 138, 100, skin)  # head
    ball(146, 246, -10, 20, 34, 14, skin)  # ears
    ball(366, 246, -10, 20, 34, 14, skin)
    ball(256, 150, 3, 118, 92, 94, (110, 66, 34))  # hair
    ball(180, 150, 0, 60, 70, 70, (110, 66, 34))
    ball(332, 150, 0, 60, 70, 70, (110, 66, 34))
    ball(256, 330, 20, 70, 46, 68, skin)  # jaw
    for cx in (212, 300):
        ball(cx, 232, 84, 27, 19, 18, (250, 250, 250))
        ball(cx, 233, 95, 11, 12, 9, (70, 110, 150))
        ball(cx, 233, 102, 5, 6, 4, (20, 20, 20))
        ball(cx, 200, 84, 30, 5, 14, (90, 55, 30))  # brow
        ball(cx, 217, 92, 27, 3, 14, (80, 50, 40))  # lash line
    ball(256, 272, 92, 17, 19, 22, (232, 176, 150))  # nose
    ball(256, 318, 84, 34, 7, 10, (190, 90, 90))  # lips
    ball(256, 326, 84, 28, 7, 11, (204, 104, 100))
    small = (SIDE, SIDE)
    cover = np.asarray(cv2.resize(alpha, small, interpolation=cv2.INTER_AREA))
    mean = cv2.resize(colour, small, interpolation=cv2.INTER_AREA) / np.maximum(cover, 1e-6)[..., None]
    return Cutout(mean, cover)


def backgrounds() -> Iterator[tuple[str, np.ndarray]]:
    """Four: a still life, a launch at night, bricks, a room with straight lines; each (512, 512, 3) uint8."""
    from skimage import data

    for name in ("coffee", "rocket", "brick"):
        image = np.asarray(getattr(data, name)())
        image = np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image
        yield name, np.asarray(cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA))
    room = np.full((SIDE, SIDE, 3), (176, 168, 150), np.uint8)
    room[:, 150:170] = (70, 60, 50)
    room[:, 370:] = (210, 205, 200)
    room[280:292] = (90, 80, 70)
    yield "room", room


def gradient_error(found: np.ndarray, true: np.ndarray) -> float:
    """Sum of squared differences of the mattes' gradients (Gaussian derivatives, sigma 1.4) over 1000."""

    def steps(alpha: np.ndarray) -> np.ndarray:
        smooth = cv2.GaussianBlur(alpha, (0, 0), 1.4)
        return np.hypot(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)) / 8

    return float(((steps(found) - steps(true)) ** 2).sum() / 1000)


def near_edge(true: np.ndarray, radius: int) -> np.ndarray:
    """Pixels (H, W) bool within `radius` of the true outline."""
    kernel = np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)
    edge: np.ndarray = cv2.morphologyEx((true > 0.5).astype(np.uint8), cv2.MORPH_GRADIENT, kernel) > 0
    return edge
