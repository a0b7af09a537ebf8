"""How results lie in memory: elementwise ones as their operands do, by PyTorch's rule, with the elements they always have."""

from __future__ import annotations

import copy
import itertools
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad
import minigrad.nn.functional as F

torch: Any = pytest.importorskip("torch")

Library = Any


def _numbers(*shape: int) -> Any:
    return np.random.default_rng(sum(shape)).uniform(0.5, 2, shape).astype(np.float32)


def _transposed(lib: Library, *shape: int) -> Any:
    return lib.tensor(_numbers(*shape[::-1])).permute(*range(len(shape))[::-1])


#: Operands by name: in how many ways a tensor of shape (4, 5, 6), or what broadcasts to it, can lie.
OPERANDS: dict[str, Callable[[Library], Any]] = {
    "row-major": lambda lib: lib.tensor(_numbers(4, 5, 6)),
    "reversed": lambda lib: _transposed(lib, 4, 5, 6),
    "last two": lambda lib: lib.tensor(_numbers(4, 6, 5)).mT,
    "first two": lambda lib: lib.tensor(_numbers(5, 4, 6)).transpose(0, 1),
    "turned round": lambda lib: lib.tensor(_numbers(5, 6, 4)).permute(2, 0, 1),
    "gaps": lambda lib: lib.tensor(_numbers(4, 5, 12))[:, :, ::2],
    "reversed gaps": lambda lib: _transposed(lib, 4, 5, 12)[:, :, ::2],
    "part": lambda lib: _transposed(lib, 9, 8, 7)[2:6, 1:6, 1:],
    "expanded": lambda lib: lib.tensor(_numbers(5, 1)).expand(4, 5, 6),
    "expanded reversed": lambda lib: lib.tensor(_numbers(6, 5, 1)).expand(6, 5, 4).permute(2, 1, 0),
    "one for all": lambda lib: lib.tensor(_numbers(1)).expand(4, 5, 6),
    "row": lambda lib: lib.tensor(_numbers(6)),
    "column": lambda lib: lib.tensor(_numbers(5, 1)),
    "plane": lambda lib: lib.tensor(_numbers(4, 1, 1)),
    "turned matrix": lambda lib: lib.tensor(_numbers(6, 5)).T,
    "turned column": lambda lib: lib.tensor(_numbers(1, 5)).T,
    "no dims": lambda lib: lib.tensor(1.5),
    "ones in front": lambda lib: lib.tensor(_numbers(6, 5, 1, 1)).permute(3, 2, 1, 0),
}

#: Tensors with dimensions of size 1 and 0, or without any.
ODD: dict[str, Callable[[Library], Any]] = {
    "odd column": lambda lib: lib.tensor(_numbers(1, 5)).T,
    "odd row": lambda lib: lib.tensor(_numbers(5, 1)).T,
    "one in the middle": lambda lib: lib.tensor(_numbers(3, 1, 4)).permute(2, 1, 0),
    "one outside": lambda lib: lib.tensor(_numbers(3, 4, 1)).permute(2, 1, 0),
    "all one": lambda lib: lib.tensor(_numbers(1, 1)).T,
    "vector": lambda lib: lib.tensor(_numbers(9)),
    "every third": lambda lib: lib.tensor(_numbers(9))[::3],
    "sliced ones": lambda lib: _transposed(lib, 4, 6)[1:2],
    "four": lambda lib: lib.tensor(_numbers(2, 3, 4, 5)).permute(0, 2, 3, 1),
    "five": lambda lib: lib.tensor(_numbers(2, 3, 4, 2, 3)).permute(4, 0, 2, 3, 1),
}

UNARY: dict[str, Callable[[Library, Any], Any]] = {
    "exp": lambda lib, x: lib.exp(x),
    "relu": lambda lib, x: lib.relu(x),
    "neg": lambda lib, x: -x,
    "number": lambda lib, x: x * 2.0,
    "number first": lambda lib, x: 1.0 - x,
    "compare": lambda lib, x: x > 1,
    "clamp": lambda lib, x: x.clamp(0.7, 1.2),
    "double": lambda lib, x: x.double(),
    "int": lambda lib, x: x.int(),
    "half": lambda lib, x: x.half(),
    "clone": lambda lib, x: x.clone(),
    "clone contiguous": lambda lib, x: x.clone(memory_format=lib.contiguous_format),
    "contiguous": lambda lib, x: x.contiguous(),
    "zeros_like": lambda lib, x: lib.zeros_like(x),
    "ones_like int": lambda lib, x: lib.ones_like(x, dtype=lib.int64),
    "full_like": lambda lib, x: lib.full_like(x, 7.5),
    "full_like int": lambda lib, x: lib.full_like(x, 7, dtype=lib.int32),
    "full_like contiguous": lambda lib, x: lib.full_like(x, 7.5, memory_format=lib.contiguous_format),
    "gelu": lambda lib, x: lib.nn.functional.gelu(x),
    "elu": lambda lib, x: lib.nn.functional.elu(x),
    "pow": lambda lib, x: x**3,
    "where numbers": lambda lib, x: lib.where(x > 1, x, 0.0),
}

BINARY: dict[str, Callable[[Library, Any, Any], Any]] = {
    "add": lambda lib, x, y: x + y,
    "div": lambda lib, x, y: x / y,
    "atan2": lambda lib, x, y: lib.atan2(x, y),
    "compare": lambda lib, x, y: x <= y,
    "dtypes": lambda lib, x, y: x + y.double(),
    "where": lambda lib, x, y: lib.where(x > 1, x, y),
}


def _strides(x: Any) -> tuple[int, ...]:
    """Return the strides along dimensions in which there is anything to go along."""
    return tuple(s for s, n in zip(x.stride(), x.shape, strict=True) if n > 1)


def _assert_alike(ours: Any, theirs: Any) -> None:
    assert tuple(ours.shape) == tuple(theirs.shape)
    assert _strides(ours) == _strides(theirs)
    assert ours.is_contiguous() == theirs.is_contiguous()
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-2, atol=1e-6)


@pytest.mark.parametrize("operand", [*OPERANDS, *ODD])
@pytest.mark.parametrize("name", UNARY)
def test_results_of_one_operand_lie_as_pytorchs(name: str, operand: str) -> None:
    make = {**OPERANDS, **ODD}[operand]
    _assert_alike(*[UNARY[name](lib, make(lib)) for lib in (minigrad, torch)])


@pytest.mark.parametrize("name", BINARY)
def test_results_of_two_operands_lie_as_pytorchs(name: str) -> None:
    for first, second in itertools.product(OPERANDS, OPERANDS):
        ours, theirs = [BINARY[name](lib, OPERANDS[first](lib), OPERANDS[second](lib)) for lib in (minigrad, torch)]
        assert _strides(ours) == _strides(theirs), (first, second)
        _assert_alike(ours, theirs)


@pytest.mark.parametrize("name", ["lerp", "addcmul", "clamp"])
def test_results_of_three_operands_lie_as_pytorchs(name: str) -> None:
    some = ("row-major", "reversed", "first two", "part", "expanded reversed", "turned matrix", "no dims")
    for operands in itertools.product(some, repeat=3):
        made = [[OPERANDS[operand](lib) for operand in operands] for lib in (minigrad, torch)]
        _assert_alike(*[getattr(lib, name)(*xs) for lib, xs in zip((minigrad, torch), made, strict=True)])


@pytest.mark.parametrize("operand", ODD)
def test_strides_along_single_elements_are_pytorchs_too(operand: str) -> None:
    for run in (lambda x: x + x, lambda x: x * 2.0, lambda x: x.exp()):
        ours, theirs = run(ODD[operand](minigrad)), run(ODD[operand](torch))
        if not theirs.is_contiguous():  # of a row-major result no stride along a single element means anything
            assert ours.stride() == theirs.stride()


def test_the_bits_are_those_of_row_major_operands() -> None:
    for make, run in itertools.product(OPERANDS.values(), UNARY.values()):
        x = make(minigrad)
        np.testing.assert_array_equal(run(minigrad, x).numpy(), run(minigrad, x.contiguous()).numpy())


@pytest.mark.parametrize("name", ["rand_like", "randn_like", "randint_like"])
def test_numbers_drawn_do_not_depend_on_the_layout(name: str) -> None:
    drawn = []
    for x in (_transposed(minigrad, 4, 5, 6), minigrad.zeros(4, 5, 6)):
        minigrad.manual_seed(3)
        drawn.append(getattr(minigrad, name)(x, *([9] if name == "randint_like" else [])))
    assert drawn[0].stride() == (1, 4, 20)
    assert drawn[1].is_contiguous()
    np.testing.assert_array_equal(drawn[0].numpy(), drawn[1].numpy())


def test_views_of_negative_strides_count_as_the_others() -> None:
    x = _transposed(minigrad, 4, 5).flip(0)
    assert (x + x).stride() == x.stride() == (1, 4)
    turned = minigrad.from_numpy(_numbers(5, 4)[::-1]).T
    assert (turned * 2).stride() == (1, 4)
    np.testing.assert_array_equal((turned * 2).numpy(), turned.numpy() * 2)


# ----------------------------------------------------------------------------------------------------------------------
# In place.

IN_PLACE: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda x, y: x.add_(y),
    "mul number": lambda x, y: x.mul_(2.0),
    "sub itself": lambda x, y: x.sub_(x),
    "exp": lambda x, y: x.exp_(),
    "clamp": lambda x, y: x.clamp_(0.7, 1.2),
    "zero": lambda x, y: x.zero_(),
    "fill": lambda x, y: x.fill_(3.5),
    "copy": lambda x, y: x.copy_(y),
    "addcmul": lambda x, y: x.addcmul_(y, y, value=0.5),
}


@pytest.mark.parametrize("name", IN_PLACE)
def test_writing_in_place_leaves_the_layout(name: str) -> None:
    own = ("row-major", "reversed", "last two", "turned round", "gaps", "reversed gaps", "part")
    fitting = [n for n in OPERANDS if OPERANDS[n](torch).ndim <= 3]
    for target, operand in itertools.product(own, fitting):
        made = []
        for lib in (minigrad, torch):
            whole = OPERANDS[target](lib)
            x = whole + 0 if target == "reversed" else whole
            address, before = x.data_ptr(), x.stride()
            IN_PLACE[name](x, OPERANDS[operand](lib))
            assert (x.data_ptr(), x.stride()) == (address, before)
            made.append(x)
        _assert_alike(*made)


@pytest.mark.parametrize(
    "write",
    [
        lambda a: a.T.__iadd__(a),
        lambda a: a.__iadd__(a.T),
        lambda a: a.T.__imul__(a.T),
        lambda a: a.T[1:].__isub__(a[:3]),
        lambda a: a.T[:, 1:].__isub__(a.T[:, :3]),
    ],
    ids=["turned", "by turned", "itself", "rows", "columns"],
)
def test_operands_in_the_memory_that_is_written_are_read_before(write: Callable[[Any], Any]) -> None:
    for size in (4, 70):
        a, expected = minigrad.tensor(_numbers(size, size))[:4, :4], _numbers(size, size)[:4, :4]
        write(a)
        write(expected)
        np.testing.assert_array_equal(a.numpy(), expected)


# ----------------------------------------------------------------------------------------------------------------------
# Gradients.


def _gradients(lib: Library, loss: Callable[..., Any], *operands: str) -> list[Any]:
    leaves = [OPERANDS[name](lib).detach().requires_grad_() for name in operands]
    loss(lib, *leaves).backward()
    return [x.grad for x in leaves]


@pytest.mark.parametrize(
    "loss",
    [
        lambda lib, x, y: (x * y).sum(),
        lambda lib, x, y: lib.relu(x + y).mean(),
        lambda lib, x, y: (lib.tanh(x) * lib.exp(y) + x).sum(0).sum(),
        lambda lib, x, y: (x.transpose(0, 2) * y.transpose(0, 2)).sum(),
        lambda lib, x, y: lib.where(x > y, x * x, y).sum(),
        lambda lib, x, y: lib.softmax(x * y, 1).max(),
    ],
    ids=["mul", "relu", "several", "turned", "where", "softmax"],
)
@pytest.mark.parametrize(
    "operands",
    [("row-major", "reversed"), ("reversed", "reversed"), ("first two", "turned round"), ("part", "last two")],
)
def test_gradients_lie_as_their_leaves(loss: Callable[..., Any], operands: tuple[str, str]) -> None:
    for ours, theirs in zip(_gradients(minigrad, loss, *operands), _gradients(torch, loss, *operands), strict=True):
        _assert_alike(ours, theirs)


def test_gradients_that_others_see_are_not_changed_by_writes() -> None:
    x = _transposed(minigrad, 40, 50, 6).requires_grad_()
    y = x.T if x.ndim == 2 else x.transpose(0, 2)
    (y * y).sum().backward()
    grad = x.grad
    assert grad.stride() == x.stride()
    seen, kept = grad.clone(), grad.detach()
    grad.mul_(2)
    np.testing.assert_array_equal(kept.numpy(), grad.numpy())
    np.testing.assert_array_equal(grad.numpy(), 2 * seen.numpy())
    (y * y).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), 3 * seen.numpy())


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop", "Adagrad", "LBFGS"])
def test_optimisers_step_the_same_in_any_layout(name: str) -> None:
    def train(turned: bool) -> Any:
        w = minigrad.tensor(_numbers(5, 4))
        w = minigrad.nn.Parameter((w.T + 0) if turned else w.T.contiguous())
        assert w.is_contiguous() != turned
        optimizer = getattr(minigrad.optim, name)([w], lr=0.1)
        x = minigrad.tensor(_numbers(7, 4))

        def closure() -> Any:
            optimizer.zero_grad()
            loss = ((x @ w).tanh() * w[0]).sum()
            loss.backward()
            return loss

        for _ in range(3):
            optimizer.step(closure)
        assert w.grad.stride() == w.stride()
        return w.detach().numpy()

    np.testing.assert_array_equal(train(True), train(False))


# ----------------------------------------------------------------------------------------------------------------------
# What follows sees the layout and gives the same.

FOLLOWING: dict[str, Callable[[Any], Any]] = {
    "sum": lambda x: x.sum(),
    "sum 0": lambda x: x.sum(0),
    "sum last two": lambda x: x.sum((1, 2)),
    "sum outer": lambda x: x.sum((0, 2)),
    "mean": lambda x: x.mean(),
    "var": lambda x: x.var(),
    "norm": lambda x: x.norm(),
    "norm last": lambda x: minigrad.linalg.vector_norm(x, dim=-1),
    "prod": lambda x: x.prod(),
    "max": lambda x: x.max(),
    "argmax": lambda x: x.argmax(),
    "argmin last": lambda x: x.argmin(-1),
    "any": lambda x: (x > 2).any(),
    "count": lambda x: minigrad.count_nonzero(x > 1),
    "logsumexp": lambda x: x.logsumexp((0, 1, 2)),
    "softmax": lambda x: x.softmax(1),
    "cumsum": lambda x: x.cumsum(0),
    "matmul": lambda x: x @ x.mT,
    "mse": lambda x: F.mse_loss(x, x + 1),
    "mse each": lambda x: F.mse_loss(x, x + 1, reduction="none"),
    "bce": lambda x: F.binary_cross_entropy_with_logits(x, x / 4),
    "cat": lambda x: minigrad.cat([x, x], 1),
    "reshape": lambda x: x.reshape(-1),
    "flatten": lambda x: x.flatten(1),
    "sort": lambda x: x.sort(1).values,
    "gather": lambda x: x[minigrad.tensor([1, 0])],
    "repeat": lambda x: x.repeat(2, 1, 2),
    "repeat_interleave": lambda x: x.repeat_interleave(2, 1),
    "dropout": lambda x: F.dropout(x, 0.0),
    "layer_norm": lambda x: F.layer_norm(x, x.shape[-1:]),
}


@pytest.mark.parametrize("name", FOLLOWING)
def test_what_follows_has_the_same_bits(name: str) -> None:
    for shape, dims in itertools.product([(4, 5, 6), (40, 20, 33)], itertools.permutations(range(3))):
        inverse = tuple(np.argsort(dims))
        x = minigrad.tensor(_numbers(*[shape[d] for d in dims])).permute(*inverse) * 1.5
        assert x.shape == shape
        np.testing.assert_array_equal(FOLLOWING[name](x).numpy(), FOLLOWING[name](x.contiguous()).numpy())


def test_view_raises_and_reshape_copies_as_pytorchs() -> None:
    for lib in (minigrad, torch):
        z = _transposed(lib, 4, 5) * 2
        with pytest.raises(RuntimeError, match="view"):
            z.view(20)
        assert z.reshape(20).data_ptr() != z.data_ptr()
        assert z.T.view(20).data_ptr() == z.data_ptr()
        assert z.contiguous().is_contiguous()


def test_layouts_survive_copies_and_files() -> None:
    z = _transposed(minigrad, 4, 5, 6) * 2
    assert z.stride() == (1, 4, 20)
    for again in (pickle.loads(pickle.dumps(z)), copy.deepcopy(z), copy.copy(z)):
        assert again.stride() == z.stride()
        np.testing.assert_array_equal(again.numpy(), z.numpy())
    assert z.numpy().strides == (4, 16, 80)
    assert z.numpy().flags.f_contiguous
    assert minigrad.tensor(z.numpy()).is_contiguous()
    assert torch.from_numpy(z.numpy()).stride() == z.stride()
    assert torch.utils.dlpack.from_dlpack(z).stride() == z.stride()


@pytest.mark.parametrize("shape", [(1030, 8192), (1030, 8197), (140000, 60), (4, 2100001)])
def test_large_results_are_those_of_any_size(shape: tuple[int, int]) -> None:
    """Results that go past the caches, with rows that begin where lines of memory do, or not."""
    x, row, column = (
        np.random.default_rng(0).standard_normal(s, np.float32) for s in (shape, shape[1:], (shape[0], 1))
    )
    a, b, c = minigrad.tensor(x), minigrad.tensor(row), minigrad.tensor(column)
    for result, expected in (
        (a + b, x + row),
        (a * c, x * column),
        (b - c, row - column),
        (a > 0, x > 0),
        (a < b, x < row),
        (minigrad.where(a > 0, a, b), np.where(x > 0, x, row)),
        (minigrad.where(a > 0, c, 1.0), np.where(x > 0, column, np.float32(1))),
        (a[:, 1:] + a[:, :-1], x[:, 1:] + x[:, :-1]),
        (a.double(), x.astype(np.float64)),
        (a.clone().add_(b), x + row),
        (a.T.contiguous() + a.T, x.T + x.T),
        (a[::2].contiguous(), x[::2]),
        (a.tril(), np.tril(x)),
        (a.triu(3), np.triu(x, 3)),
    ):
        np.testing.assert_array_equal(result.numpy(), expected)


def test_kinds_of_whole_numbers_lie_as_these_do() -> None:
    x = minigrad.arange(6).reshape(2, 3)
    for turned in (x.T, x.int().T, (x > 2).T):
        for name in ("isnan", "isinf", "isfinite"):
            out = getattr(minigrad, name)(turned)
            assert out.stride() == (1, 3)
            assert out.tolist() == [[name == "isfinite"] * 2] * 3
