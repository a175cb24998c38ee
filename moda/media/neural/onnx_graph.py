"""Small edits to a serialised ONNX graph, at the level of its protobuf fields, so that no ONNX library is needed.

Text-to-speech models keep the length of every phoneme inside the graph and draw noise inside it. `prepared` makes the
lengths an output and the noise an input: the sound of a text is then a function of the text, and its timing is known
exactly. Field numbers are those of onnx.proto3 (ModelProto.graph = 7; GraphProto.node = 1, input = 11, output = 12;
NodeProto.input = 1, output = 2, name = 3, op_type = 4; ValueInfoProto.name = 1, type = 2).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

_GRAPH, _NODE, _GRAPH_INPUT, _GRAPH_OUTPUT = 7, 1, 11, 12
_IN, _OUT, _NAME, _OP = 1, 2, 3, 4
_FLOAT, _INT64 = 1, 7
RANDOM = ("RandomNormalLike", "RandomUniformLike")


def fields(message: memoryview) -> Iterator[tuple[int, memoryview, memoryview]]:
    """(number, whole field, content of a length-delimited field or b"") of each field, in order.

    Raises ValueError where the bytes are no protobuf message.
    """
    place, size = 0, len(message)
    while place < size:
        start = place
        key, place = _varint(message, place)
        kind, content = key & 7, message[:0]
        if kind == 0:
            _, place = _varint(message, place)
        elif kind == 2:
            length, place = _varint(message, place)
            content, place = message[place : place + length], place + length
        elif kind in (1, 5):
            place += 8 if kind == 1 else 4
        else:
            raise ValueError(f"field of wire type {kind}")
        if place > size:
            raise ValueError("the message ends within a field")
        yield key >> 3, message[start:place], content


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if place >= len(message) or shift > 63:
            raise ValueError("the message ends within a number")
        byte = message[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
        shift += 7


def _number(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _field(number: int, content: bytes) -> bytes:
    return _number(number << 3 | 2) + _number(len(content)) + content


def _value(name: str, kind: int, rank: int) -> bytes:
    """A ValueInfoProto: a tensor of that element type and rank, its sizes unknown."""
    shape = b"".join(_field(1, b"") for _ in range(rank))
    tensor = b"\x08" + _number(kind) + _field(2, shape)
    return _field(1, name.encode()) + _field(2, _field(1, tensor))


def _operator(kind: str, inputs: list[str], output: str) -> bytes:
    names = b"".join(_field(_IN, name.encode()) for name in inputs)
    return (
        names + _field(_OUT, output.encode()) + _field(_NAME, f"{kind}:{output}".encode()) + _field(_OP, kind.encode())
    )


def _random(node: memoryview) -> tuple[str, str, str] | None:
    names: dict[int, str] = {}
    for number, _, content in fields(node):
        if number in (_IN, _OUT, _OP):
            names[number] = bytes(content).decode()
    return (names[_OP], names[_IN], names[_OUT]) if names.get(_OP) in RANDOM else None


def prepared(model: bytes, outputs: list[str], noise: Mapping[str, int]) -> bytes:
    """The model with more outputs, and with its noise as inputs.

    outputs: tensors inside the graph that become outputs as well.
    noise: output of each random node -> rank of that tensor. The node is replaced by a slice, of the wanted shape, of
        a new float32 input "noise:OUTPUT"; a further int64 input "zeros:RANK" of RANK zeros is where slices start.

    Raises ValueError where the model draws noise that `noise` does not name, or is no ONNX model.
    """
    parts: list[bytes | memoryview] = []
    for number, whole, content in fields(memoryview(model)):
        if number != _GRAPH:
            parts.append(whole)
            continue
        graph: list[bytes | memoryview] = []
        for inner, field, node in fields(content):
            drawn = _random(node) if inner == _NODE else None
            if drawn is None:
                graph.append(field)
                continue
            _, like, out = drawn
            if out not in noise:
                raise ValueError(f"unexpected noise {out}")
            shape = _operator("Shape", [like], f"shape:{out}")
            cut = _operator("Slice", [f"noise:{out}", f"zeros:{noise[out]}", f"shape:{out}"], out)
            graph += [_field(_NODE, shape), _field(_NODE, cut)]
        graph += [_field(_GRAPH_INPUT, _value(f"noise:{out}", _FLOAT, rank)) for out, rank in noise.items()]
        graph += [_field(_GRAPH_INPUT, _value(f"zeros:{rank}", _INT64, 1)) for rank in sorted(set(noise.values()))]
        graph += [_field(_GRAPH_OUTPUT, _field(1, name.encode())) for name in outputs]
        body = b"".join(graph)
        parts += [_number(_GRAPH << 3 | 2) + _number(len(body)), body]
    return b"".join(parts)
