"""The rig bundle: what the mesh renderer learnt of a portrait, packed for the viewer.

Everything the drawing needs and nothing that it can compute: docs/rig.md lists the sections. Actions, basis rows and
constants go by name, so a renderer with more actions makes a bundle with more rows and the viewer follows.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from moda.motion.actions import ACTIONS, GAP_PER_JAW, read_matrix, write_matrix
from moda.renderer.mesh.analysis import curves, displacements, teeth, texture
from moda.renderer.mesh.analysis.topology import COUNT, LIP_LOWER_INNER, LIP_UPPER_INNER
from moda.renderer.mesh.drawing import aperture_kernels, painter, pose, rig, viewport
from moda.renderer.mesh.drawing import eyes as drawn_eyes
from moda.renderer.mesh.drawing import mouth as drawn_mouth
from moda.renderer.mesh.renderer import Prepared
from moda.stage.packing import Container
from moda.stage.tables import editing_tables

MAGIC = b"MODARIG\n"
VERSION = 1
SIZE = 512
"""Side of the window, frame px, for which the texture is made; the viewer may show it at any size."""
TEXTURE_QUALITY, PLATE_QUALITY = 97, 92
LID_ROWS = ("upper_lid_left", "lower_lid_left", "upper_lid_right", "lower_lid_right")
CLOSING_ROW = "mouth_closing"
MAPS_RANGE = 0.5
"""Shade maps are kept as grey, 128 = no change, 255 = this much brighter."""


def rig_bytes(prepared: Prepared) -> bytes:
    """The bundle of a prepared portrait, below 1.5 MB; ``bundle.js`` reads it."""
    mesh = prepared.rig.mesh
    shown = viewport.build_viewport(
        prepared.layers, prepared.region, prepared.window, SIZE, False, prepared.field.moves
    )
    drawn = painter.Painter(prepared.rig, prepared.eyes, prepared.mouth, prepared.shade, shown)
    box = Container(MAGIC, VERSION, _header(prepared, shown))
    box.array("position", mesh.position, "f32")
    box.array("triangles", drawn.triangles, "u16")
    box.array("rigid", mesh.rigid, "f32")
    box.array("breath", mesh.breath, "f32")
    box.rows("basis", prepared.rig.basis.reshape(len(prepared.rig.basis), -1, 3))
    box.array("read", read_matrix(), "f32")
    box.array("write", write_matrix(), "f32")
    box.array("eye_spline", curves.spline_matrix(9, curves.EYE_SAMPLES), "f32")
    box.array("lip_spline", curves.spline_matrix(11, curves.LIP_SAMPLES), "f32")
    for name, arch in (("upper_arch", teeth.UPPER_ARCH), ("lower_arch", teeth.LOWER_ARCH)):
        box.array(name, np.stack([arch.length, arch.across, arch.back]), "f32")
    middle = texture.ENLARGED // 2
    raster = shown.texture[middle :: texture.ENLARGED, middle :: texture.ENLARGED]
    box.picture("texture", raster[..., :3], TEXTURE_QUALITY)
    box.picture("opacity", np.repeat(raster[..., 3:], 3, axis=2))
    box.picture("base", shown.base[..., :3], TEXTURE_QUALITY)
    box.picture("plate", shown.plate[..., :3], PLATE_QUALITY)
    for side, eye in zip(("left", "right"), prepared.eyes):
        box.sheet(f"eye_seen_{side}", eye.seen)
        box.sheet(f"eye_white_{side}", eye.white)
        box.picture(f"eye_disc_{side}", eye.disc)
    tones = np.concatenate([eye.tones for eye in prepared.eyes])
    box.picture("lid_tones", np.clip(np.round(tones), 0, 255).astype(np.uint8))
    for name in ("upper", "lower", "own"):
        sheet = getattr(prepared.mouth, name)
        box.sheet(f"mouth_{name}", sheet * np.array([1, 1, 1, 255], np.float32))
    maps = np.clip(np.round(prepared.shade.maps / MAPS_RANGE * 127) + 128, 0, 255).astype(np.uint8)
    # Three maps to a picture, one below the other where there are more.
    padded = np.concatenate([maps, np.full((-len(maps) % 3, *maps.shape[1:]), 128, np.uint8)])
    box.picture("shade", np.vstack([np.moveaxis(padded[k : k + 3], 0, -1) for k in range(0, len(padded), 3)]))
    return box.pack()


def _header(prepared: Prepared, shown: viewport.Viewport) -> dict[str, Any]:
    """Names, numbers and constants; lengths in px of the picture unless said otherwise."""
    made, mouth, shade = prepared.rig, prepared.mouth, prepared.shade
    to_raster = viewport.Affine2D(
        shown.to_texture.scale / texture.ENLARGED,
        (shown.to_texture.offset - texture.ENLARGED // 2) / texture.ENLARGED,
    ).after(shown.to_frame)
    return {
        "size": SIZE,
        "faceCount": COUNT,
        "lipSamples": curves.LIP_SAMPLES,
        "eyeSamples": curves.EYE_SAMPLES,
        "editing": editing_tables(),
        "actions": list(ACTIONS),
        "basis": [*rig.TABLE_ACTIONS, *LID_ROWS, CLOSING_ROW],
        "jawBend": list(displacements.JAW_BEND),
        "ownSmile": rig.OWN_SMILE,
        "lessGlum": rig.LESS_GLUM,
        "widest": displacements.WIDEST,
        "limits": {name: list(span) for name, span in displacements.LIMITS.items()},
        "window": [float(v) for v in prepared.window],
        "raster": {"scale": float(to_raster.scale), "offset": _numbers(to_raster.offset), "enlarged": texture.ENLARGED},
        "head": {
            "scale": float(made.head.scale),
            "rotation": _numbers(made.head.rotation),
            "translation": _numbers(made.head.translation),
            "angles": _numbers(made.head.angles),
        },
        "down": _numbers(made.down),
        "gap": float(made.gap),
        "smiling": float(made.smiling),
        "jawGap": GAP_PER_JAW,
        "breath": rig.BREATH if prepared.breathing else 0.0,
        "landmarks": {
            "upperInner": list(LIP_UPPER_INNER),
            "lowerInner": list(LIP_LOWER_INNER),
            "lips": list(drawn_mouth.LIP_MARKS),
        },
        "eyes": [
            {
                "upper": list(eye.marks.upper), "lower": list(eye.marks.lower), "crease": list(eye.marks.crease),
                "above": list(eye.marks.above),
                "width": float(eye.width), "ratio": float(eye.ratio), "patchScale": float(eye.patch_scale),
                "iris": _numbers(eye.iris), "lash": _numbers(eye.lash),
                "glasses": bool(eye.glasses),
            }
            for eye in prepared.eyes
        ],
        "mouth": {
            "centre": _numbers(mouth.centre), "gap": float(mouth.gap), "edge": float(mouth.edge),
            "toothy": float(mouth.toothy), "covered": bool(mouth.covered), "arch": float(mouth.arch),
            "seam": _numbers(mouth.seam),
            "cavity": _numbers(mouth.tones.cavity), "tongue": _numbers(mouth.tones.tongue),
        },
        "shade": {
            "origin": _numbers(shade.origin), "scale": float(shade.scale), "maps": len(shade.maps), "range": MAPS_RANGE,
        },
        "constants": {
            "pose": _constants(pose), "eyes": _constants(drawn_eyes), "mouth": _constants(drawn_mouth),
            "kernels": _constants(aperture_kernels), "curves": _constants(curves), "painter": _constants(painter),
            "teeth": _constants(teeth),
        },
    }  # fmt: skip


def _numbers(values: Any) -> list[float]:
    return [float(v) for v in np.asarray(values, np.float64).ravel()]


def _constants(module: ModuleType) -> dict[str, Any]:
    """A module's named numbers, so that the viewer uses the renderer's own."""
    found: dict[str, Any] = {}
    for name, value in vars(module).items():
        if not name.isupper() or name.startswith("_") or isinstance(value, bool):
            continue
        if isinstance(value, (int, float)):
            found[name] = value
        elif isinstance(value, np.ndarray) and value.ndim == 1 and value.dtype.kind == "f":
            found[name] = _numbers(value)
        elif isinstance(value, (tuple, list)) and all(isinstance(v, (int, float)) for v in value):
            found[name] = list(value)
    return found
