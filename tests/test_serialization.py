"""Checkpoints: what they hold, what a kill leaves, what damaged and hostile files do."""

from __future__ import annotations

import io
import itertools
import json
import os
import pickle
import random
import select
import signal
import struct
import sys
import time
import zipfile
from collections import Counter, OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import PATIENCE, fork, run_python, wait_for_child

import minigrad as mg
from minigrad import _dtype, _files, nn

pytest.importorskip("safetensors")

from safetensors.numpy import save as to_bytes


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.safetensors"


def same(a: Any, b: Any) -> bool:
    """Return whether two nested values are alike to the bit."""
    if type(a) is not type(b):
        return False
    if isinstance(a, mg.Tensor):
        return a.dtype is b.dtype and same(a.numpy(), b.numpy())
    if isinstance(a, np.ndarray):
        return bool(a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes())
    if isinstance(a, dict):
        return list(map(repr, a)) == list(map(repr, b)) and all(map(same, a.values(), b.values()))
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return repr(a) == repr(b)


# ---- What is in it ---------------------------------------------------------------------------------------------------

VALUES = [
    {},
    {"a": {"b": [], "c": ()}, "d": [{}, [[]], {"e": None}]},
    [True, False, 0, -1, 2**70, 0.1, -0.0, 1e-320, float("inf"), float("-inf"), float("nan")],
    ["", "é", "a\u0000b", "\ud800", '"$tensor"', "\u2028"],
    {"": 1, ".": 2, "$": 3, "a.b": {"c": 4}, "__metadata__": 5, 'q"': 6},
    {0: "int", 1.5: "float", True: "bool", None: "None", (1, "a"): "tuple", "s": "str"},
    {"$tensor": "x"},
    {"$unknown": {"$dict": 1}},
    [mg.float32, mg.bool, mg.int64],
]


@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
def test_values_come_back(value: Any, path: Path) -> None:
    mg.save(value, path)
    assert same(mg.load(path), value)


@pytest.mark.parametrize("dtype", _dtype.ALL, ids=str)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3, 4)], ids=str)
def test_tensors_come_back(dtype: mg.dtype, shape: tuple[int, ...], path: Path) -> None:
    t = (mg.randn(*shape) * 10).to(dtype)
    mg.save({"t": t, "a": t.numpy()}, path)
    back = mg.load(path)
    assert same(back, {"t": t, "a": t.numpy()})
    assert back["t"].is_leaf
    assert not back["t"].requires_grad
    back["t"].fill_(1)  # its memory is its own


def test_every_layout_is_saved_as_its_elements(path: Path) -> None:
    x = mg.arange(24).reshape(2, 3, 4)
    array = x.numpy()
    views = {
        "transposed": x.permute(2, 0, 1),
        "strided": x[:, ::2, 1::2],
        "expanded": x[:1].expand(5, 3, 4),
        "reversed": array[::-1, :, ::-1],
        "fortran": np.asfortranarray(array),
        "big-endian": array.astype(">i8"),
        "read-only": np.broadcast_to(array, (2, 2, 3, 4)),
        "scalar": np.array(5, ">f4"),
    }
    mg.save(views, path)
    for name, back in mg.load(path).items():
        view = views[name]
        assert type(back) is type(view)
        np.testing.assert_array_equal(np.array(back.tolist()), np.array(view.tolist()))


def test_names_that_meet_are_kept_apart(path: Path) -> None:
    value = {
        "a.b": mg.ones(1),
        "a": {"b": mg.zeros(1), "b_": mg.ones(2)},
        "__metadata__": mg.ones(3),
        "\ud800": mg.ones(4),
    }
    mg.save(value, path)
    assert same(mg.load(path), value)
    mg.save(mg.ones(2), path)
    assert same(mg.load(path), mg.ones(2))


def test_kinds_of_the_same_become_plain(path: Path) -> None:
    value = {
        "ordered": OrderedDict(a=1),
        "counter": Counter([3, 3]),
        "shape": mg.ones(2, 3).shape,
        "parameter": nn.Parameter(mg.ones(2)),
        "numpy": [np.float32(0.1), np.int64(3), np.bool_(True), np.str_("s")],
        "signal": signal.SIGINT,
    }
    mg.save(value, path)
    expected = {
        "ordered": {"a": 1},
        "counter": {3: 2},
        "shape": (2, 3),
        "parameter": mg.ones(2),
        "numpy": [float(np.float32(0.1)), 3, True, "s"],
        "signal": 2,
    }
    assert same(mg.load(path), expected)


def test_same_value_same_bytes(path: Path) -> None:
    files = []
    for _ in range(2):
        mg.save({"b": mg.ones(3), "a": [mg.zeros(2), {"x": 1}]}, path)
        files.append(path.read_bytes())
    assert files[0] == files[1]


def contains_itself() -> Any:
    x: list[Any] = []
    x.append(x)
    return x


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        ({"a": [1, {2: {3}}]}, TypeError, r"^save: the value at \['a'\]\[1\]\[2\] is of type set"),
        ({"net": nn.Linear(2, 2)}, TypeError, r"\['net'\] is of type Linear.*; save its state_dict\(\)$"),
        (len, TypeError, "^save: the value is of type builtin"),
        ({"x": np.array(["a"])}, TypeError, r"\['x'\] is an array of dtype <U1"),
        ({"x": np.ones(2, complex)}, TypeError, "dtype complex128"),
        ({(lambda: 0): 1}, TypeError, "is of type function"),
        (contains_itself(), ValueError, "nested deeper than 100"),
        ([[]] * 300_000, ValueError, "put many small values into one tensor"),
    ],
    ids=["set", "module", "function", "strings", "complex", "key", "cycle", "many"],
)
def test_what_cannot_be_saved(value: Any, error: type[Exception], message: str, path: Path) -> None:
    with pytest.raises(error, match=message):
        mg.save(value, path)
    assert os.listdir(path.parent) == []


def test_arguments(path: Path) -> None:
    mg.save({"x": mg.ones(2)}, str(path))
    assert same(mg.load(path, map_location="cpu", weights_only=True), {"x": mg.ones(2)})
    with pytest.raises(RuntimeError, match=r"^load: minigrad computes on the CPU only"):
        mg.load(path, map_location="cuda")
    for place in (lambda storage, location: storage, {"cuda:0": "cpu"}, {}, mg.device("cpu"), None):
        assert same(mg.load(path, map_location=place), {"x": mg.ones(2)})
    with pytest.raises(RuntimeError, match=r"^load: minigrad computes on the CPU only"):
        mg.load(path, map_location={"cuda:0": "cuda:1"})
    with pytest.raises(FileNotFoundError):
        mg.load(path.parent / "missing")
    with pytest.raises(FileNotFoundError, match=r"no such folder: .*missing'"):
        mg.save({}, path.parent / "missing" / "file")
    with pytest.raises(TypeError, match="save: path must be a string, a path or a binary file, got int"):
        mg.save({}, 3)


def test_open_files(path: Path) -> None:
    state = {"epoch": 3, "model": nn.Linear(2, 1).state_dict(), "sizes": [1, (2, 3)]}
    buffer = io.BytesIO()
    mg.save(state, buffer)
    mg.save(state, path)
    assert buffer.getvalue() == path.read_bytes()
    buffer.seek(0)
    with path.open("rb") as file:
        assert same(mg.load(buffer), mg.load(file))
    for damaged in (b"", b"abc", path.read_bytes()[:-1], b"\xff" * 100, path.read_bytes() + b"x"):
        with pytest.raises(mg.CheckpointError, match="load: BytesIO is damaged or no checkpoint"):
            mg.load(io.BytesIO(damaged))
    with pytest.raises(mg.CheckpointError, match="it is not open for reading bytes"):
        mg.load(io.StringIO("text"))


def test_missing_library_is_named(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    monkeypatch.setitem(sys.modules, "safetensors", None)
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    mg.save({"x": mg.ones(2)}, path)
    with pytest.raises(ImportError, match=r'load: needs safetensors, which the extra "train" brings'):
        mg.load(path)


def test_files_are_those_of_safetensors_byte_by_byte(path: Path) -> None:
    """Large elements first, then by name; what is not of this machine's order of bytes is turned around."""
    dtypes = ("bool", "u1", "i1", "i2", "u2", "f2", "i4", "u4", "f4", "f8", "i8", "u8")
    arrays = {f"{name}.{dtype}": np.arange(6).astype(dtype).reshape(2, 3) for name in "baé" for dtype in dtypes}
    arrays |= {"none": np.ones((3, 0)), 'a number "\n\x01\x7f': np.array(2.5), "turned": np.arange(3).astype(">i4")}
    arrays |= {"moved": np.arange(6.0).reshape(2, 3).T, "far": np.arange(12.0)[::2]}
    mg.save(arrays, path)
    data = path.read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    whole = {name: np.ascontiguousarray(array).reshape(array.shape) for name, array in arrays.items()}
    assert data == to_bytes(whole, metadata=header["__metadata__"])
    buffer = io.BytesIO()
    mg.save(arrays, buffer)
    assert buffer.getvalue() == data
    read = mg.load(path)
    assert all(np.array_equal(read[name], array) for name, array in arrays.items())


def test_saving_copies_no_tensors(path: Path) -> None:
    """Two copies were made, and the process was killed by the library where there was no memory for them."""
    code = (
        "import resource, sys, minigrad\n"
        "rss = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "state = {'x': minigrad.ones(12_000_000)}\n"
        "minigrad.save({'x': minigrad.ones(3)}, sys.argv[1])\n"
        "before = rss()\n"
        "minigrad.save(state, sys.argv[1])\n"
        "print((rss() - before) * 1024)\n"
    )
    assert int(run_python("-c", code, str(path))) < 8 << 20


# ---- Beside PyTorch --------------------------------------------------------------------------------------------------


def layers(library: Any) -> Any:
    n = library.nn
    return n.Sequential(n.Linear(5, 7), n.ReLU(), n.BatchNorm1d(7), n.Linear(7, 3))


def test_R19_state_dicts_go_both_ways(path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors import torch as st

    own, peer = layers(mg), layers(torch)
    st.save_file(peer.state_dict(), path)
    own.load_state_dict(mg.load(path))
    x = np.random.default_rng(0).standard_normal((4, 5)).astype(np.float32)
    np.testing.assert_allclose(own(mg.tensor(x)).detach().numpy(), peer(torch.tensor(x)).detach(), rtol=1e-5, atol=1e-6)
    mg.save(layers(mg).state_dict(), path)
    peer.load_state_dict(st.load_file(path))
    own.load_state_dict(mg.load(path))
    np.testing.assert_allclose(own(mg.tensor(x)).detach().numpy(), peer(torch.tensor(x)).detach(), rtol=1e-5, atol=1e-6)


def test_R19_no_pickle_in_the_package() -> None:
    from minigrad import _structure, serialization

    for module in (_files, _structure, serialization):
        assert module.__file__ is not None
        text = Path(module.__file__).read_text()
        assert not any(word in text for word in ("pickle", "eval(", "exec(", "marshal", "np.load"))


# ---- Kills -----------------------------------------------------------------------------------------------------------


def killed_at_line(number: int, function: Callable[[], Any]) -> None:
    """Call the function; kill this process in front of the given line of those that it runs in the file's module."""
    left = itertools.count(number, -1)

    def trace(frame: Any, event: str, _: Any) -> Any:
        if frame.f_code.co_filename != _files.__file__:
            return None
        if event == "line" and next(left) == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)
    function()
    sys.settrace(None)


@pytest.mark.parametrize("exists", [False, True])
def test_killed_in_front_of_any_line(exists: bool, path: Path) -> None:
    old, new = {"x": mg.zeros(5000)}, {"x": mg.ones(5000), "more": 1}
    found = []
    for line in itertools.count():
        path.unlink(missing_ok=True)
        if exists:
            mg.save(old, path)
        code = wait_for_child(fork(lambda line=line: killed_at_line(line, lambda: mg.save(new, path))))
        state = mg.load(path) if path.exists() else None
        found.append(state is not None and same(state, new))
        assert found[-1] or (same(state, old) if exists else state is None)
        if code == 0:
            break
        assert code == -signal.SIGKILL
    assert len(found) > 20
    assert found == sorted(found)  # at first the old one, from the renaming on the new one
    mg.save(old, path)
    assert os.listdir(path.parent) == [path.name]  # what a kill left is used again


def test_killed_at_drawn_moments(path: Path) -> None:
    """However quick the machine: each child is killed some time after it has told that it has saved once."""
    rng = random.Random(0)

    def save_for_ever(first: int, told: int) -> None:
        for n in itertools.count(first):
            mg.save({"n": n, "x": mg.full((1 << 19,), n), "y": mg.full((100,), -n)}, path)
            if n == first:
                os.write(told, b"1")

    n = 0
    for _ in range(12):
        heard, told = os.pipe()
        child = fork(lambda first=n + 1, told=told: save_for_ever(first, told))
        os.close(told)
        with open(heard, "rb") as pipe:
            assert select.select([pipe], [], [], PATIENCE)[0], "a child saved nothing"
            assert pipe.read(1) == b"1"
        time.sleep(rng.uniform(0.0, 0.1))
        os.kill(child, signal.SIGKILL)
        assert wait_for_child(child) == -signal.SIGKILL
        state = mg.load(path)
        assert state["n"] > n
        n = state["n"]
        assert bool((state["x"] == n).all())
        assert bool((state["y"] == -n).all())


def test_several_writers_take_turns(path: Path) -> None:
    def save_often(n: int) -> None:
        for _ in range(20):
            mg.save({"n": n, "x": mg.full((20000,), n)}, path)

    def check() -> None:
        state = mg.load(path)
        assert bool((state["x"] == state["n"]).all())

    save_often(3)
    children = [fork(lambda n=n: save_often(n)) for n in range(3)]
    assert [wait_for_child(child, check) for child in children] == [0, 0, 0]
    check()
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize("failing", ["fsync", "replace", "ftruncate"])
def test_what_cannot_be_written_leaves_the_old(failing: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mg.save({"n": 1}, path)

    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, failing, fail)
        with pytest.raises(OSError, match="No space left"):
            mg.save({"n": 2}, path)
    assert mg.load(path) == {"n": 1}
    assert os.listdir(path.parent) == [path.name]


def test_interruptions_leave_one_or_the_other(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mg.save({"n": 1}, path)
    for moment, expected in (("before", 1), ("after", 2)):

        def interrupted(*names: Any, moment: str = moment, replace: Any = os.replace) -> None:
            if moment == "after":
                replace(*names)
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", interrupted)
            with pytest.raises(KeyboardInterrupt):
                mg.save({"n": 2}, path)
        assert mg.load(path) == {"n": expected}
        assert os.listdir(path.parent) == [path.name]


def test_permissions_stay(path: Path) -> None:
    mg.save({"n": 1}, path)
    path.chmod(0o600)
    mg.save({"n": 2}, path)
    assert path.stat().st_mode & 0o777 == 0o600


def test_order_of_the_disk(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes reach the disk, then the name changes, then the folder reaches the disk."""
    calls: list[tuple[str, str]] = []

    def spy(name: str) -> None:
        real = getattr(os, name)

        def called(first: Any, *rest: Any) -> Any:
            calls.append((name, os.path.basename(os.readlink(f"/proc/self/fd/{first}") if name == "fsync" else first)))
            return real(first, *rest)

        monkeypatch.setattr(os, name, called)

    spy("fsync")
    spy("replace")
    mg.save({"n": 1}, path)
    partial = f".{path.name}.partial"
    assert calls == [("fsync", partial), ("replace", partial), ("fsync", path.parent.name)]


def test_links_and_odd_targets(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "there" / "file")
    mg.save({"n": 1}, link)
    mg.save({"n": 2}, link)
    assert link.is_symlink()
    assert mg.load(tmp_path / "there" / "file") == {"n": 2}
    os.mkfifo(tmp_path / "pipe")
    for odd in (tmp_path, tmp_path / "pipe", Path(os.devnull)):
        with pytest.raises(OSError, match="no regular file"):
            mg.save({}, odd)
    with pytest.raises(FileNotFoundError):
        mg.save({}, tmp_path / "missing" / "file")


# ---- Damaged and hostile files ---------------------------------------------------------------------------------------


def file_of(header: Any, data: bytes = b"", length: int | None = None) -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw) if length is None else length) + raw + data


def entry(dtype: str = "F32", shape: Any = (2,), offsets: Any = (0, 8)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def described(text: str) -> bytes:
    return file_of({"__metadata__": {"minigrad": text}, "x": entry()}, bytes(8))


def value(node: str) -> bytes:
    return described('{"format":1,"value":' + node + "}")


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"a": 1}))
    return buffer.getvalue()


class Bomb:
    """Would end the process if something unpickled it."""

    def __reduce__(self) -> Any:
        return os._exit, (77,)


X = '{"dtype":"F32","shape":[2],"data_offsets":[0,8]}'
HOSTILE = {
    "empty": b"",
    "few bytes": b"\x08\0\0",
    "text": b"epoch,loss\n1,0.5\n",
    "zip": zipped(),
    "pickle": pickle.dumps({"a": [1, 2, 3]}),
    "pickle that acts": pickle.dumps(Bomb()),
    "npy": b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
    "giant header": file_of({}, length=2**63),
    "greatest header": file_of({}, length=2**64 - 1),
    "header of 100 MB": file_of({}, length=100_000_000),
    "header a byte too long": file_of({}, length=3),
    "header without end": file_of(b'{"x":'),
    "header of spaces": file_of(b" " * 100),
    "header is a list": file_of([]),
    "header is a number": file_of(1),
    "header is no UTF-8": file_of(b'{"\xff":1}'),
    "header of nulls": bytes(1000),
    "deep header": file_of(b"[" * 100_000),
    "deep entry": file_of(b'{"x":' + b"[" * 50_000 + b"]" * 50_000 + b"}"),
    "twice": file_of(f'{{"x":{X},"x":{X}}}'.encode(), bytes(8)),
    "metadata twice": file_of(f'{{"__metadata__":{{}},"__metadata__":{{}},"x":{X}}}'.encode(), bytes(8)),
    "field twice": file_of(f'{{"x":{X[:-1]},"dtype":"I32"}}}}'.encode(), bytes(8)),
    "overlap": file_of({"x": entry(), "y": entry(offsets=(4, 12))}, bytes(12)),
    "same place": file_of({"x": entry(), "y": entry()}, bytes(8)),
    "hole": file_of({"x": entry(), "y": entry(offsets=(12, 20))}, bytes(20)),
    "behind the end": file_of({"x": entry(offsets=(8, 16))}, bytes(8)),
    "far behind": file_of({"x": entry(shape=[2**40], offsets=(0, 2**42))}, bytes(8)),
    "offsets backwards": file_of({"x": entry(offsets=(8, 0))}, bytes(8)),
    "offset negative": file_of({"x": entry(offsets=(-8, 0))}, bytes(8)),
    "offset fraction": file_of({"x": entry(offsets=(0, 8.0))}, bytes(8)),
    "three offsets": file_of({"x": entry(offsets=(0, 4, 8))}, bytes(8)),
    "trailing bytes": file_of({"x": entry()}, bytes(9)),
    "shape too large": file_of({"x": entry(shape=[3])}, bytes(8)),
    "shape overflows": file_of({"x": entry(shape=[2**32, 2**32], offsets=(0, 0))}),
    "shape negative": file_of({"x": entry(shape=[-2])}, bytes(8)),
    "shape is a string": file_of({"x": entry(shape="2")}, bytes(8)),
    "70 dims": file_of({"x": entry(shape=[1] * 69 + [2])}, bytes(8)),
    "unknown dtype": file_of({"x": entry(dtype="F33")}, bytes(8)),
    "dtype is a number": file_of({"x": entry(dtype=32)}, bytes(8)),
    "bfloat16": file_of({"x": entry(dtype="BF16", shape=[4])}, bytes(8)),
    "float8": file_of({"x": entry(dtype="F8_E4M3", shape=[8])}, bytes(8)),
    "float4": file_of({"x": entry(dtype="F4", shape=[16])}, bytes(8)),
    "uint64 is no tensor": file_of({"x": entry(dtype="U64", shape=[1])}, bytes(8)),
    "neither true nor false": file_of({"x": entry(dtype="BOOL", shape=[8])}, b"\0\1\2\3\0\0\0\0"),
    "no fields": file_of({"x": {}}),
    "entry is a list": file_of({"x": []}),
    "metadata is a list": file_of({"__metadata__": []}),
    "metadata of numbers": file_of({"__metadata__": {"minigrad": 1}}),
    "structure is no JSON": described("{"),
    "structure is empty": described(""),
    "structure is a number": described("1"),
    "structure is a list": described("[]"),
    "structure without format": described("{}"),
    "structure of the future": described('{"format":2,"value":{}}'),
    "deep structure": value("[" * 90_000 + "]" * 90_000),
    "structure of 200 levels": value("[" * 200 + '{"$tensor":"x"}' + "]" * 200),
    "a key twice": value('{"a":1,"a":{"$tensor":"x"}}'),
    "missing tensor": value('[{"$tensor":"x"},{"$tensor":"y"}]'),
    "tensor twice": value('[{"$tensor":"x"},{"$tensor":"x"}]'),
    "tensor left over": value("{}"),
    "tensor without name": value('{"$tensor":["x"]}'),
    "unknown kind": value('[{"$tensor":"x"},{"$object":"os.system"}]'),
    "tuple of a number": value('[{"$tensor":"x"},{"$tuple":1}]'),
    "pairs are numbers": value('[{"$tensor":"x"},{"$dict":[1]}]'),
    "pairs of three": value('[{"$tensor":"x"},{"$dict":[[1,2,3]]}]'),
    "key is a list": value('[{"$tensor":"x"},{"$dict":[[[1],2]]}]'),
    "pair twice": value('[{"$tensor":"x"},{"$dict":[[1,2],[1,3]]}]'),
    "unknown dtype by name": value('[{"$tensor":"x"},{"$dtype":"object"}]'),
    "dtype is a list": value('[{"$tensor":"x"},{"$dtype":[]}]'),
    "giant number": value('[{"$tensor":"x"},' + "9" * 5000 + "]"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_file(name: str, path: Path) -> None:
    path.write_bytes(HOSTILE[name])
    with pytest.raises(mg.CheckpointError, match=rf"^load: {path} is damaged or no checkpoint: .") as raised:
        mg.load(path)
    assert len(str(raised.value)) < 1000


def test_no_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for odd in (tmp_path, tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(mg.CheckpointError, match="no regular file"):
            mg.load(odd)


def test_the_good_among_the_hostile(path: Path) -> None:
    """The parts of which the hostile files are made are good where nothing is wrong with them."""
    path.write_bytes(value('{"$tensor":"x"}'))
    assert same(mg.load(path), mg.zeros(2))
    path.write_bytes(file_of({"x": entry(), "y": entry("I64", [1], (8, 16))}, bytes(16)))
    assert same(mg.load(path), {"x": mg.zeros(2), "y": mg.zeros(1, dtype=mg.int64)})


def state() -> dict[str, Any]:
    return {"epoch": 3, "model": {"w": mg.randn(5, 3), "b": mg.tensor([True, False])}, "history": [0.5, {"a": (1, 2)}]}


def test_every_truncation_is_noticed(path: Path) -> None:
    mg.save(state(), path)
    whole = path.read_bytes()
    for length in [*range(0, len(whole), 3), len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(mg.CheckpointError):
            mg.load(path)
    path.write_bytes(whole + b"\0")
    with pytest.raises(mg.CheckpointError):
        mg.load(path)


def test_damaged_bytes_raise_nothing_else(path: Path) -> None:
    """A file with changed bytes in its header is refused, or means something else; it does no harm."""
    mg.save(state(), path)
    whole = path.read_bytes()
    header = 8 + int.from_bytes(whole[:8], "little")
    rng = random.Random(1)
    refused = 0
    for _ in range(600):
        damaged = bytearray(whole)
        for _ in range(rng.randint(1, 3)):
            damaged[rng.randrange(header)] = rng.choice([rng.randrange(256), ord(rng.choice('"{}[]:,0129$'))])
        path.write_bytes(damaged)
        try:
            mg.load(path)
        except mg.CheckpointError:
            refused += 1
    assert refused > 400


def memory_to_load(path: Path) -> tuple[int, int]:
    """Return by how many bytes a new process grows when it loads the file, and whether that succeeds."""
    code = (
        "import resource, sys, minigrad, safetensors.numpy\n"
        "rss = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "small = sys.argv[1] + '-small'; minigrad.save({'x': minigrad.ones(3)}, small)\n"
        "minigrad.load(small)\n"
        "before, good = rss(), 1\n"
        "try: minigrad.load(sys.argv[1])\n"
        "except minigrad.CheckpointError: good = 0\n"
        "print((rss() - before) * 1024, good)\n"
    )
    grown, good = run_python("-c", code, str(path)).split()
    return int(grown), int(good)


@pytest.mark.parametrize(
    ("name", "good"), [("weights", 1), ("long string", 0), ("lists", 0), ("numbers", 0), ("entries", 0)]
)
def test_memory_is_at_most_twice_the_file(name: str, good: int, path: Path) -> None:
    n = 12_000_000
    path.write_bytes(
        {
            "weights": lambda: to_bytes({"x": np.ones(2 * n, np.float32)}),
            "long string": lambda: value('[{"$tensor":"x"},"' + "a" * 2 * n + '"]'),
            "lists": lambda: value('[{"$tensor":"x"}' + ",[]" * (n // 3) + "]"),
            "numbers": lambda: value('[{"$tensor":"x"}' + ",1e5" * (n // 4) + "]"),
            "entries": lambda: file_of({f"{i}": entry("U8", [0], (0, 0)) for i in range(n // 50)}),
        }[name]()
    )
    grown, loaded = memory_to_load(path)
    assert loaded == good
    assert grown <= 2 * path.stat().st_size + (8 << 20)


def test_a_pickled_file_is_told_from_a_damaged_one(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"nothing")
    for given in (path, io.BytesIO(path.read_bytes()), io.BytesIO(pickle.dumps({"a": list(range(9))}))):
        with pytest.raises(mg.CheckpointError, match=r"it is what torch\.save writes"):
            mg.load(given)
