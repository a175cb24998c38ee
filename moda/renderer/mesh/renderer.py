"""The mesh renderer: weight-free, on the CPU, faster than real time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from moda.compiled import compile_ahead
from moda.errors import BadSetting
from moda.motion.actions import read_actions
from moda.renderer.ahead import cores, in_turns
from moda.renderer.base import Renderer, View
from moda.renderer.mesh.analysis import eyes as eyes_
from moda.renderer.mesh.analysis import mouth as mouth_
from moda.renderer.mesh.analysis import teeth
from moda.renderer.mesh.analysis.geometry import build_mesh
from moda.renderer.mesh.analysis.head_weights import HeadField, head_field
from moda.renderer.mesh.analysis.layers import Layers, layers_of
from moda.renderer.mesh.analysis.shading import SkinShade, build_shade, skin_lines
from moda.renderer.mesh.analysis.topology import EYES
from moda.renderer.mesh.drawing.painter import Painter, Posed
from moda.renderer.mesh.drawing.pose import turns_of
from moda.renderer.mesh.drawing.rig import Rig, build_rig, relative_actions
from moda.renderer.mesh.drawing.viewport import build_viewport
from moda.renderer.window import face_window, upright_window

if TYPE_CHECKING:
    from moda.motion.space import Motion
    from moda.portrait.portrait import Portrait

SMALLEST, LARGEST = 64, 2048
AT_ONCE = 100
"""Frames whose actions and turns are worked out together."""
THREADS = 2
"""Frames drawn at the same time, where there are cores for it; more would only wait for the encoder."""


@dataclass(frozen=True)
class Prepared:
    """A portrait ready to be moved; made once, never changed."""

    layers: Layers
    rig: Rig
    field: HeadField
    eyes: tuple[eyes_.Eye, eyes_.Eye]
    mouth: mouth_.Mouth
    shade: SkinShade
    region: tuple[float, float, float, float]
    window: tuple[float, float, float]
    glasses: bool
    breathing: bool


class MeshRenderer(Renderer):
    """Renderer by a textured mesh; see the package's text."""

    name = "mesh"

    def __init__(self) -> None:
        compile_ahead()

    def prepare(
        self,
        portrait: Portrait,
        *,
        background_still: bool = True,
        breathing: bool = True,
        glasses: bool | None = None,
    ) -> Prepared:
        """Mesh, weights, eyes and mouth of a portrait.

        ``background_still``: what is away from head and shoulders stays as it is, to the bit; otherwise it sways with
        the head. ``breathing``: the shoulders rise and fall a little. ``glasses``: the person wears glasses, as found
        by the portrait when not given.
        """
        image, head = portrait.image, portrait.placement
        iod = float(head.scale)
        height, width = image.shape[:2]
        points = eyes_.refine_lids(image, portrait.landmarks.astype(np.float64), iod)
        points = mouth_.part_lips(points, iod)
        window = face_window(portrait)
        grow = 0.7 * iod
        region = (
            max(0.0, window[0] - grow),
            max(0.0, window[1] - 1.6 * grow),  # the window may still go up, to hold all of the hair
            min(float(width - 1), window[0] + window[2] + grow),
            min(float(height - 1), window[1] + window[2] + grow),
        )
        layers = layers_of(portrait, background_still)
        x0, y0, x1, y1 = (round(v) for v in region)
        person = _person(portrait, layers)
        window, person = upright_window(portrait, person), person[y0 : y1 + 1, x0 : x1 + 1]
        mode = "loose" if not background_still else "sheet" if layers.alpha is None else "layer"
        field = head_field(person, points, head, region, mode)
        if glasses is None:
            glasses = portrait.rest.glasses
        mesh = build_mesh(points, head, region, field)
        lids = eyes_.lid_rows(mesh.position[:468], glasses, iod)
        balls = (
            eyes_.build_eye(image, EYES[0], points, portrait.landmarks, glasses),
            eyes_.build_eye(image, EYES[1], points, portrait.landmarks, glasses),
        )
        sclera = teeth.sclera_of([ball.white[..., :3] for ball in balls], [ball.iris for ball in balls])
        tones = teeth.measure_tones(image, points, iod, sclera)
        mouth = mouth_.build_mouth(image, points, iod, tones, mesh.position, portrait.mouth_covered)
        ratios, covered = (balls[0].ratio, balls[1].ratio), portrait.mouth_covered
        rig = build_rig(mesh, head, mouth.gap, lids, ratios, glasses, portrait.rest.smile, covered)
        shade = build_shade(mesh.position, iod, rig.smiling, skin_lines(image, points, iod), covered)
        return Prepared(layers, rig, field, balls, mouth, shade, region, window, glasses, breathing)

    def draw(
        self, prepared: Prepared, motion: Motion, wanted: range, view: View, watch: Callable[[], None]
    ) -> Iterator[np.ndarray]:
        """See :class:`moda.renderer.base.Renderer`. Raises BadSetting unless the size is even, from 64 to 2048."""
        size = view.size
        if not view.whole and (not SMALLEST <= size <= LARGEST or size % 2):
            raise BadSetting(f"The frame size must be an even number from {SMALLEST} to {LARGEST}, not {size}.")
        viewport = build_viewport(
            prepared.layers, prepared.region, prepared.window, size, view.whole, prepared.field.moves, view.alpha
        )
        painter = Painter(prepared.rig, prepared.eyes, prepared.mouth, prepared.shade, viewport)
        painters = [painter, *(painter.twin() for _ in range(min(THREADS, cores(), len(wanted)) - 1))]
        yield from in_turns([one.draw for one in painters], _poses(prepared, motion, wanted, watch))


def _poses(prepared: Prepared, motion: Motion, wanted: range, watch: Callable[[], None]) -> Iterator[Posed]:
    """What each frame shows; ``watch`` is called before each."""
    assert motion.reference is not None
    rig = prepared.rig
    at_rest = read_actions(motion.reference[None, :63], motion.neutral)[0].astype(np.float64)
    still = motion.reference[63:70].astype(np.float64)
    for start in range(wanted.start, wanted.stop, AT_ONCE):
        block = range(start, min(start + AT_ONCE, wanted.stop))
        rows = motion.array[block.start : block.stop]
        values = read_actions(rows[:, :63], motion.neutral).astype(np.float64)
        actions = relative_actions(values, at_rest, rig.gap, rig.smiling)
        turns = turns_of(rows[:, 63:70].astype(np.float64), still, rig.head)
        for index, relative, turn in zip(block, actions, turns):
            watch()
            yield Posed(relative, turn, breath_at(index / motion.fps) if prepared.breathing else 0.0)


def _person(portrait: Portrait, layers: Layers) -> np.ndarray:
    """(H, W) how surely each pixel is the person."""
    if layers.alpha is not None:
        return layers.alpha
    from moda.portrait.person_mask import person_mask

    return person_mask(portrait.image, portrait.face)


def breath_at(seconds: float) -> float:
    """-1..1, 0 at the start: about 14 quiet breaths a minute, the rise quicker than the fall."""
    phase = 2 * math.pi * seconds / 4.3
    return math.sin(phase + 0.35 * math.sin(phase))
