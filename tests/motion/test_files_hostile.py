# It asks POSIX, which mypy does not find for Windows.
# mypy: disable-error-code="attr-defined"
"""Motion files and templates from strangers: nothing runs, nothing explodes, everything ends in one sentence.

The bombs run in a process of their own with 2 GB of address space, so that a regression fails here and only here.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moda.errors import BadMotionFile, UserError
from moda.motion import templates
from moda.motion.files import MAX_PARTS, load_motion, save_motion
from moda.motion.space import Motion
from moda.motion.takes import Take
from moda.motion.templates import read_template

REPOSITORY = Path(__file__).resolve().parents[2]


def frame() -> dict[str, object]:
    return {
        "exp": np.full((1, 21, 3), 0.01, np.float32),
        "scale": np.array([[1.3]], np.float32),
        "t": np.array([[0.1, 0.2, 0.0]], np.float32),
        "R": np.eye(3, dtype=np.float32)[None],
        "c_eyes_lst": [np.zeros((1, 2), np.float32)],
    }


def template(frames: int = 4) -> dict[str, object]:
    return {"n_frames": frames, "output_fps": np.int64(25), "motion": [frame() for _ in range(frames)]}


def refuse(path: Path) -> str:
    """The one sentence with which a file is refused."""
    with pytest.raises(BadMotionFile) as caught:
        load_motion(path)
    sentence = str(caught.value)
    assert sentence.endswith(".") and "\n" not in sentence and len(sentence) < 300
    return sentence


# --- programs --------------------------------------------------------------------------------------------------


def named(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def in_a_frame(value: bytes) -> bytes:
    """A template program whose single frame has `value` (instructions leaving one object) as its expression."""
    return b"\x80\x04}\x8c\x06motion]}(\x8c\x03exp" + value + b"\x8c\x05scaleK\x01\x8c\x01tK\x01uas."


DTYPE = named("numpy", "dtype") + b"(\x8c\x02f8\x89\x88tR"
EMPTY = named("numpy.core.multiarray", "_reconstruct") + b"(" + named("numpy", "ndarray") + b"K\x00\x85C\x01btR"

PROGRAMS: dict[str, bytes] = {
    "os.system": named("os", "system") + b"(\x8c\x17touch /tmp/moda-was-heretR.",
    "posix.system": named("posix", "system") + b"(\x8c\x17touch /tmp/moda-was-heretR.",
    "subprocess": named("subprocess", "Popen") + b"(](\x8c\x05touch\x8c\x12/tmp/moda-was-hereetR.",
    "eval": named("builtins", "eval") + b"(\x8c\x22open('/tmp/moda-was-here','w').write('')tR.",
    "exec": named("builtins", "exec") + b"(\x8c\x06import tR.",
    "getattr": named("builtins", "getattr") + b"(K\x01\x8c\x04realtR.",
    "dotted name": b"\x80\x04\x8c\x05numpy\x8c\x10ndarray.__class__\x93.",
    "dotted into globals": b"\x80\x04\x8c\x05numpy\x8c\x1bdtype.__init__.__globals__\x93.",
    "numpy.load": named("numpy", "load") + b"(\x8c\x0b/etc/passwdtR.",
    "numpy.fromfile": named("numpy", "fromfile") + b"(\x8c\x0b/etc/passwdtR.",
    "numpy.memmap": named("numpy", "memmap") + b"(\x8c\x0b/etc/passwdtR.",
    "ndarray called": named("numpy", "ndarray") + b"(K\x02\x85tR.",
    "torch rebuild": named("torch._utils", "_rebuild_tensor_v2") + b"(tR.",
    "copyreg": named("copyreg", "_reconstructor") + b"(tR.",
    "codecs other": named("_codecs", "encode") + b"(\x8c\x01a\x8c\x03hextR.",
    "codecs decode": named("_codecs", "decode") + b"(\x8c\x01a\x8c\x03hextR.",
    "new object": b"\x80\x04" + named("numpy", "ndarray") + b")\x81.",
    "inst": b"(inumpy\nndarray\n.",
    "obj": b"(" + named("numpy", "ndarray") + b"o.",
    "extension": b"\x80\x02\x82\x01.",
    "persistent id": b"Pabc\n.",
    "binary persistent id": b"\x80\x04K\x01Q.",
    "out-of-band buffer": b"\x80\x05\x97.",
    "object dtype": in_a_frame(named("numpy", "dtype") + b"(\x8c\x01OtR"),
    "structured dtype": in_a_frame(named("numpy", "dtype") + b"(](\x8c\x01a\x8c\x01O\x86etR"),
    "string dtype": in_a_frame(named("numpy", "dtype") + b"(\x8c\x03U99tR"),
    "dtype flags": in_a_frame(
        EMPTY
        + b"(K\x01K\x01\x85"
        + DTYPE
        + b"(K\x03\x8c\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x3ftb"
        + b"\x89C\x08AAAAAAAAtb"
    ),
    "dtype with subarray": in_a_frame(DTYPE + b"(K\x03\x8c\x01<\x8c\x02i4K\x02\x85\x86NNK\x00K\x01K\x00tb"),
    "array without state": in_a_frame(EMPTY),
    "array with a dict for state": in_a_frame(EMPTY + b"}b"),
    "negative shape": in_a_frame(EMPTY + b"(K\x01J\xff\xff\xff\xff\x85" + DTYPE + b"\x89C\x08AAAAAAAAtb"),
    "shape beyond data": in_a_frame(EMPTY + b"(K\x01K\x09\x85" + DTYPE + b"\x89C\x08AAAAAAAAtb"),
    "list holds itself": b"\x80\x04}\x8c\x06motion]\x94h\x00as.",
    "dict holds itself": b"\x80\x04}\x94\x8c\x06motion](h\x00es.",
    "frames are a dict": b"\x80\x04}\x8c\x06motion}s.",
    "no frames": b"\x80\x04}\x8c\x06motion]s.",
    "nothing": b"",
    "only stop": b".",
    "stack underflow": b"\x80\x04RRR.",
    "memo slot never filled": b"\x80\x04h\x07.",
    "protocol of the future": b"\x80\xff}.",
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_are_refused_and_do_nothing(name: str, tmp_path: Path) -> None:
    mark = Path("/tmp/moda-was-here")
    mark.unlink(missing_ok=True)
    path = tmp_path / "t.pkl"
    path.write_bytes(PROGRAMS[name])
    assert "LivePortrait motion template" in refuse(path)
    assert not mark.exists()


def test_programs_of_the_tests_are_well_formed() -> None:
    """Those that aim at the arrays must get as far as the arrays, or they would prove nothing."""
    for name in ("dtype flags", "negative shape", "shape beyond data", "array without state"):
        assert list(pickletools.genops(PROGRAMS[name]))[-1][0].name == "STOP", name
    good = in_a_frame(EMPTY + b"(K\x01K\x01\x85" + DTYPE + b"\x89C\x08AAAAAAAAtb")
    with pytest.raises(ValueError, match="does not hold 63 numbers"):
        read_template(good)


def test_a_file_cannot_leave_marks_on_the_reader(tmp_path: Path) -> None:
    """BUILD may set attributes on whatever the file holds; what it holds must not outlive the reading."""
    before = {
        name: dict(vars(value))
        for name, value in vars(templates).items()
        if callable(value) and hasattr(value, "__dict__")
    }
    for module, name in (
        ("numpy", "dtype"),
        ("numpy.core.multiarray", "scalar"),
        ("numpy.core.multiarray", "_reconstruct"),
        ("numpy.core.numeric", "_frombuffer"),
        ("_codecs", "encode"),
    ):
        program = b"\x80\x04" + named(module, name) + b"N}(\x8c\x0c__defaults__K\x01\x85\x8c\x01xK\x02u\x86b."
        (tmp_path / "t.pkl").write_bytes(program)
        refuse(tmp_path / "t.pkl")
    for name, attributes in before.items():
        assert dict(vars(getattr(templates, name))) == attributes, name
    assert templates._values.__defaults__ is None and templates._scalar.__defaults__ is None
    path = tmp_path / "good.pkl"
    path.write_bytes(pickle.dumps(template()))
    assert len(load_motion(path)) == 4


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_honest_templates_of_every_protocol_still_read(protocol: int, tmp_path: Path) -> None:
    path = tmp_path / "good.pkl"
    content = template()
    content["motion"][1]["R"] = np.asfortranarray(np.arange(9, dtype=np.float64).reshape(3, 3) / 10)  # type: ignore[index]
    content["motion"][2]["scale"] = np.float32(1.3)  # type: ignore[index]
    content["motion"][3]["t"] = np.array([0.1, 0.2, 0.0], dtype=">f4")  # type: ignore[index]
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    motion = load_motion(path)
    assert motion.fps == 25 and len(motion) == 4
    np.testing.assert_allclose(motion.scale, 1.3)
    np.testing.assert_allclose(motion.translation, [[0.1, 0.2, 0.0]] * 4)
    np.testing.assert_allclose(motion.expression, 0.01)
    assert np.abs(motion.rotation[1]).max() > 1


GOOD = pickle.dumps(template(2), protocol=4)


@settings(max_examples=150)
@given(
    st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=6),
    st.integers(0, len(GOOD)),
)
def test_damaged_templates_never_escape(changes: list[tuple[int, int]], end: int) -> None:
    data = bytearray(GOOD)
    for place, value in changes:
        data[place] = value
    for version in (bytes(data), bytes(data[:end])):
        _read_or_refuse(version, ".pkl")


@settings(max_examples=80)
@given(st.binary(max_size=200))
def test_random_bytes_never_escape(data: bytes) -> None:
    _read_or_refuse(data, ".pkl")
    _read_or_refuse(data, ".npz")


def _read_or_refuse(data: bytes, ending: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"x{ending}"
        path.write_bytes(data)
        try:
            motion = load_motion(path)
        except UserError as error:
            assert "\n" not in str(error)
        else:
            assert np.isfinite(motion.array).all() and np.abs(motion.array).max() <= 1e4


# --- archives --------------------------------------------------------------------------------------------------


def archive(path: Path, parts: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, data in parts.items():
            file.writestr(name, data)
    return path


def npy(array: np.ndarray, allow_pickle: bool = False) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, allow_pickle=allow_pickle)
    return buffer.getvalue()


def npy_header(text: str, body: bytes = b"") -> bytes:
    header = text.encode().ljust(118 - len(text) % 1) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + body


MOTION = npy(np.zeros((3, 70), np.float32))


@pytest.mark.parametrize(
    "parts",
    [
        {"motion.npy": npy_header("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 70), }")},
        {"motion.npy": npy_header("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999, 70), }")},
        {"motion.npy": npy_header("{'descr': '<f4', 'fortran_order': False, 'shape': (-3, 70), }")},
        {"motion.npy": npy_header("{'descr': '|O', 'fortran_order': False, 'shape': (3, 70), }", GOOD)},
        {"motion.npy": npy_header("{'descr': '<U0', 'fortran_order': False, 'shape': (99999999999999, 70), }")},
        {"motion.npy": npy_header("{'descr': [('a', '|O')], 'fortran_order': False, 'shape': (3,), }", GOOD)},
        {"motion.npy": npy_header("__import__('os').system('touch /tmp/moda-was-here')")},
        {"motion.npy": npy_header("(" * 60 + ")" * 50)},
        {"motion.npy": GOOD},
        {"motion.npy": npy(np.full((3, 70), "a"))},
        {"motion.npy": npy(np.full((3, 70), 1j))},
        {"motion.npy": npy(np.full((3, 70), 1e30, np.float32))},
        {"motion.npy": npy(np.full((3, 70), np.iinfo(np.int64).min))},
        {"motion.npy": npy(np.full((3, 70), np.nan, np.float32))},
        {"motion.npy": npy(np.zeros((0, 70), np.float32))},
        {"motion.npy": MOTION, "fps.npy": npy(np.array([25.0, 30.0]))},
        {"motion.npy": MOTION, "fps.npy": npy(np.array(np.nan))},
        {"motion.npy": MOTION, "fps.npy": npy(np.array("fast"))},
        {"motion.npy": MOTION, "fps.npy": npy(np.array({"a": 1}, dtype=object), allow_pickle=True)},
        {"motion.npy": MOTION, "meta.npy": npy(np.array("[" * 100_000))},
        {"motion.npy": MOTION, "meta.npy": npy(np.array("{"))},
        {"motion.npy": MOTION, "meta.npy": npy(np.array('"text"'))},
        {"motion.npy": MOTION, "meta.npy": npy(np.array('{"a": ' + "9" * 5000 + "}"))},
        {"motion.npy": MOTION, "reference.npy": npy(np.full(70, 1e38))},
        {"motion.npy": MOTION, "neutral.npy": npy(np.full(63, np.nan))},
        {"motion.npy": MOTION, "neutral.npy": npy(np.array(["x"] * 63))},
        {"motion.npy": MOTION, **{f"extra{i}.npy": b"" for i in range(MAX_PARTS)}},
        {"../motion.npy": MOTION},
    ],
    ids=lambda parts: f"{next(iter(parts))}:{next(reversed(parts.values()))[:40]!r}"[:70],
)  # fmt: skip
def test_hostile_archives_are_refused(parts: dict[str, bytes], tmp_path: Path) -> None:
    mark = Path("/tmp/moda-was-here")
    mark.unlink(missing_ok=True)
    refuse(archive(tmp_path / "x.npz", parts))
    assert not mark.exists()


@pytest.mark.parametrize("compression", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_unusual_compression_is_refused(compression: int, tmp_path: Path) -> None:
    assert "unusual" in refuse(archive(tmp_path / "x.npz", {"motion.npy": MOTION}, compression))


@settings(max_examples=80)
@given(st.data())
def test_damaged_archives_never_escape(data: st.DataObject) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, motion=np.zeros((3, 70), np.float32), fps=np.float64(25), meta=np.array("{}"))
    content = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    _read_or_refuse(bytes(content), ".npz")
    _read_or_refuse(bytes(content[: data.draw(st.integers(0, len(content)))]), ".npz")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
meta_keys = st.sampled_from(["origin", "settings", "model", "notes", "speech", "portrait", "sampled"])
setting_keys = st.sampled_from(
    ["seed", "emotion", "expression", "steps", "solver", "size", "pose_prior", "blink", "zzz"]
)


@settings(max_examples=80)
@given(st.dictionaries(meta_keys, json_values, max_size=4), st.dictionaries(setting_keys, json_values, max_size=3))
def test_any_remembered_settings_load_or_are_refused(meta: dict, remembered: dict) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.npz"
        save_motion(Motion(np.zeros((2, 70)), meta={"settings": remembered, **meta}), path)
        try:
            take = Take.load(path)
        except UserError as error:
            assert str(error)
        else:
            assert isinstance(take.model, str) and all(isinstance(note, str) for note in take.notes)


# --- not files at all ------------------------------------------------------------------------------------------


def test_folders_pipes_devices_and_impossible_names(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe.npz")
    assert "is not a file" in refuse(tmp_path / "pipe.npz")
    assert "is not a file" in refuse(tmp_path)
    assert "is not a file" in refuse(Path("/dev/zero"))
    assert "cannot be read" in refuse(tmp_path / "a\0b.npz")
    assert "cannot be read" in refuse(tmp_path / ("n" * 300))
    assert "cannot be read" in refuse(tmp_path / "two\nlines.npz")


# --- bombs -----------------------------------------------------------------------------------------------------

BOMBS = """
import pickle, re, resource, struct, sys, zipfile, io, time
sys.path.insert(0, {repository!r})
import numpy as np
from moda.errors import BadMotionFile
from moda.motion.files import load_motion
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
here = {folder!r} + "/"
def pkl(name, data):
    open(here + name + ".pkl", "wb").write(data)
    return here + name + ".pkl"
row = [0.0] * 20_000
same = {{"exp": np.zeros(63), "scale": 1.0, "t": np.zeros(3), "pitch": 0.0, "yaw": 0.0, "roll": 0.0}}
doubled = []
for _ in range(60):
    doubled = [doubled, doubled]
paths = [
    pkl("memo", b"\\x80\\x04Nr\\xff\\xff\\xff\\x7f."),
    pkl("memo as text", b"Np99999999999\\n."),
    pkl("bytes", b"\\x80\\x04\\x8e" + struct.pack("<Q", 1 << 40) + b"."),
    pkl("bytearray", b"\\x80\\x05\\x96" + struct.pack("<Q", 1 << 33) + b"."),
    pkl("frame", b"\\x80\\x04\\x95" + struct.pack("<Q", 1 << 40) + b"."),
    pkl("rows", pickle.dumps({{"motion": [dict(same, exp=[row] * 100_000)]}})),
    pkl("doubled", pickle.dumps({{"motion": [dict(same, exp=doubled)]}})),
    pkl("frames", pickle.dumps({{"motion": [same] * 1_000_000}})),
    pkl("views", pickle.dumps({{"motion": [same], "more": [np.zeros(900_000, np.uint8)]}})),
    pkl("big number", pickle.dumps({{"motion": [dict(same, scale=1 << 8_000_000)]}})),
]
with zipfile.ZipFile(here + "zeros.npz", "w", zipfile.ZIP_DEFLATED) as file, file.open("motion.npy", "w") as part:
    np.lib.format.write_array_header_1_0(part, {{"descr": "<f4", "fortran_order": False, "shape": (2_000_000, 70)}})
    for _ in range(140):
        part.write(bytes(4_000_000))
paths.append(here + "zeros.npz")
data = bytearray(open(here + "zeros.npz", "rb").read())
at = data.rfind(b"PK\\x01\\x02")
data[at + 24 : at + 28] = struct.pack("<I", 70 * 4 * 10)  # the directory claims a small part
open(here + "liar.npz", "wb").write(data)
paths.append(here + "liar.npz")
central = b"PK\\x01\\x02" + bytes(24) + struct.pack("<H", 1) + bytes(16) + b"a"
many = central * 2_000_000
end = b"PK\\x05\\x06" + bytes(4) + struct.pack("<HHIIH", 65535, 65535, len(many), 0, 0)
open(here + "many.npz", "wb").write(many + end)
paths.append(here + "many.npz")
for path in paths:
    start = time.process_time()
    try:
        load_motion(path)
        outcome = "read"
    except BadMotionFile as error:
        outcome = "refused"
# ru_maxrss would begin with what the parent process held when it started this one.
    peak = int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) >> 10
    print(path.rpartition("/")[2], outcome, round(time.process_time() - start, 1), peak, sep="|")
"""


@pytest.mark.slow
def test_bombs_are_refused_quickly_and_cheaply(tmp_path: Path) -> None:
    code = BOMBS.format(repository=str(REPOSITORY), folder=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    rows = [line.split("|") for line in done.stdout.splitlines()]
    assert len(rows) == 13
    for name, outcome, seconds, megabytes in rows:
        assert outcome == ("read" if name == "views.pkl" else "refused"), (name, outcome)
        assert float(seconds) < 20, (name, seconds)
        assert float(megabytes) < 1500, (name, megabytes)
