"""Protobuf surgery on ONNX graphs: on a graph made here by hand, and on the real models (see test_voices)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moda.media.neural.onnx_graph import fields, prepared


def number(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def field(place: int, content: bytes) -> bytes:
    return number(place << 3 | 2) + number(len(content)) + content


def node(kind: str, inputs: list[str], output: str) -> bytes:
    return field(
        1, b"".join(field(1, name.encode()) for name in inputs) + field(2, output.encode()) + field(4, kind.encode())
    )


def value(name: str, rank: int) -> bytes:
    return field(1, name.encode()) + field(
        2, field(1, b"\x08\x01" + field(2, b"".join(field(1, b"") for _ in range(rank))))
    )


@pytest.fixture
def model() -> bytes:
    """y = -(x + noise): ir_version 8, opset 17."""
    graph = (
        node("RandomNormalLike", ["x"], "n") + node("Add", ["x", "n"], "sum") + node("Neg", ["sum"], "y")
        + field(2, b"g") + field(11, value("x", 2)) + field(12, value("y", 2))
    )  # fmt: skip
    return b"\x08\x08" + field(7, graph) + field(8, b"\x10\x11")


def test_noise_becomes_an_input_and_an_inner_tensor_an_output(model: bytes) -> None:
    ort = pytest.importorskip("onnxruntime", reason="the extra voices is not installed")
    session = ort.InferenceSession(prepared(model, ["sum"], {"n": 2}), providers=["CPUExecutionProvider"])
    x, noise = np.ones((2, 3), np.float32), np.arange(20, dtype=np.float32).reshape(4, 5)
    y, total = session.run(None, {"x": x, "noise:n": noise, "zeros:2": np.zeros(2, np.int64)})
    assert np.array_equal(total, 1 + noise[:2, :3]) and np.array_equal(y, -total)


def test_noise_that_is_not_named_is_refused(model: bytes) -> None:
    with pytest.raises(ValueError, match="unexpected noise n"):
        prepared(model, [], {})


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        found = [bytes(whole) for _, whole, _ in fields(memoryview(data))]
    except ValueError:
        return
    assert b"".join(found) == data
