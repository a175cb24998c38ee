"""The mesh renderer: weight-free, on the CPU, faster than real time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from moda.errors import BadSetting, Cancelled
from moda.motion.actions import ACTIONS, INDEX, read_actions

from . import eyes as eyes_
from . import mouth as mouth_
from . import teeth
from .field import HeadField, head_field
from .geometry import build_mesh
from .painter import Painter
from .pose import turn_of
from .rig import Rig, build_rig, lid_weights, move, relative_actions
from .stage import build_stage, crop_window
from .topology import EYES

if TYPE_CHECKING:
    from moda.motion.space import Motion
    from moda.portrait.portrait import Portrait
    from moda.renderer.base import Cancel

SMALLEST, LARGEST = 64, 2048


@dataclass(frozen=True)
class Prepared:
    """A portrait ready to be moved; made once, never changed."""

    image: np.ndarray
    rig: Rig
    field: HeadField
    eyes: tuple[eyes_.Eye, eyes_.Eye]
    mouth: mouth_.Mouth
    region: tuple[float, float, float, float]
    window: tuple[float, float, float]
    glasses: bool


class MeshRenderer:
    """Renderer by a textured mesh; see the package's text."""

    name = "mesh"

    def prepare(self, portrait: Portrait, **options: Any) -> Prepared:
        """Mesh, weights, eyes and mouth of a portrait.

        Options: ``glasses`` (bool): the person wears glasses; found from the picture when not given.
        """
        from moda.portrait.graphs import person_mask

        image, head = portrait.image, portrait.placement
        iod = float(head.scale)
        height, width = image.shape[:2]
        points = eyes_.refine_lids(image, portrait.landmarks.astype(np.float64), iod)
        points = mouth_.part_lips(points, iod)
        centre = np.asarray(head.translation[:2], np.float64) + head.rotation[:2, 1].astype(np.float64) * 0.45 * iod
        window = crop_window(centre, iod, (height, width))
        grow = 0.7 * iod
        region = (
            max(0.0, window[0] - grow),
            max(0.0, window[1] - grow),
            min(float(width - 1), window[0] + window[2] + grow),
            min(float(height - 1), window[1] + window[2] + grow),
        )
        x0, y0, x1, y1 = (int(round(v)) for v in region)
        person = person_mask(image[y0 : y1 + 1, x0 : x1 + 1])
        field = head_field(person, points, head, region, (height, width))
        glasses = bool(options.get("glasses", wears_glasses(image, points, iod)))
        mesh = build_mesh(points, head, region, field)
        lids = eyes_.lid_rows(mesh.position[:468], glasses, iod)
        balls = (
            eyes_.build_eye(image, EYES[0], points, portrait.landmarks),
            eyes_.build_eye(image, EYES[1], points, portrait.landmarks),
        )
        sclera = teeth.sclera_of([ball.white[..., :3] for ball in balls], [ball.iris for ball in balls])
        tones = teeth.measure_tones(image, points, iod, sclera)
        mouth = mouth_.build_mouth(image, points, iod, tones, mesh.position)
        rig = build_rig(mesh, head, mouth.gap, lids, (balls[0].ratio, balls[1].ratio), glasses, portrait.rest["smile"])
        return Prepared(image, rig, field, balls, mouth, region, window, glasses)

    def frames(
        self,
        prepared: Prepared,
        motion: Motion,
        *,
        size: int = 512,
        whole: bool = False,
        start: int = 0,
        stop: int | None = None,
        cancel: Cancel | None = None,
    ) -> Iterator[np.ndarray]:
        """Yield frames ``start`` to ``stop`` of ``motion``; see :class:`moda.renderer.base.Renderer`.

        Raises:
            BadSetting: ``size`` is not an even number from 64 to 2048.
            Cancelled: ``cancel()`` returned True.
        """
        if not whole and (not SMALLEST <= size <= LARGEST or size % 2):
            raise BadSetting(f"The frame size must be an even number from {SMALLEST} to {LARGEST}, not {size}.")
        stage = build_stage(prepared.image, prepared.region, prepared.window, size, whole)
        painter = Painter(prepared.rig, prepared.eyes, prepared.mouth, stage)
        assert motion.reference is not None
        at_rest = read_actions(motion.reference[None, :63], motion.neutral)[0].astype(np.float64)
        stop = len(motion.array) if stop is None else min(stop, len(motion.array))
        for index in range(start, stop):
            if cancel is not None and cancel():
                raise Cancelled("The rendering was stopped.")
            values = read_actions(motion.expression[index : index + 1], motion.neutral).astype(np.float64)
            pose = motion.array[index, 63:70].astype(np.float64)
            yield self.frame(prepared, painter, values, at_rest, pose, motion.reference[63:70].astype(np.float64))

    @staticmethod
    def frame(
        prepared: Prepared, painter: Painter, values: np.ndarray, at_rest: np.ndarray, pose: np.ndarray, still: np.ndarray
    ) -> np.ndarray:
        """One frame from action values (1, 17) and pose (7,)."""
        rig = prepared.rig
        actions = relative_actions(values, at_rest, rig.gap, rig.smiling)[0]
        turn = turn_of(pose, still, rig.head)
        lids = (
            *lid_weights(actions, 0, rig.eye_ratio[0]),
            *lid_weights(actions, 1, rig.eye_ratio[1]),
        )
        moved, unposed = move(rig, actions, lids, turn)
        return painter.paint(moved, unposed, actions, lids, turn)


def wears_glasses(image: np.ndarray, points: np.ndarray, iod: float) -> bool:
    """Whether a frame crosses the bridge of the nose and runs below the eyes."""
    grey = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (0, 0), max(0.6, 0.012 * iod)).astype(np.float32)

    def strongest(a: np.ndarray, b: np.ndarray, spread: float) -> float:
        """Largest step of brightness along lines from a to b, shifted sideways, median over them."""
        t = np.linspace(0, 1, 60)[:, None]
        along = (b - a) / max(float(np.linalg.norm(b - a)), 1e-6)
        side = np.array([-along[1], along[0]])
        found = []
        for shift in np.linspace(-spread, spread, 7):
            xy = (a + t * (b - a) + side * shift * iod).astype(np.float32)
            profile = cv2.remap(grey, xy[None, :, 0], xy[None, :, 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0]
            found.append(float(np.abs(profile[4:] - profile[:-4]).max()))
        return float(np.median(found))

    bridge = strongest(points[9, :2], points[195, :2], 0.05)
    below = [strongest(points[a, :2], points[b, :2], 0.10) for a, b in ((145, 50), (374, 280))]
    skin = float(np.median([grey[int(np.clip(points[k, 1], 0, grey.shape[0] - 1)), int(np.clip(points[k, 0], 0, grey.shape[1] - 1))] for k in (50, 280, 205, 425)]))
    limit = 0.30 * max(skin, 30.0)
    return bridge > limit and min(below) > 0.9 * limit


__all__ = ["ACTIONS", "INDEX", "MeshRenderer", "Prepared", "wears_glasses"]
