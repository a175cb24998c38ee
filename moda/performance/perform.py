"""Perform: the motion of a filmed face, carried over to a portrait.

The face is followed through the film, read as actions and pose around the person's own rest, and laid on the portrait's
rest: its pose is where the head begins, its closed lips are closed lips.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from moda.errors import BadVideo
from moda.media.footage import read_frames
from moda.models.motion_model import with_gap
from moda.motion.actions import NEUTRAL, change_actions, read_actions
from moda.motion.lanes import ANGLES, COLUMN, LANES
from moda.motion.space import EXPRESSION, FPS, POSE, ROTATION, SCALE, TRANSLATION, Motion, neutral_reference
from moda.performance.fitting import Rest, motion_of, read_face
from moda.performance.shots import CutFinder
from moda.portrait.track import WORK_SIDE, track_frames

if TYPE_CHECKING:
    from moda.portrait.portrait import Portrait

MAX_SECONDS = 600.0
EDGE = 0.4
"""Seconds at either end of a film in which a cut only costs what lies beyond it."""
LOST = 0.5
"""Seconds without a face that are worth a word."""
OF_FILM = ("brows", "eyes", "gaze", "smile")
"""Lanes that stay the film's when the lips are the speech's; the head is always the film's."""


def film_motion(
    portrait: Portrait, video: str | Path, on_frame: Callable[[int], None] | None = None
) -> tuple[Motion, tuple[str, ...]]:
    """The filmed face's motion for this portrait at 25 fps, and notes for the person.

    on_frame: called with the number of frames followed (raise from it to cancel).
    Raises BadVideo: no video, no face, a face in less than half of it, or cuts, which are named.
    """
    path = Path(video)
    frames = read_frames(path, FPS, WORK_SIDE, max_seconds=MAX_SECONDS)
    track = track_frames(_one_shot(frames, path.name), FPS, on_frame, f"The video {path.name!r}")
    reading = read_face(track.landmarks)
    filmed = motion_of(reading, Rest.of([reading]))
    reference = neutral_reference(*portrait.pose)
    reference[EXPRESSION] = with_gap(reference[EXPRESSION], portrait.rest.gap)
    array = np.tile(reference, (len(filmed), 1))
    array[:, EXPRESSION] = filmed[:, EXPRESSION]
    # Where the head is most of the time is the film's rest; from there it moves as far as it did.
    rest = np.median(filmed[track.found][:, POSE] if track.found.any() else filmed[:, POSE], axis=0)
    offsets = filmed[:, POSE] - rest
    array[:, SCALE] *= filmed[:, SCALE] / rest[0]
    array[:, TRANSLATION] += offsets[:, 1:4]
    array[:, ROTATION] += offsets[:, 4:7]
    notes = []
    unseen = float((~track.found).sum()) / FPS
    if unseen > LOST:
        notes.append(f"The face was out of sight for {unseen:.1f} s of the film; there the motion is held.")
    return Motion(array, FPS, f"performance {path.name[:80]}", reference=reference, neutral=NEUTRAL), tuple(notes)


def _one_shot(frames: Iterator[np.ndarray], name: str) -> Iterator[np.ndarray]:
    """The frames of a film without cuts. Raises BadVideo at the first cut that is not right at its beginning."""
    finder = CutFinder()
    for number, frame in enumerate(frames):
        if finder.begins(frame) and number > EDGE * FPS:
            raise BadVideo(
                f"The video {name!r} has a cut at {number / FPS:.1f} s; give a film of one shot, or cut it there."
            )
        yield frame


def fitted_length(motion: Motion, frames: int) -> Motion:
    """The motion made `frames` long: cut, or its last frame held."""
    if len(motion) >= frames:
        return motion.with_array(motion.array[:frames])
    held = np.repeat(motion.array[-1:], frames - len(motion), axis=0)
    return motion.with_array(np.concatenate([motion.array, held]))


def with_lips_of(filmed: Motion, planned: Motion) -> Motion:
    """Head, brows, eyes, gaze and smile of a film, everything else of a motion that was planned for the speech.

    Both must be of one length; the result has the planned motion's reference and neutral.
    """
    film = read_actions(filmed.expression, filmed.neutral).astype(np.float64)
    plan = read_actions(planned.expression, planned.neutral).astype(np.float64)
    change = np.zeros_like(plan)
    columns = [COLUMN[name] for lane in OF_FILM for name in LANES[lane] if name not in ANGLES]
    change[:, columns] = film[:, columns] - plan[:, columns]
    array = planned.array.copy()
    array[:, EXPRESSION] = change_actions(array[:, EXPRESSION], change)
    array[:, POSE] = filmed.array[:, POSE]
    return planned.with_array(array, origin=filmed.origin)
