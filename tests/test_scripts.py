"""What scripts touch besides the calculus: devices, dtypes' limits, printing, small questions."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import minigrad as mg


@pytest.fixture
def printing() -> Iterator[None]:
    yield
    mg.set_printoptions(profile="default")


def test_the_usual_choice_of_a_device() -> None:
    device = mg.device("cuda" if mg.cuda.is_available() else "cpu")
    x = mg.ones(2).to(device)
    model = mg.nn.Linear(2, 3).to(device)
    assert x.device == device == mg.device("cpu")
    assert model(x).device.type == "cpu"
    assert (str(device), repr(device)) == ("cpu", "device(type='cpu')")
    assert repr(mg.device("cuda:1")) == repr(mg.device("cuda", 1)) == "device(type='cuda', index=1)"
    assert len({mg.device("cpu"), device, mg.device("cpu", 0)}) == 2
    assert mg.cuda.device_count() == 0
    mg.cuda.manual_seed_all(0)


REFUSED: dict[str, Callable[[], Any]] = {
    "to": lambda: mg.ones(2).to("cuda"),
    "to, device": lambda: mg.ones(2).to(device=mg.device("cuda:0")),
    "cuda": lambda: mg.ones(2).cuda(),
    "module to": lambda: mg.nn.Linear(1, 1).to("cuda"),
    "module cuda": lambda: mg.nn.Linear(1, 1).cuda(),
    "synchronize": lambda: mg.cuda.synchronize(),
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_devices_are_refused(name: str) -> None:
    with pytest.raises(RuntimeError, match="the CPU only"):
        REFUSED[name]()


@pytest.mark.parametrize("text", ["gpu", "", "cpu:x", "cpu:-1"])
def test_names_of_no_device(text: str) -> None:
    with pytest.raises(RuntimeError, match=re.escape(f"device: expected one of cpu, cuda, mps, xpu, meta, perhaps with an index, got {text!r}")):  # fmt: skip
        mg.device(text)


def test_to_takes_what_pytorchs_takes() -> None:
    x = mg.ones(2)
    assert x.to("cpu") is x
    assert x.to("cpu", mg.float64).dtype is mg.float64
    assert x.to(mg.zeros(1, dtype=mg.int32)).dtype is mg.int32
    assert x.to(mg.float64, True, True).dtype is mg.float64
    assert x.to(mg.float32, False, True) is not x
    assert x.to(dtype=mg.float32, copy=True) is not x
    assert x.cpu() is x
    assert all(x.to(place) is x and x.to(device=place) is x for place in ("cpu", "cpu:0", mg.device("cpu"), x.device))
    assert x.to(mg.device("cpu"), mg.float32) is x.to(x.device, non_blocking=True) is x.to() is x.to(None) is x
    assert x.to(mg.device("cpu", 0), copy=True) is not x
    assert x.to(device="cpu", dtype=mg.int8).dtype is mg.int8
    assert x.to(x.device, int).dtype is mg.int64
    for place in ("cuda", "cuda:1", mg.device("meta")):
        for call in (lambda p=place: x.to(p), lambda p=place: x.to(device=p), lambda p=place: x.to(p, mg.float64)):
            with pytest.raises(RuntimeError, match="to: minigrad computes on the CPU only, got device"):
                call()
    with pytest.raises(RuntimeError, match="device: expected one of"):
        x.to("gpu")
    with pytest.raises(TypeError, match="to: expected a dtype, a device or a tensor, got 3"):
        x.to(3)


def test_type() -> None:
    assert mg.ones(2).type() == "minigrad.FloatTensor"
    assert mg.ones(2).type(mg.int64).type() == "minigrad.LongTensor"
    assert mg.ones(2).type("torch.DoubleTensor").dtype is mg.float64
    assert mg.ones(2).type_as(mg.ones(1).bool()).dtype is mg.bool
    with pytest.raises(ValueError, match="type: there is no type 'LongerTensor'"):
        mg.ones(2).type("LongerTensor")


def test_small_questions() -> None:
    x = mg.ones(2, 3)
    assert mg.is_tensor(x)
    assert not mg.is_tensor(np.ones(2))
    assert mg.numel(x) == x.numel() == x.nelement() == x.size().numel() == 6
    assert mg.is_floating_point(x)
    assert not mg.is_floating_point(x.int())
    assert (x.itemsize, x.element_size(), x.nbytes, x.is_cuda, x.get_device()) == (4, 4, 24, False, -1)
    assert mg.is_nonzero(mg.tensor([2]))
    assert not mg.is_nonzero(mg.tensor(0.0))
    with pytest.raises(RuntimeError, match=re.escape("is_nonzero: needs a tensor with one element, got shape (2, 3)")):
        mg.is_nonzero(x)


LIMITS = [
    *[("finfo", name, ("eps", "tiny", "smallest_normal", "resolution")) for name in ("float16", "float32", "float64")],
    *[("iinfo", name, ()) for name in ("uint8", "int8", "int16", "int32", "int64")],
]


@pytest.mark.parametrize(("kind", "name", "fields"), LIMITS)
def test_limits_are_pytorchs(kind: str, name: str, fields: tuple[str, ...]) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle")
    ours, theirs = (getattr(lib, kind)(getattr(lib, name)) for lib in (mg, torch))
    for field in ("bits", "max", "min", "dtype", *fields):
        assert getattr(ours, field) == getattr(theirs, field)
    assert kind == "iinfo" or repr(ours) == repr(theirs)  # of PyTorch's integers the large ones are rounded
    assert mg.finfo().dtype == "float32"


def test_limits_of_the_wrong_kind() -> None:
    with pytest.raises(TypeError, match=r"finfo: needs a floating-point dtype, got minigrad.int64"):
        mg.finfo(mg.int64)
    with pytest.raises(TypeError, match=r"iinfo: needs an integer dtype, got minigrad.bool"):
        mg.iinfo(mg.bool)


OPTIONS: list[dict[str, Any]] = [
    {"precision": 2},
    {"precision": 8, "linewidth": 40},
    {"threshold": 5},
    {"threshold": 5, "edgeitems": 1},
    {"sci_mode": True},
    {"sci_mode": False},
    {"profile": "short"},
    {"profile": "full"},
    {"profile": "full", "precision": 1},
]
PRINTED = [
    np.arange(12.0).reshape(3, 4) / 7,
    np.array([1.0, 2.0, 30.0]),
    np.array([0.5, 1e-7]),
    np.array([1e9, 1.0]),
    np.array([0.0, math.nan, math.inf]),
    np.arange(1200),
    np.arange(60.0).reshape(2, 5, 6),
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_printing_is_pytorchs(options: dict[str, Any], printing: None) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle")
    torch.set_printoptions(profile="default")
    try:
        mg.set_printoptions(**options)
        torch.set_printoptions(**options)
        for array in PRINTED:
            # In the default dtype, because the names of the others differ in length.
            x = array.astype(np.float32) if array.dtype.kind == "f" else array
            assert repr(mg.from_numpy(x)) == repr(torch.from_numpy(x))
    finally:
        torch.set_printoptions(profile="default")


def test_no_such_profile() -> None:
    with pytest.raises(ValueError, match="set_printoptions: profile must be one of default, short, full, got 'long'"):
        mg.set_printoptions(profile="long")
    with pytest.raises(ValueError, match="set_printoptions: precision must be a number that is not negative, got -1"):
        mg.set_printoptions(precision=-1)


def test_switches_of_a_script_that_wants_to_be_reproducible() -> None:
    from minigrad.backends import cudnn

    cudnn.benchmark, cudnn.deterministic = False, True
    mg.use_deterministic_algorithms(True)
    mg.cuda.empty_cache()
    assert mg.are_deterministic_algorithms_enabled()
    assert not mg.backends.cudnn.is_available()
    assert not mg.backends.mps.is_available()
    with pytest.raises(TypeError, match="mode must be a bool, got str"):
        mg.use_deterministic_algorithms("yes")


def test_precision_of_products() -> None:
    mg.set_float32_matmul_precision("medium")
    assert mg.get_float32_matmul_precision() == "highest"
    with pytest.raises(RuntimeError, match="one of highest, high, medium, got 'low'"):
        mg.set_float32_matmul_precision("low")


def test_the_default_device() -> None:
    mg.set_default_device("cpu")
    assert mg.get_default_device() == mg.device("cpu")
    with pytest.raises(RuntimeError, match="the CPU only, got device 'cuda'"):
        mg.set_default_device("cuda")


def test_compiling() -> None:
    model = mg.nn.Linear(2, 1)

    @mg.compile(fullgraph=True)
    def double(x: mg.Tensor) -> mg.Tensor:
        return 2 * x

    assert mg.compile(model, mode="max-autotune") is model
    assert double(mg.ones(2)).tolist() == [2, 2]
    with pytest.raises(TypeError, match="a function or a module, got int"):
        mg.compile(3)
