"""The displacement table: where a few landmarks go when an action has the value 1.

Units are 1/1000 of the distance between the eye centres (IOD) in the head's own frame, x to the image right, y
down, z away from the viewer. Only the midline and the image-left half are listed; the other half mirrors it.
The mouth's speech shapes rest on a regression of tracked landmarks over 14 clips of real talking (3,800 frames);
the rest was set by eye and by re-tracking rendered pictures. What an action opens the inner lips by agrees with the
read-out `LIP_OPENING_ROW` that was fitted to real motion, so that a mouth is seen as far open as its motion says; see
`DRAWN` for how far it is drawn.
:mod:`deform` spreads them over the whole face.
"""

from __future__ import annotations

Shape = dict[int, tuple[float, ...]]
"""landmark -> (dx, dy) or (dx, dy, dz)"""

JAW_OPEN: Shape = {
    13: (0, -22), 0: (0, -18), 14: (0, 278), 17: (0, 268, 8), 152: (0, 182, 30), 61: (14, 84),
    37: (0, -12), 40: (-4, 20), 82: (0, -16), 80: (2, 16), 84: (-14, 252, 6), 91: (-8, 178),
    87: (-2, 262), 88: (2, 186), 57: (-6, 62), 205: (2, 16), 172: (4, 74, 20), 2: (0, 0), 129: (-2, 2),
    18: (0, 250, 10), 200: (0, 214, 20), 149: (4, 150, 24), 136: (6, 108, 22),
}  # fmt: skip

PUCKER: Shape = {
    13: (0, -14, -60), 0: (0, -34, -62), 14: (0, 32, -60), 17: (0, 46, -62), 152: (0, 18), 61: (98, 4, -30),
    37: (22, -28, -58), 40: (62, -10, -46), 82: (24, -12, -58), 80: (68, 2, -46), 84: (14, 40, -58),
    91: (60, 14, -46), 87: (20, 30, -58), 88: (66, 16, -46), 57: (24, 8, -8), 205: (14, 2), 129: (0, -6),
    2: (0, -16, -12),
}  # fmt: skip

STRETCH: Shape = {
    13: (0, -24), 0: (0, -21), 14: (0, 13), 17: (0, 12), 152: (0, 4), 61: (-74, -8, 18), 37: (-22, -21),
    40: (-56, -18, 8), 82: (-20, -24), 80: (-50, -20, 6), 84: (-20, 12), 91: (-54, 8, 8), 87: (-18, 12),
    88: (-50, 6, 6), 57: (-32, -10), 205: (-18, -6), 129: (-12, -6), 172: (-8, 0),
}  # fmt: skip

UPPER_LIP_RAISE: Shape = {
    13: (0, -123), 0: (0, -111), 37: (-4, -115), 82: (-4, -123), 40: (-12, -71), 80: (-12, -71), 61: (0, -12),
    129: (-8, -32), 2: (0, -18), 14: (0, 0), 17: (0, 0), 88: (0, 0), 91: (0, 0), 57: (0, -6), 205: (-4, -30),
    152: (0, 0),
}  # fmt: skip

LOWER_LIP_DEPRESS: Shape = {
    14: (0, 107), 17: (0, 91), 84: (-10, 94), 87: (-10, 104), 88: (-10, 62), 91: (-13, 65), 61: (-10, 13),
    13: (0, 0), 0: (0, 0), 40: (0, 0), 80: (0, 0), 57: (-8, 12), 152: (0, 8), 200: (0, 26),
}  # fmt: skip

LIPS_PRESS: Shape = {
    13: (0, 2, 14), 0: (0, 24, 10), 37: (0, 24, 10), 40: (-2, 18, 8), 82: (0, 2, 14), 80: (0, 1, 12),
    61: (-10, 4, 6), 14: (0, -2, 14), 17: (0, -30, 10), 84: (0, -28, 10), 91: (-2, -20, 8), 87: (0, -2, 14),
    88: (0, -1, 12), 57: (-8, 2), 152: (0, -6), 18: (0, -20), 2: (0, 3),
}  # fmt: skip

SMILE: Shape = {
    13: (0, -24), 0: (0, -20), 14: (0, -8), 17: (0, -2), 152: (0, 2), 61: (-78, -112, 30), 37: (-20, -28),
    40: (-48, -66, 12), 82: (-24, -38), 80: (-54, -68, 12), 84: (-18, -10), 91: (-46, -48, 12), 87: (-22, -6),
    88: (-50, -42, 12), 57: (-62, -84, 20), 205: (-38, -42, -18), 129: (-26, -26), 50: (-14, -40, -14),
    2: (0, -6),
}  # fmt: skip

FROWN: Shape = {
    13: (0, 2), 0: (0, 4), 14: (0, -8), 17: (0, -14), 61: (-8, 74), 37: (0, 10), 40: (-4, 36), 82: (0, 6),
    80: (-2, 30), 84: (0, -6), 91: (-4, 34), 87: (0, -4), 88: (-2, 28), 57: (-8, 70), 152: (0, -10),
    205: (0, 18), 129: (0, 6), 2: (0, 0),
}  # fmt: skip

# Not mirrored but carried: both halves go the same way (towards the image left at +1).
MOUTH_LEFT: Shape = {
    13: (-72, 0), 0: (-72, 0), 14: (-78, 0), 17: (-80, 0), 152: (-44, 0), 61: (-64, 0), 37: (-69, 0),
    40: (-64, 0), 82: (-69, 0), 80: (-64, 0), 84: (-78, 0), 91: (-70, 0), 87: (-74, 0), 88: (-66, 0),
    57: (-28, 0), 205: (-14, 0), 129: (-16, 0), 2: (-20, 0),
}  # fmt: skip

CHEEK_RAISE: Shape = {
    205: (-4, -22, -10), 50: (-4, -44, -16), 101: (0, -34, -8), 118: (0, -34, -6), 117: (-4, -36, -8),
    123: (-6, -34, -10), 36: (-2, -28, -8), 61: (-4, -8), 57: (0, -8), 13: (0, 0), 0: (0, -3), 17: (0, 0),
    152: (0, 0), 129: (-4, -10), 145: (0, -8), 23: (0, -14),
}  # fmt: skip

BROW_RAISE: Shape = {
    9: (0, -26), 107: (4, -84), 105: (-4, -86), 70: (5, -58), 55: (0, -70), 46: (5, -52), 66: (2, -86),
    63: (-2, -80), 65: (0, -72), 52: (-2, -72), 53: (0, -66), 69: (0, -46), 104: (-2, -46), 151: (0, -26),
}  # fmt: skip

BROW_FURROW: Shape = {
    9: (0, 16), 107: (34, 28), 105: (38, 14), 70: (18, 5), 55: (27, 28), 46: (22, 6), 66: (36, 24), 63: (30, 10),
    65: (30, 26), 52: (32, 16), 53: (26, 8), 151: (0, 6),
}  # fmt: skip

FIXED_ALWAYS = (10, 168, 234, 33, 133, 145, 127, 93)
"""Landmarks (with their mirrors) that no action moves."""

FIXED_FOR_BROWS = (6, 1, 2, 0, 13, 17, 152, 159, 205, 50, 129, 21, 67, 61)
"""More fixed landmarks for the brow actions, so that they do not reach the mouth or the lids."""

FIXED_FOR_MOUTH = (9, 107, 105, 70, 6, 159, 162, 21)

MOUTH_ACTIONS: dict[str, Shape] = {
    "jaw_open": JAW_OPEN,
    "lips_press": LIPS_PRESS,
    "pucker": PUCKER,
    "stretch": STRETCH,
    "upper_lip_raise": UPPER_LIP_RAISE,
    "lower_lip_depress": LOWER_LIP_DEPRESS,
    "smile": SMILE,
    "frown": FROWN,
    "mouth_left": MOUTH_LEFT,
    "cheek_raise": CHEEK_RAISE,
}
BROW_ACTIONS: dict[str, Shape] = {"brow_raise": BROW_RAISE, "brow_furrow": BROW_FURROW}
CARRIED = frozenset({"mouth_left"})

DRAWN: dict[str, float | tuple[float, float, float]] = {
    "jaw_open": 1.1,
    "lips_press": 2.2,
    "pucker": 1.6,
    "stretch": (1.75, 1.15, 1.75),
    "upper_lip_raise": 1.2,
    "lower_lip_depress": 1.3,
    "smile": 1.4,
    "mouth_left": 1.65,
}
"""How many times the table's displacement an action is drawn with (across, down and in depth where they differ). The
table is what the tracker sees of a face, which is less than there is. Chosen on six films drawn on three portraits;
four other films, read by the table, drawn on three others and read again came back with .91, .95, .81 and .69 of the
movement along their four largest shapes of the lips (drawn by the bare table: .73, .76, .52, .44). Two trials were
measured on these four before one was taken, so they are no untouched test. A stretch is drawn wider and not higher, as
it would bare the teeth."""

DRAWN_TOO: dict[str, Shape] = {
    "jaw_open": {
        13: (0, -8), 82: (4, -8), 80: (9, -5), 0: (0, 14), 37: (4, 14), 40: (8, 10),
        14: (0, 4), 87: (4, 4), 88: (9, 3), 17: (0, -26), 84: (4, -24), 91: (9, -16), 18: (0, -14),
        61: (14, 0), 57: (6, 0), 2: (0, 0), 129: (0, 0), 152: (0, 0), 205: (0, 0),
    },
}  # fmt: skip
"""What is drawn with an action beyond the table: lips become thinner as they part, and their corners come inwards."""

LIMITS: dict[str, tuple[float, float]] = {
    "jaw_open": (-1.2, 1.25),
    "lips_press": (0.0, 1.0),
    "pucker": (-0.6, 0.9),
    "stretch": (-0.6, 1.0),
    "upper_lip_raise": (-0.4, 1.0),
    "lower_lip_depress": (-0.3, 1.0),
    "smile": (-0.9, 0.9),
    "frown": (-0.4, 1.2),
    "mouth_left": (-1.1, 1.1),
    "cheek_raise": (0.0, 1.1),
    "brow_raise": (-0.8, 1.15),
    "brow_furrow": (-0.4, 1.1),
    "blink_left": (-0.16, 1.0),
    "blink_right": (-0.16, 1.0),
    "squint": (0.0, 1.0),
    "gaze_x": (-1.0, 1.0),
    "gaze_y": (-1.0, 1.0),
}
"""Where each action is held; beyond these the picture stops looking right."""

WIDEST = 1.0
"""How wide smile and stretch together draw a mouth, a smile in the picture included: corners that go farther leave the
teeth behind and show dark wedges beside them."""

JAW_BEND = (0.65, 1.0)
"""Opening of the mouth in units of jaw_open up to which it is drawn as wanted, and which it never passes: drawn
1.1 times as far, that is as far as filmed people open theirs when they speak."""
