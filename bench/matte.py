"""What cutting out a person costs and how true it is: python -m bench.matte [PORTRAIT ...].

Without portraits: the scenes of the tests with known opacity, beside the raw segmentation, one line each, and the means
(mean absolute alpha error over the picture, near the edge, gradient error). With portraits: seconds on one thread of
reading, matte and plate, the best of three.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np


def quickest(work: Callable[[], Any], times: int = 3) -> float:
    """Seconds of the quickest of several runs."""
    spent = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        spent.append(time.perf_counter() - started)
    return min(spent)


def costs(paths: list[str]) -> None:
    from moda.portrait.matte import person_alpha
    from moda.portrait.plate import split_layers
    from moda.portrait.portrait import open_portrait

    print(f"{'portrait':30} {'size':>11} {'read':>6} {'alpha':>6} {'layers':>6}")
    for path in paths:
        portrait = open_portrait(path)
        alpha = portrait.matte.alpha
        seconds = [
            quickest(lambda path=path: open_portrait(path)),
            quickest(lambda one=portrait: person_alpha(one.image, one.face, one.alpha, one.others)),
            quickest(lambda one=portrait, alpha=alpha: split_layers(one.image, alpha)),
        ]
        size = "x".join(str(side) for side in portrait.size)
        print(f"{portrait.name[:30]:30} {size:>11} " + " ".join(f"{value:6.2f}" for value in seconds))


def errors() -> None:
    from moda.portrait.mediapipe_graphs import person_mask
    from moda.portrait.portrait import open_portrait
    from tests.portrait import scenes

    rows = []
    print(f"{'scene':24} {'matte':>22}   {'segmentation':>22}")
    for make in (scenes.astronaut, scenes.long_hair, scenes.character):
        cutout = make()
        edge = scenes.near_edge(cutout.alpha, 10)
        for name, background in scenes.backgrounds():
            image = cutout.over(background)
            row = []
            for found in (open_portrait(image).matte.alpha, person_mask(image)):
                wrong = np.abs(found - cutout.alpha)
                row += [wrong.mean(), wrong[edge].mean(), scenes.gradient_error(found, cutout.alpha)]
            rows.append(row)
            print(f"{make.__name__ + ' ' + name:24} " + " ".join(f"{value:8.4f}" for value in row))
    print(f"{'mean':24} " + " ".join(f"{value:8.4f}" for value in np.mean(rows, axis=0)))


if __name__ == "__main__":
    import cv2

    cv2.setNumThreads(1)
    costs(sys.argv[1:]) if sys.argv[1:] else errors()
