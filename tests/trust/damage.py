"""Damage to real files: the strategies that hypothesis draws from, and what they do to the bytes."""

from __future__ import annotations

from hypothesis import strategies as st

#: Numbers that break size fields, counters and offsets.
EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)

_places = st.floats(0, 1, exclude_max=True, width=16)
#: Most of what a decoder decides on lies in the first bytes.
_early = st.floats(0, 0.0625, width=16)
_spots = _early | _places
_lengths = st.sampled_from((1, 2, 4, 16, 64, 512, 4096))

changes = st.one_of(
    st.tuples(st.just("flip"), _spots, st.integers(0, 7)),
    st.tuples(st.just("set"), _spots, st.integers(0, 255)),
    st.tuples(st.just("number"), _spots, st.tuples(st.sampled_from(EDGES), st.sampled_from(("little", "big")))),
    st.tuples(st.just("cut"), _spots, _lengths),
    st.tuples(st.just("repeat"), _spots, _lengths),
    st.tuples(st.just("zero"), _spots, _lengths),
    st.tuples(st.just("insert"), _spots, st.binary(min_size=1, max_size=12)),
    st.tuples(st.just("end"), _places, st.none()),
    st.tuples(st.just("swap"), _spots, _places),
)
damages = st.lists(changes, min_size=1, max_size=5)


def damaged(data: bytes, damage: list[tuple]) -> bytes:  # type: ignore[type-arg]
    """The bytes after every change in turn."""
    out = bytearray(data)
    for kind, place, how in damage:
        at = int(place * len(out))
        if not out:
            break
        if kind == "flip":
            out[at] ^= 1 << how
        elif kind == "set":
            out[at] = how
        elif kind == "number":
            value, order = how
            size = 1 if value < 0x100 else 2 if value < 0x10000 else 4
            out[at : at + size] = value.to_bytes(size, order)
        elif kind == "cut":
            del out[at : at + how]
        elif kind == "repeat":
            out[at:at] = out[at : at + how] * 3
        elif kind == "zero":
            out[at : at + how] = bytes(min(how, len(out) - at))
        elif kind == "insert":
            out[at:at] = how
        elif kind == "end":
            del out[at:]
        elif kind == "swap":
            other = int(how * len(out))
            piece = bytes(out[other : other + 64])
            out[at : at + len(piece)] = piece
    return bytes(out)
