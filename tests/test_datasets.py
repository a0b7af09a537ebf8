"""The data that the package carries, and readers of data that the user has."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minigrad.datasets import (
    DatasetFolder,
    ImageFolder,
    load_csv,
    load_digits,
    load_fashion_mnist,
    load_mnist,
    mnist,
    read_idx,
)


def test_shapes_and_dtypes() -> None:
    digits = load_digits()
    assert [(a.shape, a.dtype.name) for a in digits] == [
        ((3823, 64), "float32"),
        ((3823,), "int64"),
        ((1797, 64), "float32"),
        ((1797,), "int64"),
    ]


def test_values_are_counts_and_digits() -> None:
    digits = load_digits()
    for x, y in ((digits.x_train, digits.y_train), (digits.x_test, digits.y_test)):
        assert (x.min(), x.max()) == (0, 16)
        assert (x == np.floor(x)).all()
        assert set(y.tolist()) == set(range(10))


def test_each_call_returns_new_arrays() -> None:
    first = load_digits()
    first.x_train[:] = -1
    assert load_digits().x_train.min() == 0


@pytest.mark.parametrize(("part", "name"), [("train", "optdigits.tra"), ("test", "optdigits.tes")])
def test_equals_the_authors_files(part: str, name: str) -> None:
    folder = os.environ.get("MINIGRAD_DATA")
    if not folder:
        pytest.skip("MINIGRAD_DATA names no folder with the authors' files")
    table = np.loadtxt(Path(folder) / name, delimiter=",", dtype=np.int64)
    digits = load_digits()
    np.testing.assert_array_equal(getattr(digits, f"x_{part}"), table[:, :64])
    np.testing.assert_array_equal(getattr(digits, f"y_{part}"), table[:, 64])


# ---- IDX files -------------------------------------------------------------------------------------------------------

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def idx_bytes(array: np.ndarray[Any, Any]) -> bytes:
    code = CODES[array.dtype.str[1:]]
    sizes = b"".join(n.to_bytes(4, "big") for n in array.shape)
    return bytes([0, 0, code, array.ndim]) + sizes + array.astype(array.dtype.newbyteorder(">")).tobytes()


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("dtype", CODES)
@pytest.mark.parametrize("shape", [(3,), (2, 3), (4, 2, 3), (0, 5)], ids=str)
def test_idx(dtype: str, shape: tuple[int, ...], compressed: bool, tmp_path: Path) -> None:
    array = (np.arange(np.prod(shape)) * 37 % 250 - (0 if dtype == "u1" else 120)).reshape(shape).astype(dtype)
    data = idx_bytes(array)
    (tmp_path / "file").write_bytes(gzip.compress(data) if compressed else data)
    read = read_idx(tmp_path / "file")
    assert read.dtype == np.dtype(dtype)
    assert read.dtype.isnative
    assert read.flags.writeable
    np.testing.assert_array_equal(read, array)


GOOD = idx_bytes(np.arange(12, dtype="u1").reshape(3, 4))
BAD_IDX = {
    "empty": (b"", "is no IDX file"),
    "text": (b"label,pixel\n5,0\n", r"is no IDX file: it begins with b'labe'"),
    "a web page": (b"<!DOCTYPE html>", "is no IDX file"),
    "unknown dtype": (b"\0\0\7" + GOOD[3:], "is no IDX file"),
    "no dims": (b"\0\0\x08\0" + GOOD[4:], "is no IDX file"),
    "sizes cut": (GOOD[:10], "is truncated: it ends among its sizes"),
    "elements cut": (GOOD[:-1], r"is truncated: it has 11 of 12 bytes, for shape \(3, 4\)"),
    "no elements": (GOOD[:12], "is truncated"),
    "giant": (b"\0\0\x08\3" + b"\xff" * 12 + GOOD, "is truncated: its header tells of"),
    "255 dims": (b"\0\0\x08\xff" + b"\0\0\0\1" * 255, "is truncated"),
    "longer": (GOOD + b"\0", "has more than the 12 bytes"),
    "gzip of text": (gzip.compress(b"hello"), "is no IDX file"),
    "gzip cut": (gzip.compress(GOOD)[:-9], "is truncated: its compressed data end too early"),
    "gzip without its end": (gzip.compress(GOOD)[:-4], "is truncated: its compressed data end too early"),
    "gzip of what is cut": (gzip.compress(GOOD[:-2]), "is truncated: it has 10 of 12 bytes"),
    "gzip with a wrong sum": (gzip.compress(GOOD)[:-8] + bytes(4) + gzip.compress(GOOD)[-4:], "is damaged: CRC"),
    "gzip of nonsense": (b"\x1f\x8b\x08\0\0\0\0\0\0\3" + b"\xff" * 30, "is damaged"),
    "gzip head alone": (b"\x1f\x8b", "is (truncated|damaged)"),
    "giant in gzip": (gzip.compress(b"\0\0\x08\3" + b"\xff" * 12 + GOOD), "is truncated: its header tells of"),
}


@pytest.mark.parametrize("name", BAD_IDX)
def test_bad_idx_is_named(name: str, tmp_path: Path) -> None:
    data, message = BAD_IDX[name]
    (tmp_path / "some-file").write_bytes(data)
    with pytest.raises(ValueError, match=rf"^read_idx: {tmp_path}/some-file {message}"):
        read_idx(tmp_path / "some-file")


def read_or_error(path: Path) -> Any:
    try:
        return read_idx(path)
    except ValueError as error:
        return str(error)


def test_damage_to_gzip_is_noticed(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 255, (20, 20)).astype("u1")
    whole = gzip.compress(idx_bytes(array))
    read = []
    for i in range(10, len(whole)):
        damaged = bytearray(whole)
        damaged[i] ^= 0x10
        (tmp_path / "file").write_bytes(damaged)
        read.append(read_or_error(tmp_path / "file"))
    errors = [text for text in read if isinstance(text, str)]
    assert all(text.startswith(f"read_idx: {tmp_path}/file ") for text in errors)
    good = [found for found in read if not isinstance(found, str)]
    assert len(good) <= 3  # bits that only fill a byte
    for found in good:
        np.testing.assert_array_equal(found, array)


# ---- MNIST and Fashion-MNIST -----------------------------------------------------------------------------------------

LOADERS = {"load_mnist": (load_mnist, "MNIST"), "load_fashion_mnist": (load_fashion_mnist, "FASHION")}


def mnist_files() -> dict[str, np.ndarray[Any, Any]]:
    """Return by their names what the four files hold, of a small data set."""
    rng = np.random.default_rng(0)
    sizes = {"train": 7, "t10k": 4}
    images = {f"{p}-images-idx3-ubyte": rng.integers(0, 256, (n, 28, 28)).astype("u1") for p, n in sizes.items()}
    return images | {f"{p}-labels-idx1-ubyte": rng.integers(0, 10, n).astype("u1") for p, n in sizes.items()}


def write_mnist(folder: Path, compressed: bool = True) -> None:
    for name, array in mnist_files().items():
        data = idx_bytes(array)
        (folder / (name + ".gz" * compressed)).write_bytes(gzip.compress(data, mtime=0) if compressed else data)


@pytest.mark.parametrize("name", LOADERS)
@pytest.mark.parametrize("kind", ["compressed", "plain", "dots", "mixed"])
def test_mnist(name: str, kind: str, tmp_path: Path) -> None:
    write_mnist(tmp_path, kind != "plain")
    if kind == "mixed":
        write_mnist(tmp_path, False)
    if kind == "dots":
        for path in list(tmp_path.iterdir()):
            path.rename(tmp_path / path.name.replace("-idx", ".idx"))
    images = LOADERS[name][0](tmp_path)
    files = mnist_files()
    np.testing.assert_array_equal(images.x_train, files["train-images-idx3-ubyte"])
    np.testing.assert_array_equal(images.y_train, files["train-labels-idx1-ubyte"])
    np.testing.assert_array_equal(images.x_test, files["t10k-images-idx3-ubyte"])
    np.testing.assert_array_equal(images.y_test, files["t10k-labels-idx1-ubyte"])
    assert [a.dtype.name for a in images] == ["uint8", "int64", "uint8", "int64"]


def test_mnist_files_that_are_others(tmp_path: Path) -> None:
    write_mnist(tmp_path, False)
    images, labels = tmp_path / "train-images-idx3-ubyte", tmp_path / "train-labels-idx1-ubyte"
    good = images.read_bytes(), labels.read_bytes()

    def fails(path: Path, data: bytes, message: str) -> None:
        images.write_bytes(good[0])
        labels.write_bytes(good[1])
        path.write_bytes(data)
        with pytest.raises(ValueError, match=message):
            load_mnist(tmp_path)

    fails(images, good[1], f"{images} should have images of 28 × 28 bytes")
    fails(labels, good[0], f"{labels} should have classes from 0 to 9")
    fails(labels, idx_bytes(np.full(7, 10, "u1")), f"{labels} should have classes")
    fails(labels, idx_bytes(np.zeros(6, "u1")), f"{images} has 7 images, but {labels} 6 classes")
    fails(images, good[0][:-1], f"{images} is truncated")
    images.unlink()
    with pytest.raises(FileNotFoundError, match=rf"{tmp_path} has no train-images-idx3-ubyte or .*\.gz; download=True"):
        load_mnist(tmp_path)
    assert len(list(tmp_path.iterdir())) == 3  # nothing was downloaded


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    """Serve a folder with the four files on this machine; yield its address and what was asked for."""
    folder = tmp_path / "served"
    folder.mkdir()
    write_mnist(folder)
    asked: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(folder))

        def log_message(self, *_: Any) -> None:
            asked.append(self.path)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_address[1]}/", asked
        httpd.shutdown()


@pytest.mark.parametrize("name", LOADERS)
def test_download(name: str, server: tuple[str, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pooch")
    load, source = LOADERS[name]
    address, asked = server
    sums = {p.name: hashlib.md5(p.read_bytes()).hexdigest() for p in (tmp_path / "served").iterdir()}
    assert set(sums) == set(getattr(mnist, source).sums)
    monkeypatch.setattr(mnist, source, mnist.Source(address, sums))
    folder = tmp_path / "new" / "folder"
    images = load(folder, download=True)
    np.testing.assert_array_equal(images.x_test, mnist_files()["t10k-images-idx3-ubyte"])
    assert len(asked) == 4
    load(folder, download=True)
    load(folder)
    assert len(asked) == 4  # what is there is not asked for
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    monkeypatch.setattr(mnist, source, mnist.Source(address, sums | {"t10k-labels-idx1-ubyte.gz": "0" * 32}))
    with pytest.raises(ValueError, match=r"t10k-labels-idx1-ubyte\.gz"):
        load(folder, download=True)
    assert not (folder / "t10k-labels-idx1-ubyte.gz").exists()


def test_download_needs_pooch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(ImportError, match='load_mnist: needs pooch, which the extra "datasets" brings'):
        load_mnist(tmp_path, download=True)
    write_mnist(tmp_path)
    load_mnist(tmp_path, download=True)  # nothing to download


# ---- CSV -------------------------------------------------------------------------------------------------------------


def csv_file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "table.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_csv(tmp_path: Path) -> None:
    pytest.importorskip("polars")
    path = csv_file(tmp_path, "a; b;kind\n1;2.5;x\n-3e2;;y\n 4 ;0;x\n")
    rows = load_csv(path, "kind")
    np.testing.assert_array_equal(rows.x, np.array([[1, 2.5], [-300, np.nan], [4, 0]], np.float32))
    assert rows.x.dtype == np.float32
    assert (rows.columns, rows.classes) == (["a", "b"], ["x", "y"])
    assert rows.y is not None
    assert rows.y.tolist() == [0, 1, 0]
    by_number = load_csv(path, -1)
    assert by_number.y is not None
    assert by_number.y.tolist() == [0, 1, 0]
    rows = load_csv(csv_file(tmp_path, "1,2,3\n4,5,6.5\n"), 0)
    assert rows.columns == ["column_2", "column_3"]
    assert rows.y is not None
    assert (rows.y.dtype.name, rows.y.tolist(), rows.classes) == ("int64", [1, 4], None)
    rows = load_csv(csv_file(tmp_path, "1,2,3\n4,5,6.5\n"), "column_3", header=False)
    assert rows.y is not None
    assert (rows.y.dtype.name, rows.y.tolist()) == ("float32", [3.0, 6.5])
    assert load_csv(csv_file(tmp_path, "a,b\n1,2\n")).y is None


@pytest.mark.parametrize(
    ("text", "target", "message"),
    [
        ("", None, "is empty"),
        ("a,b\n", None, "no rows"),
        ("a,b\n1,2\n3,x\n", None, r"table\.csv, column 'b', row 2: 'x' is no number"),
        ("a,b\n1,2\n3,4,5\n", None, "cannot be read"),
        ("a,a\n1,2\n", None, "several columns 'a'"),
        ("a,b\n1,2\n", "c", r"has no column 'c'; it has a, b"),
        ("a,b\n1,2\n", 2, r"has no column 2; it has 2"),
        ("a,b\n1,2\n3,\n", "b", r"column 'b', row 2: the target is missing"),
        ("b\n1\n", "b", "no column besides the target"),
    ],
)
def test_bad_csv(text: str, target: Any, message: str, tmp_path: Path) -> None:
    pytest.importorskip("polars")
    with pytest.raises(ValueError, match=rf"^load_csv: (?s:.*){message}"):
        load_csv(csv_file(tmp_path, text), target)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        load_csv(tmp_path / "missing.csv")


@pytest.mark.parametrize(
    ("name", "target", "shape", "classes"),
    [
        ("optdigits.tes", -1, (1797, 64), None),
        ("letter-recognition.data", 0, (20000, 16), 26),
        ("california-housing.csv", -1, (20640, 9), 5),
    ],
)
def test_csv_files_of_others(name: str, target: int, shape: tuple[int, int], classes: int | None) -> None:
    pytest.importorskip("polars")
    folder = os.environ.get("MINIGRAD_DATA")
    if not folder:
        pytest.skip("MINIGRAD_DATA names no folder with the authors' files")
    rows = load_csv(Path(folder) / name, target)
    assert rows.x.shape == shape
    assert (None if rows.classes is None else len(rows.classes)) == classes


# ---- Folders ---------------------------------------------------------------------------------------------------------


def folders(root: Path, names: list[str]) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return root


def test_R35_classes_are_sorted(tmp_path: Path) -> None:
    root = folders(
        tmp_path, ["b/2.txt", "b/1.TXT", "a/deep/er/x.txt", "a/c.txt", "a/other.png", "10/x.txt", "9/x.txt", "no.txt"]
    )
    found = DatasetFolder(root, lambda path: Path(path).name, (".txt",), str.upper, lambda k: -k)
    assert found.classes == ["10", "9", "a", "b"]
    assert found.class_to_idx == {"10": 0, "9": 1, "a": 2, "b": 3}
    assert [found[i] for i in range(len(found))] == [
        ("X.TXT", 0),
        ("X.TXT", -1),
        ("C.TXT", -2),
        ("X.TXT", -2),
        ("1.TXT", -3),
        ("2.TXT", -3),
    ]
    assert found.targets == [0, 1, 2, 2, 3, 3]
    assert [os.path.relpath(path, root) for path, _ in found.samples[2:4]] == ["a/c.txt", "a/deep/er/x.txt"]
    chosen = DatasetFolder(root, len, is_valid_file=lambda path: "a" in Path(path).parts[-2:], allow_empty=True)
    assert chosen.targets == [2, 2]
    with pytest.raises(FileNotFoundError, match=r"no files with \.png for the classes 10, 9, b in"):
        DatasetFolder(root, len, (".png",))
    with pytest.raises(FileNotFoundError, match="no class folder"):
        DatasetFolder(root / "9", len, (".txt",))
    for settings in ({}, {"extensions": (".txt",), "is_valid_file": bool}):
        with pytest.raises(ValueError, match="extensions or is_valid_file, not both"):
            DatasetFolder(root, len, **settings)


def test_R35_image_folder(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    pixels = np.random.default_rng(0).integers(0, 256, (2, 5, 4, 3)).astype("u1")
    for name, array in zip(["cat/1.png", "ant/2.PNG"], pixels, strict=True):
        (tmp_path / name).parent.mkdir()
        image.fromarray(array).save(tmp_path / name)
    image.fromarray(pixels[0, ..., 0]).save(tmp_path / "ant" / "grey.bmp")
    found = ImageFolder(tmp_path, transform=lambda x: x / 255)
    assert found.imgs is found.samples
    assert found.classes == ["ant", "cat"]
    (x, y), (grey, _) = found[2], found[1]
    assert y == 1
    np.testing.assert_array_equal(x.numpy(), pixels[0].transpose(2, 0, 1).astype(np.float32) / np.float32(255))
    assert grey.shape == (3, 5, 4)
    (tmp_path / "ant" / "3.jpg").write_text("no image")
    with pytest.raises(ValueError, match=r"ant/3\.jpg is no image"):
        ImageFolder(tmp_path)[1]
