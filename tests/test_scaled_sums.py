"""add, sub and rsub with alpha, and functions of several operands in place, which take and refuse what PyTorch's do."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

import minigrad as m

DTYPES = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64")
VALUES = {"vector": [1, 0, 3], "number": 3}
ALPHAS = (2, -1, 3, 0.5)


def outcome(call: Callable[[], Any]) -> Any:
    """Return dtype and elements of what a call makes, None where it raises."""
    try:
        result = call()
    except (RuntimeError, TypeError):
        return None
    return str(result.dtype).split(".")[-1], result.tolist()


def terms(lib: Any, left: tuple[str, str], right: tuple[str, str]) -> list[Any]:
    return [lib.tensor(VALUES[shape], dtype=getattr(lib, dtype)) for dtype, shape in (left, right)]


@pytest.mark.parametrize("name", ["add", "sub", "rsub", "add_", "sub_"])
@pytest.mark.parametrize("left", DTYPES)
def test_tensors_of_any_dtypes(name: str, left: str) -> None:
    torch = pytest.importorskip("torch")

    def compute(lib: Any, first: str, right: str, second: str, alpha: float) -> Any:
        x, y = terms(lib, (left, first), (right, second))
        return lib.rsub(x, y, alpha=alpha) if name == "rsub" else getattr(x, name)(y, alpha=alpha)

    for case in product(VALUES, DTYPES, VALUES, ALPHAS):
        expected = outcome(lambda case=case: compute(torch, *case))
        assert outcome(lambda case=case: compute(m, *case)) == expected, case


@pytest.mark.parametrize("name", ["add", "sub", "rsub", "add_", "sub_"])
@pytest.mark.parametrize("dtype", DTYPES[1:])
def test_tensor_and_number(name: str, dtype: str) -> None:
    torch = pytest.importorskip("torch")

    def compute(lib: Any, number: float, alpha: float) -> Any:
        x = lib.tensor(VALUES["vector"], dtype=getattr(lib, dtype))
        return getattr(lib, name)(x, number, alpha=alpha) if name == "rsub" else getattr(x, name)(number, alpha=alpha)

    for case in product((2, -3, 0.5), ALPHAS):
        expected = outcome(lambda case=case: compute(torch, *case))
        assert outcome(lambda case=case: compute(m, *case)) == expected, case


def test_alpha_is_a_tensor_without_dimensions_or_a_number_of_numpy() -> None:
    x, y = m.tensor([1.0, 2.0]), m.tensor([3.0, 4.0])
    for alpha in (m.tensor(2.0), m.tensor(2), np.float32(2), np.int64(2)):
        assert x.add(y, alpha=alpha).tolist() == [7.0, 10.0]
        assert x.clone().sub_(y, alpha=alpha).tolist() == [-5.0, -6.0]
    for alpha in (m.ones(1), m.ones(2), m.tensor(2.0, requires_grad=True), "2", None):
        for name in ("add", "sub", "add_", "sub_"):
            with pytest.raises(TypeError, match=rf"^{name.rstrip('_')}: alpha must be a number"):
                getattr(x, name)(y, alpha=alpha)
    with pytest.raises(RuntimeError, match=r"^add: a boolean alpha"):
        x.add(y, alpha=True)
    with pytest.raises(RuntimeError, match=r"^sub: alpha must be an integer"):
        m.ones(2, dtype=m.int64).sub(2, alpha=1.0)


@pytest.mark.parametrize("name", ["add", "sub", "add_", "sub_"])
def test_errors_name_the_function(name: str) -> None:
    for y, error in ((m.ones(3), RuntimeError), ("a", TypeError), (None, TypeError)):
        for dtype in (m.float32, m.int64):
            with pytest.raises(error, match=f"^{name.rstrip('_')}:"):
                getattr(m.ones(2, dtype=dtype), name)(y, alpha=2)


@pytest.mark.parametrize("dtypes", [("float32", "float64"), ("float64", "float32"), ("float16", "float32")])
def test_gradients_of_two_dtypes(dtypes: tuple[str, str]) -> None:
    x, y = (m.tensor([[1.0], [2.0]], dtype=getattr(m, d), requires_grad=True) for d in dtypes)
    m.sub(x, y.reshape(2), alpha=3).sum().backward()
    assert (x.grad.tolist(), y.grad.tolist()) == ([[2.0], [2.0]], [[-6.0], [-6.0]])
    assert (x.grad.dtype, y.grad.dtype) == (x.dtype, y.dtype)


def test_derivatives_of_every_order_and_batches() -> None:
    x, y = (m.randn(3, 4, dtype=m.float64, requires_grad=True) for _ in range(2))
    for f in (lambda a, b: m.add(a * b, b * b, alpha=-2.5), lambda a, b: m.sub(a * b, b * b, alpha=2)):
        assert m.autograd.gradcheck(f, (x, y))
        assert m.autograd.gradgradcheck(f, (x, y))
    ints = m.arange(3, dtype=m.uint8)
    mapped = m.vmap(lambda a, b: m.sub(a, b, alpha=2))(m.zeros(3, dtype=m.int64), ints)
    assert mapped.tolist() == [0, -2, -4]
    mapped = m.vmap(lambda a, b: m.add(a, b, alpha=-1))(m.zeros(3), ints)
    assert mapped.tolist() == [0.0, -1.0, -2.0]


@pytest.mark.parametrize("dtypes", list(product(("uint8", "int16", "int64"), repeat=3)))
def test_product_added_to_integers(dtypes: tuple[str, str, str]) -> None:
    torch = pytest.importorskip("torch")

    def compute(lib: Any) -> Any:
        x, y, z = (lib.tensor([1, 0, 200], dtype=getattr(lib, d)) for d in dtypes)
        return lib.addcmul(x, y, z, value=-2)

    assert outcome(lambda: compute(m)) == outcome(lambda: compute(torch))
    with pytest.raises(RuntimeError, match=r"^addcmul: shapes \(2,\), \(3,\) and \(2,\) do not broadcast$"):
        m.addcmul(*(m.ones(n, dtype=getattr(m, d)) for n, d in zip((2, 3, 2), dtypes, strict=True)))


# ----------------------------------------------------------------------------------------------------------------------
# In place.


REFUSED: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "addcmul": ((2, 3), {}),
    "addcdiv": ((2, 3), {}),
    "lerp": ((3.0, 0.5), {}),
    "div": ((2,), {"rounding_mode": ""}),
    "clamp": ((), {}),
    "clamp_min": ((), {}),
    "add": ((), {}),
    "sub": ((1, 2), {}),
    "true_divide": ((), {}),
}


@pytest.mark.parametrize("name", REFUSED)
def test_in_place_refuses_what_the_function_refuses(name: str) -> None:
    args, kwargs = REFUSED[name]
    x = m.ones(3, 3)
    with pytest.raises((TypeError, RuntimeError)) as refused:
        getattr(x, name)(*args, **kwargs)
    with pytest.raises(refused.type) as in_place:
        getattr(x, f"{name}_")(*args, **kwargs)
    assert str(in_place.value).replace(f"{name}_()", f"{name}()") == str(refused.value)
    assert x.tolist() == m.ones(3, 3).tolist()


def test_filling_in_place() -> None:
    for dtype in (m.float16, m.float32, m.float64, m.int64, m.bool):
        x = m.ones(4, 6, dtype=dtype)
        x[:, 1:5:2].fill_(0)
        version = x._version
        assert x.tolist() == [[1, 0, 1, 0, 1, 1]] * 4
        assert x.zero_().sum().item() == 0
        assert x._version == version + 1


@pytest.mark.parametrize("name", ["tril_indices", "triu_indices"])
@pytest.mark.parametrize("offset", [2**63 - 1, -(2**63), 2**40, -(2**40), 2, 1, -1, -2])
def test_triangles_far_off(name: str, offset: int) -> None:
    x = getattr(m, name)(2, 3, offset)
    keep = getattr(np, name[:4])(np.ones((2, 3)), max(-9, min(offset, 9)))
    assert x.tolist() == np.stack(np.nonzero(keep)).tolist()
