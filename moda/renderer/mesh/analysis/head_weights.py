"""How far each place in the picture follows the head: fully on head and hair, not at all in the background."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from moda.portrait.canonical import Pose
from moda.renderer.mesh.analysis import topology
from moda.renderer.mesh.analysis.curves import smoothstep

CELLS = 20  # samples per IOD
RIM = 0.45
REACH, LOOSE_REACH = 0.88, 3.2
"""How far beyond the head, in IOD, its motion fades out: with a still background, and with one that moves along."""
THROAT = ((0.0, 0.5, 1.0, 1.6), (0.0, 0.12, 0.6, 0.9))
LAYER_THROAT = ((0.0, 0.5, 1.0, 1.6), (0.0, 0.08, 0.45, 0.6))
"""How far beside the middle, and below the chin there, the neck begins: hair hangs lower at the sides."""
NECK, LAYER_NECK = (0.05, 1.45), (0.0, 1.0)
"""From where to where below that the head's motion fades out: the neck stretches, the collar stays."""
SHOULDERS = 0.07
"""How far the shoulders of a separate layer follow the head."""


@dataclass(frozen=True)
class HeadField:
    """Weights on a coarse raster over `region` (x0, y0, x1, y1) px."""

    region: tuple[float, float, float, float]
    origin: np.ndarray  # eye midpoint, px
    iod: float
    turn: np.ndarray  # (2, 2) picture -> upright
    chin: float  # upright y of the chin, IOD
    raster: np.ndarray  # (h, w) float32: rigid weight
    body: np.ndarray  # (h, w) float32: person mask, soft

    def upright(self, points: np.ndarray) -> np.ndarray:
        """Points (n, 2) px -> IOD, head's roll removed, origin between the eyes."""
        return (np.asarray(points, np.float64) - self.origin) @ self.turn.T / self.iod

    def rim(self, points: np.ndarray) -> np.ndarray:
        """0 on the region's rim to 1 inside."""
        x0, y0, x1, y1 = self.region
        x, y = np.asarray(points, np.float64).T
        near = np.minimum.reduce([x - x0, y - y0, x1 - x, y1 - y]) / self.iod
        return smoothstep(near, 0.0, RIM)

    def _sample(self, raster: np.ndarray, points: np.ndarray) -> np.ndarray:
        x0, y0, x1, y1 = self.region
        h, w = raster.shape
        u = (points[:, 0] - x0) / (x1 - x0) * w - 0.5
        v = (points[:, 1] - y0) / (y1 - y0) * h - 0.5
        found = cv2.remap(
            raster, u.astype(np.float32)[None], v.astype(np.float32)[None], cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        return found[0].astype(np.float64)

    def rigid(self, points: np.ndarray) -> np.ndarray:
        return self._sample(self.raster, points) * self.rim(points)

    def breath(self, points: np.ndarray) -> np.ndarray:
        """0..1: how far a place rises with the breath: chest and shoulders of the person, nothing else."""
        below = smoothstep(self.upright(points)[:, 1] - self.chin, 0.45, 1.3)
        return below * np.clip(2.0 * self._sample(self.body, points) - 1.0, 0.0, 1.0) * self.rim(points)

    def moves(self, points: np.ndarray) -> np.ndarray:
        """0..1: 0 where a place always stays as it is, 1 where it is carried along visibly, be it by the breath."""
        return np.clip(4.0 * np.maximum(self.rigid(points), self.breath(points)), 0.0, 1.0)


def head_field(
    person: np.ndarray,
    landmarks: np.ndarray,
    pose: Pose,
    region: tuple[float, float, float, float],
    mode: str,
) -> HeadField:
    """person: (h, w) opacity or probability of the person over the region, any size.

    mode: what carries the head. "layer": the person alone, before a plate; "sheet": the whole picture, whose background
    fades to rest close to the head; "loose": the whole picture, swaying the less the farther from the head.
    """
    iod = float(pose.scale)
    x0, y0, x1, y1 = region
    w, h = (max(8, round((hi - lo) / iod * CELLS)) for lo, hi in ((x0, x1), (y0, y1)))
    roll = np.radians(float(pose.angles[2]))
    turn = np.array([[np.cos(roll), np.sin(roll)], [-np.sin(roll), np.cos(roll)]])
    origin = np.asarray(pose.translation[:2], np.float64)
    gx, gy = np.meshgrid(x0 + (np.arange(w) + 0.5) / w * (x1 - x0), y0 + (np.arange(h) + 0.5) / h * (y1 - y0))
    points = np.stack([gx.ravel(), gy.ravel()], 1)
    upright = (points - origin) @ turn.T / iod
    ux, uy = upright[:, 0].reshape(h, w), upright[:, 1].reshape(h, w)
    chin = float((((landmarks[152, :2] - origin) @ turn.T) / iod)[1])

    cell = np.array([(x1 - x0) / w, (y1 - y0) / h])
    oval = np.round((landmarks[list(topology.OVAL), :2] - (x0, y0)) / cell - 0.5).astype(np.int32)
    face = np.zeros((h, w), np.uint8)
    cv2.fillPoly(face, [oval], (1,))
    mask = cv2.resize(person.astype(np.float32), (w, h), interpolation=cv2.INTER_AREA)
    body = ((mask > 0.5) | (face > 0)).astype(np.uint8)
    head = body & (uy < chin - 0.1) & (np.abs(ux) < 2.4)
    head = (head.astype(bool) | (face > 0)).astype(np.uint8)
    _, labels = cv2.connectedComponents(head)
    nose = np.clip(((landmarks[1, :2] - (x0, y0)) / cell).astype(int), 0, (w - 1, h - 1))
    head = (labels == labels[nose[1], nose[0]]).astype(np.uint8)
    head = cv2.morphologyEx(head, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))

    weight = 1.0 - smoothstep(_away(head), 0.0, REACH)
    below = uy - np.interp(np.abs(ux), *(LAYER_THROAT if mode == "layer" else THROAT)) - chin
    if mode == "layer":
        weight = np.minimum(weight, 1.0 - smoothstep(below, *LAYER_NECK))
        weight = _carried_over(np.maximum(weight, SHOULDERS), (mask > 0.1) | (face > 0))
        weight = _blurred(weight, 0.12)
    else:
        weight = np.minimum(weight, 1.0 - smoothstep(below, *NECK))
        weight = _blurred(weight, 0.18)
        # What would hardly move does not move at all: most of a background then stays as it is, to the bit.
        weight = np.maximum(0.0, weight - 0.03) / 0.97
    weight = np.maximum(weight, 1.0 - smoothstep(_away(face), 0.0, 0.25))
    if mode == "loose":  # spread over more room, the same motion bends straight lines less; shoulders stay
        loose = np.minimum(1.0 - smoothstep(_away(head), 0.0, LOOSE_REACH), 1.0 - smoothstep(uy - chin, *NECK))
        weight = np.maximum(weight, loose)
    soft = _blurred(body, 0.08)
    return HeadField(region, origin, iod, turn, chin, np.ascontiguousarray(weight, np.float32), soft)


def _blurred(raster: np.ndarray, sigma: float) -> np.ndarray:
    """sigma in IOD."""
    raster = raster.astype(np.float32)
    return np.asarray(cv2.GaussianBlur(raster, (0, 0), sigma * CELLS, borderType=cv2.BORDER_REPLICATE))


def _away(shape: np.ndarray) -> np.ndarray:
    """(h, w) distance from ``shape`` in IOD."""
    return np.asarray(cv2.distanceTransform((1 - shape).astype(np.uint8), cv2.DIST_L2, 5)) / CELLS


def _carried_over(weight: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """Outside ``shape`` the weight of its nearest cell: what surrounds the person is not seen, and must not pull."""
    _, labels = cv2.distanceTransformWithLabels(
        (~shape).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    of_label = np.zeros(int(labels.max()) + 1)
    of_label[labels[shape]] = weight[shape]
    return of_label[labels].astype(np.float32)
