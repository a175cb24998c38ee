"""Where the person stands: MediaPipe's selfie segmentation, looked at in several windows and both ways round."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from moda.portrait import mediapipe_graphs

if TYPE_CHECKING:
    from moda.portrait.face import Face

WINDOWS = (7.5, 12.0)
"""Sides, in IOD, of the windows around the head that are looked at beside the whole picture. The network sees 256
pixels: with fewer than about 20 an IOD hair is lost, and a head that fills the window without shoulders is not taken
for a person."""
HOLE, DEEP = 1.0, 0.4
"""Largest hole in IOD² that is filled; distance in IOD from the edge beyond which the inside is surely person."""
VOTE_SIDE = 256
"""Longest side in pixels of the copy in which colours vote."""
VOTE_BAND, VOTE_REACH = 0.2, 0.9
"""In IOD: how near the mask's edge a pixel is in doubt, and how much farther those are that vote on it."""
VOTERS, VOTES = 4000, 12
"""At most so many pixels of each side may vote, and the nearest so many of them all do."""
PLACE_WEIGHT = 10.0
"""One IOD of distance counts like so many units of CIELAB."""
VOTE_WEIGHT = 0.5
"""Weight of the vote's log odds beside the network's."""
AGAINST = 0.5
"""A vote for the background counts so much less: what looks like the wall and is kept by mistake is hardly seen."""
LIMIT = 0.02
"""No vote and no mask is believed beyond this probability and its complement."""
BELOW_EYES = 0.45
"""How far below the eyes, in IOD, the middle of the windows lies."""


def person_mask(image: np.ndarray, face: Face) -> np.ndarray:
    """Probability (H, W) float32 that a pixel of `image` (H, W, 3) uint8 RGB belongs to a person.

    The mean of what the network says of the whole picture and of windows around the head, each also mirrored; near its
    edge and where it is unsure, colours have a say.
    """
    iod = float(face.pose.scale)
    return settle_by_colour(image, close_holes(segment(image, face), iod), iod)


def segment(image: np.ndarray, face: Face) -> np.ndarray:
    """What the network says alone, (H, W) float32 in 0..1."""
    height, width = image.shape[:2]
    total = _both_ways(image)
    weight = np.ones((height, width), np.float32)
    pose = face.pose
    iod = float(pose.scale)
    centre = pose.translation[:2] + pose.rotation[:2, 1] * BELOW_EYES * iod
    for side in WINDOWS:
        if side * iod > 0.85 * max(height, width):
            continue
        x0, y0, x1, y1 = _window(centre, side * iod, width, height)
        trust = _fading(x1 - x0, y1 - y0, (x0 > 0, y0 > 0, x1 < width, y1 < height))
        total[y0:y1, x0:x1] += trust * _both_ways(image[y0:y1, x0:x1])
        weight[y0:y1, x0:x1] += trust
    return np.asarray(total / weight)


def close_holes(mask: np.ndarray, iod: float) -> np.ndarray:
    """Fill in `mask` (H, W) what the person encloses, if small and not clearly background, and what lies deep inside.

    The network doubts mirrors, badges and bright folds on clothes; a gap between arm and body it knows.
    """
    import cv2

    person = (mask > 0.5).astype(np.uint8)
    count, labels, about, _ = cv2.connectedComponentsWithStats(1 - person)
    height, width = mask.shape
    for number in range(1, count):
        x, y, w, h, area = about[number]
        inner = x > 0 and y > 0 and x + w < width and y + h < height
        if inner and area < HOLE * iod**2 and float(mask[labels == number].mean()) > 0.1:
            person[labels == number] = 1
    # The picture's own rim is no edge of the person.
    inside = cv2.distanceTransform(cv2.copyMakeBorder(person, 1, 1, 1, 1, cv2.BORDER_REPLICATE), cv2.DIST_L2, 5)
    deep = inside[1:-1, 1:-1] > DEEP * iod
    filled = (person > 0) & (mask <= 0.5)
    return np.where(deep | filled, 1.0, mask).astype(np.float32)


def settle_by_colour(image: np.ndarray, mask: np.ndarray, iod: float) -> np.ndarray:
    """Move `mask` (H, W) towards what similar colours nearby are, where it is unsure: near its edge and in the grey.

    Each pixel in doubt takes a vote of its nearest neighbours, in colour and place, among the pixels that are sure.
    """
    import cv2
    from scipy.spatial import cKDTree

    height, width = mask.shape
    factor = min(1.0, VOTE_SIDE / max(height, width))
    size = (max(round(width * factor), 1), max(round(height * factor), 1))
    iod *= factor
    small = cv2.resize(mask, size, interpolation=cv2.INTER_AREA)
    person = (small > 0.5).astype(np.uint8)
    away = np.maximum(*(cv2.distanceTransform(side, cv2.DIST_L2, 5) for side in (person, 1 - person))) / iod
    doubt = (away < VOTE_BAND) | ((small > 0.05) & (small < 0.95))
    sure = ~doubt & (away < VOTE_BAND + VOTE_REACH)
    voters = [np.flatnonzero(sure & (person == side)) for side in (0, 1)]
    if not doubt.any() or min(len(side) for side in voters) < 50:
        return mask
    chosen = np.concatenate(
        [side[np.linspace(0, len(side) - 1, min(len(side), VOTERS)).astype(int)] for side in voters]
    )
    colour = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255.0
    lab = cv2.cvtColor(colour, cv2.COLOR_RGB2LAB).reshape(-1, 3) * np.array([0.5, 1.0, 1.0], np.float32)
    place = np.stack([np.tile(np.arange(size[0]), size[1]), np.repeat(np.arange(size[1]), size[0])], axis=1)
    features = np.hstack([lab, (place * (PLACE_WEIGHT / iod)).astype(np.float32)])
    asked = np.flatnonzero(doubt)
    distance, index = cKDTree(features[chosen]).query(features[asked], k=VOTES)
    weight = 1.0 / (distance + 2.0)
    share = (weight * person.ravel()[chosen][index]).sum(1) / weight.sum(1)
    push = np.zeros(small.size, np.float32)
    odds = VOTE_WEIGHT * _logit(share)
    push[asked] = np.where(odds < 0, AGAINST * odds, odds)
    push = np.asarray(cv2.resize(push.reshape(small.shape), (width, height), interpolation=cv2.INTER_LINEAR))
    moved = push != 0
    settled = mask.copy()
    settled[moved] = 1 / (1 + np.exp(-_logit(mask[moved]) - push[moved]))
    return settled


def _logit(probability: np.ndarray) -> np.ndarray:
    bounded = np.clip(probability, LIMIT, 1 - LIMIT)
    return np.asarray(np.log(bounded / (1 - bounded)))


def _window(centre: np.ndarray, side: float, width: int, height: int) -> tuple[int, int, int, int]:
    """A square of `side` pixels around `centre`, moved and cut so that it lies in the picture."""
    spans = []
    for middle, length in zip(centre, (width, height)):
        wide = min(round(side), length)
        low = int(np.clip(round(float(middle) - wide / 2), 0, length - wide))
        spans.append((low, low + wide))
    (x0, x1), (y0, y1) = spans
    return x0, y0, x1, y1


def _fading(width: int, height: int, inner: Sequence[bool]) -> np.ndarray:
    """Trust (height, width) in a window: 2 inside, fading to 0 where its side cuts through the picture."""
    fade = 0.15 * min(width, height)
    x, y = np.arange(width) + 0.5, np.arange(height) + 0.5
    far = np.full_like(x, np.inf)
    across = np.minimum(x if inner[0] else far, (width - x) if inner[2] else far)
    far = np.full_like(y, np.inf)
    down = np.minimum(y if inner[1] else far, (height - y) if inner[3] else far)
    near = np.minimum(across[None], down[:, None])
    return (2.0 * np.clip(near / fade, 0.0, 1.0)).astype(np.float32)


def _both_ways(image: np.ndarray) -> np.ndarray:
    import cv2

    height, width = image.shape[:2]
    small = cv2.resize(image, (min(width, 256), min(height, 256)), interpolation=cv2.INTER_AREA)
    mask = mediapipe_graphs.person_mask(small)
    mask = (mask + mediapipe_graphs.person_mask(small[:, ::-1])[:, ::-1]) / 2
    return np.asarray(cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR))
