"""A rigged face as glTF 2.0 (binary): mesh, texture, morph targets by ARKit's names, a neck, and the take as animation.

Lengths are in metres (the eyes are 63 mm apart), y is up and the face looks along +z, as glTF wants it.
"""

from __future__ import annotations

import json
import struct
from typing import Any

import cv2
import numpy as np

from moda.motion.actions import read_actions
from moda.motion.arkit import BLENDSHAPES, PAIRS_OF, drivers, to_blendshapes
from moda.motion.space import Motion
from moda.renderer.mesh.analysis.geometry import signed_area
from moda.renderer.mesh.analysis.topology import LIP_LOWER_INNER, LIP_UPPER_INNER
from moda.renderer.mesh.drawing.pose import turns_of
from moda.renderer.mesh.drawing.rig import TABLE_ACTIONS, relative_actions
from moda.renderer.mesh.renderer import Prepared

EYE_DISTANCE = 0.063
TEXTURE_SIZE = 1024
GENERATOR = "MoDA Studio"
FLOAT, USHORT, UBYTE = 5126, 5123, 5121
ARRAY_BUFFER, ELEMENT_BUFFER = 34962, 34963


class _Buffer:
    """The binary part, with a view and an accessor for each array."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []

    def view(self, content: bytes, target: int | None = None) -> int:
        self.data += bytes(-len(self.data) % 4)
        about: dict[str, Any] = {"buffer": 0, "byteOffset": len(self.data), "byteLength": len(content)}
        self.views.append(about if target is None else {**about, "target": target})
        self.data += content
        return len(self.views) - 1

    def array(
        self, values: np.ndarray, kind: str, component: int, target: int | None = None, span: bool = False
    ) -> int:
        types = {FLOAT: "<f4", USHORT: "<u2", UBYTE: "u1"}
        flat = np.ascontiguousarray(values, types[component])
        accessor: dict[str, Any] = {
            "bufferView": self.view(flat.tobytes(), target), "componentType": component, "count": len(flat),
            "type": kind,
        }  # fmt: skip
        if span:
            rows = flat.reshape(len(flat), -1)
            accessor |= {"min": rows.min(0).tolist(), "max": rows.max(0).tolist()}
        self.accessors.append(accessor)
        return len(self.accessors) - 1


def face_glb(prepared: Prepared, motion: Motion, metadata: dict[str, Any]) -> bytes:
    """The rigged face of a prepared portrait with one take. metadata goes into `asset.extras`."""
    rig, mesh = prepared.rig, prepared.rig.mesh
    iod = float(rig.head.scale)
    origin = np.asarray(rig.head.translation, np.float64)
    to_metres = np.array([1.0, -1.0, -1.0]) * EYE_DISTANCE / iod
    position = (mesh.position - origin) * to_metres
    buffer = _Buffer()
    triangles, mouth = _triangles(prepared)
    names, targets = _targets(prepared, to_metres)
    texture, uv = _texture(prepared)
    weight = np.clip(np.round(mesh.rigid * 255), 0, 255).astype(np.uint8)
    joints = np.tile(np.array([1, 0, 0, 0], np.uint8), (len(position), 1))
    weights = np.zeros((len(position), 4), np.uint8)
    weights[:, 0], weights[:, 1] = weight, 255 - weight
    joints[weight == 0] = 0
    weights[weight == 0] = (255, 0, 0, 0)
    joints[weight == 255] = (1, 0, 0, 0)
    attributes = {
        "POSITION": buffer.array(position, "VEC3", FLOAT, ARRAY_BUFFER, True),
        "TEXCOORD_0": buffer.array(uv, "VEC2", FLOAT, ARRAY_BUFFER),
        "JOINTS_0": buffer.array(joints, "VEC4", UBYTE, ARRAY_BUFFER),
        "WEIGHTS_0": buffer.array(weights, "VEC4", UBYTE, ARRAY_BUFFER),
    }
    buffer.accessors[attributes["WEIGHTS_0"]]["normalized"] = True
    morphs = [{"POSITION": buffer.array(target, "VEC3", FLOAT, ARRAY_BUFFER, True)} for target in targets]
    primitives = [
        {"attributes": attributes, "indices": buffer.array(part.ravel(), "SCALAR", USHORT, ELEMENT_BUFFER),
         "material": material, "targets": morphs}
        for part, material in ((triangles, 0), (mouth, 1))
    ]  # fmt: skip
    done, picture = cv2.imencode(".jpg", texture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
    assert done
    image = buffer.view(picture.tobytes())
    pivot = (_pivot(prepared) - origin) * to_metres
    inverse = np.stack([np.eye(4), np.eye(4)])
    inverse[1, 3, :3] = -pivot  # column-major: the translation is the last row
    bind = buffer.array(inverse.reshape(2, 16), "MAT4", FLOAT)
    channels, samplers = _animation(prepared, motion, names, pivot, to_metres, buffer)
    cavity = prepared.mouth.tones.cavity / 255.0
    document = {
        "asset": {"version": "2.0", "generator": GENERATOR, "extras": metadata},
        "extensionsUsed": ["KHR_materials_unlit"],
        "scene": 0,
        "scenes": [{"name": "portrait", "nodes": [0, 2]}],
        "nodes": [
            {"name": "body", "children": [1]},
            {"name": "head", "translation": pivot.tolist()},
            {"name": "face", "mesh": 0, "skin": 0},
        ],
        "skins": [{"name": "neck", "joints": [0, 1], "skeleton": 0, "inverseBindMatrices": bind}],
        "meshes": [{"name": "face", "primitives": primitives, "weights": [0.0] * len(names),
                    "extras": {"targetNames": names}}],
        "materials": [
            {"name": "skin", "pbrMetallicRoughness": {"baseColorTexture": {"index": 0}, "metallicFactor": 0.0,
             "roughnessFactor": 1.0}, "extensions": {"KHR_materials_unlit": {}}, "doubleSided": True},
            {"name": "mouth", "pbrMetallicRoughness": {"baseColorFactor": [*map(float, cavity**2.2), 1.0],
             "metallicFactor": 0.0, "roughnessFactor": 1.0}, "extensions": {"KHR_materials_unlit": {}},
             "doubleSided": True},
        ],
        "textures": [{"source": 0, "sampler": 0}],
        "samplers": [{"magFilter": 9729, "minFilter": 9987, "wrapS": 33071, "wrapT": 33071}],
        "images": [{"name": "portrait", "bufferView": image, "mimeType": "image/jpeg"}],
        "animations": [{"name": "take", "channels": channels, "samplers": samplers}],
        "accessors": buffer.accessors,
        "bufferViews": buffer.views,
        "buffers": [{"byteLength": len(buffer.data) + (-len(buffer.data) % 4)}],
    }  # fmt: skip
    return _pack(document, bytes(buffer.data))


def _texture(prepared: Prepared) -> tuple[np.ndarray, np.ndarray]:
    """The part of the picture that the mesh covers, (h, w, 3) uint8, and where each vertex lies in it, (V, 2) 0..1."""
    x0, y0, x1, y1 = (round(v) for v in prepared.region)
    part = prepared.layers.picture[y0 : y1 + 1, x0 : x1 + 1]
    size = np.array(part.shape[1::-1])
    uv = (prepared.rig.mesh.position[:, :2] - (x0, y0) + 0.5) / size
    shrink = TEXTURE_SIZE / size.max()
    if shrink < 1:
        part = cv2.resize(part, tuple(np.maximum(1, np.round(size * shrink)).astype(int)), interpolation=cv2.INTER_AREA)
    return part, np.clip(uv, 0.0, 1.0)


def _triangles(prepared: Prepared) -> tuple[np.ndarray, np.ndarray]:
    """Skin with the eyes (painted on), and the mouth's opening, each counter-clockwise to the viewer."""
    mesh = prepared.rig.mesh
    lips = {*LIP_UPPER_INNER, *LIP_LOWER_INNER}
    inside = np.array([{*map(int, hole)} <= lips for hole in mesh.holes])
    skin = np.vstack([mesh.skin, mesh.holes[~inside]])
    turned = [part.copy() for part in (skin, mesh.holes[inside])]
    for part in turned:
        flipped = signed_area(mesh.position, part) < 0
        # Clockwise on the picture (y down) is counter-clockwise with y up, seen from the front.
        part[~flipped] = part[~flipped][:, [0, 2, 1]]
    return turned[0], turned[1]


def _targets(prepared: Prepared, to_metres: np.ndarray) -> tuple[list[str], list[np.ndarray]]:
    """ARKit's names of the blendshapes that move vertices, and their displacements (V, 3) in metres at value 1."""
    rig = prepared.rig
    basis = rig.basis.reshape(len(rig.basis), -1, 3)
    rows = {name: basis[k] for k, name in enumerate(TABLE_ACTIONS)}
    lids = basis[len(TABLE_ACTIONS) :]
    rows["blink_left"], rows["blink_right"] = lids[0] + lids[1], lids[2] + lids[3]
    names, targets = [], []
    for shape in BLENDSHAPES:
        if shape not in drivers():
            continue
        action, sign = drivers()[shape]
        if action not in rows:
            continue
        move = sign * rows[action] * to_metres * _share(shape, action, prepared)[:, None]
        names.append(shape)
        targets.append(move)
    return names, targets


def _share(shape: str, action: str, prepared: Prepared) -> np.ndarray:
    """(V,) how much of an action's displacement a blendshape of one side carries: those of an action add up to 1."""
    across = (prepared.rig.mesh.position[:, 0] - prepared.rig.head.translation[0]) / prepared.rig.head.scale
    soft = np.clip(across / 0.5 + 0.5, 0, 1)
    right_of_picture = soft * soft * (3 - 2 * soft)
    if action in PAIRS_OF or action in ("blink_left", "blink_right"):
        return np.ones_like(across)
    inner = np.exp(-((across / 0.32) ** 2)) if action == "brow_raise" else np.zeros_like(across)
    if shape == "browInnerUp":
        return inner
    if shape.endswith("Left"):  # the person's left is the picture's right
        return right_of_picture * (1 - inner)
    return (1 - right_of_picture) * (1 - inner) if shape.endswith("Right") else np.ones_like(across)


def _pivot(prepared: Prepared) -> np.ndarray:
    head = prepared.rig.head
    rest = np.array([1.0, 0, 0, 0, *head.angles])
    return turns_of(rest[None], rest, head)[0].pivot


def _animation(
    prepared: Prepared, motion: Motion, names: list[str], pivot: np.ndarray, to_metres: np.ndarray, buffer: _Buffer
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Weights of the morph targets, turn and place of the head, frame by frame."""
    rig = prepared.rig
    assert motion.reference is not None
    at_rest = read_actions(motion.reference[None, :63], motion.neutral)[0].astype(np.float64)
    values = read_actions(motion.expression, motion.neutral).astype(np.float64)
    actions = relative_actions(values, at_rest, rig.gap, rig.smiling)
    curves = to_blendshapes(actions)[:, [BLENDSHAPES.index(name) for name in names]]
    turns = turns_of(motion.array[:, 63:70].astype(np.float64), motion.reference[63:70].astype(np.float64), rig.head)
    scales = np.array([np.cbrt(abs(np.linalg.det(turn.linear))) for turn in turns])
    mirror = np.diag([1.0, -1.0, -1.0])
    matrices = np.stack([mirror @ (turn.linear / scale) @ mirror for turn, scale in zip(turns, scales)])
    from scipy.spatial.transform import Rotation

    spins = Rotation.from_matrix(matrices).as_quat()
    spins[1:] *= np.where((spins[1:] * spins[:-1]).sum(1) < 0, -1.0, 1.0).cumprod()[:, None]
    places = pivot + np.stack([turn.shift for turn in turns]) * to_metres
    times = np.arange(len(motion), dtype=np.float32) / np.float32(motion.fps)
    at = buffer.array(times, "SCALAR", FLOAT, None, True)
    outputs = [
        buffer.array(curves.reshape(-1), "SCALAR", FLOAT),
        buffer.array(spins, "VEC4", FLOAT),
        buffer.array(places, "VEC3", FLOAT),
        buffer.array(np.repeat(scales[:, None], 3, 1), "VEC3", FLOAT),
    ]
    samplers = [{"input": at, "output": output, "interpolation": "LINEAR"} for output in outputs]
    paths = (("weights", 2), ("rotation", 1), ("translation", 1), ("scale", 1))
    channels = [{"sampler": k, "target": {"node": node, "path": path}} for k, (path, node) in enumerate(paths)]
    return channels, samplers


def _pack(document: dict[str, Any], binary: bytes) -> bytes:
    text = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    binary += bytes(-len(binary) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(binary), b"BIN\0") + binary
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks
