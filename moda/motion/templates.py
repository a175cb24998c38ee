"""LivePortrait's motion templates (.pkl), read without trusting them.

A pickle is a program. This reader runs only the handful of instructions that a dict of lists of numeric arrays
needs, and none of numpy's own code takes part in it: where the file names numpy, it gets stand-ins from here, which
note what the file says and build the arrays after checking it. So a file cannot call anything, cannot reach a class
or function that outlives the reading, and cannot ask for more memory than its own size accounts for.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from moda.motion.space import DIM, EXPRESSION, SCALE, TRANSLATION, rotation_angles

MAX_BYTES = 64 * 1024 * 1024  # the published templates hold 0.1 to 3 MB
MAX_FRAMES = 100_000  # an hour at 25 frames a second
MAX_INSTRUCTIONS = 4_000_000  # a frame takes about 150; each may leave an object of 64 bytes
MAX_NUMBERS = 1_000_000  # in one array; a frame's largest has 63

# Everything that protocols 0 to 5 need for dicts, lists, tuples, numbers, text, bytes and arrays. Left out: object
# construction (INST, OBJ, NEWOBJ), extension codes, persistent ids, out-of-band buffers and sets.
_NAMES = """
PROTO FRAME STOP MARK POP POP_MARK NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT
BINFLOAT STRING BINSTRING SHORT_BINSTRING UNICODE SHORT_BINUNICODE BINUNICODE BINBYTES SHORT_BINBYTES
BINBYTES8 BYTEARRAY8 EMPTY_DICT DICT SETITEM SETITEMS EMPTY_LIST LIST APPEND APPENDS EMPTY_TUPLE TUPLE TUPLE1 TUPLE2
TUPLE3 GET BINGET LONG_BINGET PUT BINPUT LONG_BINPUT MEMOIZE GLOBAL STACK_GLOBAL REDUCE BUILD
"""
_INSTRUCTIONS = frozenset(_NAMES.split())
_MEMO = frozenset(("PUT", "BINPUT", "LONG_BINPUT", "GET", "BINGET", "LONG_BINGET"))
_DTYPE = re.compile(r"([<>|=]?)([fiub])([1248])")


def read_template(data: bytes) -> tuple[npt.NDArray[np.float32], float]:
    """Bytes of a template {n_frames, output_fps, motion: [{exp, scale, t, R or pitch/yaw/roll}, ...]} -> (T, 70), fps.

    Raises ValueError (or another Exception of the reading) for anything else.
    """
    if len(data) > MAX_BYTES:
        raise ValueError(f"a template has at most {MAX_BYTES >> 20} MB")
    _check_instructions(data)
    content = _Reader(io.BytesIO(data)).load()
    if not isinstance(content, dict) or not isinstance(content.get("motion"), list):
        raise ValueError("the template holds no list of frames")
    frames = content["motion"]
    if not 1 <= len(frames) <= MAX_FRAMES:
        raise ValueError(f"a template has 1 to {MAX_FRAMES} frames, not {len(frames)}")
    array = np.stack([_frame(frame) for frame in frames])
    return array, float(_numbers(content.get("output_fps", 25), 1)[0])


def _check_instructions(data: bytes) -> None:
    """Walk the program without running it: known instructions only, and no memo slot beyond its length.

    The walk also sees that all the bytes an instruction announces are there, before the unpickler reserves them.
    """
    for count, (instruction, argument, _) in enumerate(pickletools.genops(data)):
        if instruction.name not in _INSTRUCTIONS:
            raise ValueError(f"the template uses {instruction.name}")
        if count > MAX_INSTRUCTIONS:
            raise ValueError("the template is far too long")
        if instruction.name in _MEMO and not (isinstance(argument, int) and 0 <= argument <= count):
            raise ValueError("the template has a damaged memo")  # the unpickler would reserve that many slots


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """A stand-in, made anew for every mention: a file can set attributes on what it is given."""
        module = module.replace("numpy._core", "numpy.core")
        makers: dict[tuple[str, str], Callable[[], Any]] = {
            ("numpy.core.multiarray", "_reconstruct"): lambda: lambda *_: _Array(),
            ("numpy.core.multiarray", "scalar"): lambda: _scalar,
            ("numpy.core.numeric", "_frombuffer"): lambda: _from_buffer,
            ("numpy", "ndarray"): lambda: None,  # an argument of _reconstruct, of no use by itself
            ("numpy", "dtype"): lambda: _Dtype,
            ("_codecs", "encode"): lambda: _encode,  # how protocols 0 to 2 write bytes
        }
        if (module, name) not in makers:
            raise pickle.UnpicklingError(f"{module}.{name} is not admitted")
        made = makers[module, name]()
        return (lambda *arguments: made(*arguments)) if made is not None else None

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError("persistent ids are not admitted")


class _Dtype:
    """A numeric dtype by its letters; pickle sets the byte order afterwards."""

    __slots__ = ("kind", "order")

    def __init__(self, spec: Any, *_: Any) -> None:
        found = _DTYPE.fullmatch(spec) if isinstance(spec, str) else None
        if not found:
            raise ValueError(f"arrays of {str(spec)[:20]} are not admitted")
        self.order, self.kind = found[1] or "=", found[2] + found[3]

    def __setstate__(self, state: Any) -> None:
        if not (isinstance(state, tuple) and len(state) >= 5 and state[1] in ("<", ">", "|", "=")):
            raise ValueError("a dtype is damaged")
        if any(part is not None for part in state[2:5]):
            raise ValueError("structured arrays are not admitted")
        self.order = state[1]

    def numpy(self) -> np.dtype[Any]:
        return np.dtype(self.order + self.kind)


class _Array:
    """An array of numbers: `values` is None until pickle has given it its state."""

    __slots__ = ("values",)

    def __init__(self) -> None:
        self.values: npt.NDArray[Any] | None = None

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran, data = state
        self.values = _values(data, dtype, shape, "F" if fortran else "C")


def _values(data: Any, dtype: Any, shape: Any, order: Any) -> npt.NDArray[Any]:
    if not isinstance(dtype, _Dtype) or not isinstance(data, (bytes, bytearray)) or not isinstance(shape, tuple):
        raise ValueError("an array is damaged")
    if not all(type(side) is int and 0 <= side <= MAX_NUMBERS for side in shape) or len(shape) > 8:
        raise ValueError("an array has an impossible shape")
    if math.prod(shape) > MAX_NUMBERS or order not in ("C", "F"):
        raise ValueError("an array is too large for a frame")
    # A view, no copy: a file may mention the same bytes a million times.
    flat = np.frombuffer(data, dtype.numpy()) if data else np.zeros(0, dtype.numpy())
    return flat.reshape(shape, order=order)


def _from_buffer(data: Any, dtype: Any, shape: Any, order: Any, *_: Any) -> _Array:
    made = _Array()
    made.values = _values(data, dtype, shape, order)
    return made


def _scalar(dtype: Any, data: Any) -> float:
    return float(_values(data, dtype, (), "C"))


def _encode(text: Any, encoding: Any = "latin1") -> bytes:
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise ValueError("bytes are damaged")
    return text.encode("latin1")


def _frame(frame: Any) -> npt.NDArray[np.float32]:
    """One frame's dict -> (70,)."""
    if not isinstance(frame, dict):
        raise ValueError("a frame is no dict")
    vector = np.zeros(DIM)
    vector[EXPRESSION] = _numbers(frame["exp"], 63)
    vector[SCALE] = _numbers(frame["scale"], 1)[0]
    vector[TRANSLATION] = _numbers(frame["t"], 3)
    rotation = frame.get("R", frame.get("R_d"))
    if rotation is not None:
        vector[67:70] = rotation_angles(_numbers(rotation, 9).reshape(3, 3))
    else:
        vector[67:70] = [_numbers(frame[axis], 1)[0] for axis in ("pitch", "yaw", "roll")]
    return vector.astype(np.float32)


def _numbers(value: Any, count: int) -> npt.NDArray[np.float64]:
    """An array or a plain number -> its `count` numbers. Lists are refused: a small file can nest them without end."""
    if isinstance(value, _Array) and value.values is not None:
        numbers = value.values.reshape(-1)[: count + 1].astype(np.float64)
    elif isinstance(value, (int, float)):
        numbers = np.array([float(value)])
    else:
        raise ValueError("a frame holds something other than numbers")
    if len(numbers) != count:
        raise ValueError(f"a frame does not hold {count} numbers where they belong")
    return numbers
