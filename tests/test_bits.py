"""One bit pattern, from end to end: through tensors and gradients, however the work is cut, laid out and computed.

The kernels' own tests compare their bits one by one; here public functions and whole training runs are compared.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from helpers import FLOATS, ISAS, PATIENCE, PROMISED_ISAS, Array, layouts, run_python, same_bits, with_threads

import minigrad
from minigrad import Tensor
from minigrad.nn import functional

Function = Callable[..., Tensor]


def drawn(shape: tuple[int, ...], dtype: Any, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def run(function: Function, *arrays: Array) -> list[Array]:
    """Return the value and, for the first operand, the gradient of a weighted sum of the value."""
    first = minigrad.from_numpy(arrays[0]).detach().requires_grad_()
    y = function(first, *[minigrad.from_numpy(x) for x in arrays[1:]])
    weights = np.linspace(0.5, 1.5, 7, dtype=arrays[0].dtype)
    g = weights[np.arange(y.numel()) % 7].reshape(y.shape) if y.ndim == 1 else np.ones(y.shape, arrays[0].dtype)
    y.backward(minigrad.from_numpy(g))
    assert first.grad is not None
    return [np.array(y.detach().numpy(), order="C"), np.array(first.grad.numpy(), order="C")]


def assert_same(found: list[Array], expected: list[Array]) -> None:
    for one, other in zip(found, expected, strict=True):
        assert same_bits(one, np.array(other, order="C"))


# ---- A row alone and in a batch --------------------------------------------------------------------------------------

BY_ROWS: dict[str, Function] = {
    "softmax": lambda x, _: x.softmax(1),
    "log_softmax": lambda x, _: x.log_softmax(1),
    "sum": lambda x, _: x.sum(1),
    "mean": lambda x, _: x.mean(1),
    "prod": lambda x, _: x.prod(1),
    "max": lambda x, _: x.max(1).values,
    "var": lambda x, _: x.var(1),
    "cumsum": lambda x, _: x.cumsum(1),
    "cumprod": lambda x, _: x.cumprod(1),
    "matmul": lambda x, w: x @ w,
    "matmul by a vector": lambda x, w: x @ w[:, 0],
    "linear": lambda x, w: functional.linear(x, w.t(), w[0]),
    "two layers": lambda x, w: (x @ w).tanh() @ w.t(),
    "einsum": lambda x, w: minigrad.einsum("ij,jk->ik", x, w),
    "logsumexp": lambda x, _: x.logsumexp(1),
    "norm": lambda x, _: x.norm(dim=1),
    "norm of order 1": lambda x, _: x.norm(1, dim=1),
    "norm of order 3": lambda x, _: x.norm(3, dim=1),
    "nansum": lambda x, _: x.nansum(1),
    "smallest": lambda x, _: x.amin(1),
    "standard deviation": lambda x, _: x.std(1),
    "median": lambda x, _: x.median(1).values,
    "sort": lambda x, _: x.sort(1).values,
    "largest": lambda x, _: x.topk(min(3, x.shape[1]), 1).values,
    "cummax": lambda x, _: x.cummax(1).values,
    "logcumsumexp": lambda x, _: x.logcumsumexp(1),
    "layer_norm": lambda x, w: functional.layer_norm(x, x.shape[1:], w[:, 0], w[:, 1]),
    "rms_norm": lambda x, w: functional.rms_norm(x, x.shape[1:], w[:, 0]),
    "group_norm": lambda x, w: functional.group_norm(x[..., None].expand(*x.shape, 2), 1, w[:, 0], w[:, 1]),
    "normalize": lambda x, _: functional.normalize(x),
    "cosine similarity": lambda x, w: functional.cosine_similarity(x, w[:, 0].expand_as(x)),
    "pairwise distance": lambda x, w: functional.pairwise_distance(x, w[:, 0]),
    "cdist": lambda x, w: minigrad.cdist(x, w.t()),
    "cdist of order 1": lambda x, w: minigrad.cdist(x, w.t(), 1.0),
    "cdist of another order": lambda x, w: minigrad.cdist(x, w.t(), 2.5),
    "squared errors": lambda x, w: functional.mse_loss(x, w[:, 0].expand_as(x), reduction="none"),
    "divergence": lambda x, w: functional.kl_div(x, w[:, 0].expand_as(x), reduction="none", log_target=True).sum(1),
}


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("columns", [1, 17, 300])
@pytest.mark.parametrize("name", BY_ROWS)
def test_a_row_alone_equals_the_row_in_a_batch(name: str, columns: int, dtype: type) -> None:
    x, w = drawn((97, columns), dtype), minigrad.from_numpy(drawn((columns, 37), dtype, 1))

    def of_rows(rows: slice) -> list[Array]:
        return run_by_ones(lambda t: BY_ROWS[name](t, w), x[rows])

    value, gradient = of_rows(slice(None))
    for rows in (*[slice(i, i + 1) for i in range(len(x))], slice(5, 50)):
        assert_same(of_rows(rows), [value[rows], gradient[rows]])


def run_by_ones(function: Function, x: Array) -> list[Array]:
    """Return value and gradient for cotangents of one: what a row's is must not depend on how many rows there are."""
    first = minigrad.from_numpy(x).detach().requires_grad_()
    y = function(first)
    y.sum().backward()
    assert first.grad is not None
    return [np.array(y.detach().numpy(), order="C"), np.array(first.grad.numpy(), order="C")]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("classes", [2, 10, 33, 300])
def test_the_loss_of_a_row_alone_equals_that_in_a_batch(classes: int, smoothing: float, dtype: type) -> None:
    x, target = drawn((97, classes), dtype), np.random.default_rng(1).integers(0, classes, 97)

    def losses(rows: slice) -> list[Array]:
        labels = minigrad.from_numpy(target[rows])
        return run_by_ones(
            lambda t: functional.cross_entropy(t, labels, reduction="none", label_smoothing=smoothing), x[rows]
        )

    value, gradient = losses(slice(None))
    for i in range(len(x)):
        assert_same(losses(slice(i, i + 1)), [value[i : i + 1], gradient[i : i + 1]])


@pytest.mark.parametrize("dtype", FLOATS)
def test_a_matrix_alone_equals_the_matrix_in_a_batch(dtype: type) -> None:
    x, w = drawn((6, 9, 20), dtype), minigrad.from_numpy(drawn((20, 11), dtype, 1))
    value, gradient = run_by_ones(lambda t: t @ w, x)
    for i in range(6):
        assert_same(run_by_ones(lambda t: t @ w, x[i]), [value[i], gradient[i]])
        assert_same(run_by_ones(lambda t: t @ w, x[i, :1]), [value[i, :1], gradient[i, :1]])


# ---- An element at any place -----------------------------------------------------------------------------------------

ELEMENTWISE: dict[str, Function] = {
    "exp": minigrad.exp,
    "log": lambda x: x.abs().log(),
    "sin": minigrad.sin,
    "cos": minigrad.cos,
    "tanh": minigrad.tanh,
    "sigmoid": minigrad.sigmoid,
    "relu": minigrad.relu,
    "sqrt": lambda x: x.abs().sqrt(),
    "square": minigrad.square,
    "cube": lambda x: x**3,
    "power": lambda x: x.abs() ** 1.7,
    "number to a power": lambda x: 2.0**x,
    "reciprocal": minigrad.reciprocal,
    "arithmetic": lambda x: (x * 3.0 - x) / (x + 7.5),
    "extrema": lambda x: x.maximum(-x).minimum(x * x),
    "where": lambda x: minigrad.where(x > 0, x, x.exp()),
}


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_offsets_of_short_arrays(name: str, dtype: type) -> None:
    function = ELEMENTWISE[name]
    x = drawn((80,), dtype)
    value, gradient = run_by_ones(function, x)
    for offset in range(16):
        for n in range(64):
            part = slice(offset, offset + n)
            with minigrad.no_grad():
                y = function(minigrad.from_numpy(x[part]))
            assert same_bits(y.numpy(), value[part])
        for n in (0, 1, 3, 17, 63):
            part = slice(offset, offset + n)
            assert_same(run_by_ones(function, x[part]), [value[part], gradient[part]])


# ---- Layouts and threads ---------------------------------------------------------------------------------------------

WHOLE: dict[str, Function] = {
    "elementwise": lambda x: ((x * 2).sin() + x.exp()).tanh(),
    "broadcast": lambda x: x * x[0] - x[:, :1],
    "sum": lambda x: x.sum(),
    "sum along the first": lambda x: x.sum(0),
    "mean and variance": lambda x: (x - x.mean(0)) / x.var(0).sqrt(),
    "softmax": lambda x: x.softmax(0) + x.softmax(1),
    "scans": lambda x: x.cumsum(0) + x.cumsum(1),
    "matmul": lambda x: x @ x.t(),
    "rows": lambda x: x[minigrad.tensor([0, 3, 3, 1])].sum(1),
    "views": lambda x: x.t().reshape(-1)[3:90].sum(),
    "max": lambda x: x.max(0).values + x.max(),
}


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", WHOLE)
def test_layout(name: str, dtype: type) -> None:
    x = drawn((19, 33), dtype)
    expected = run(WHOLE[name], x)
    for given in layouts(x):
        assert_same(run(WHOLE[name], given), expected)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", WHOLE)
def test_threads(name: str, dtype: type) -> None:
    x = drawn((67, 190), dtype)
    with with_threads(1):
        expected = run(WHOLE[name], x)
    for threads in (2, 3, 8):
        with with_threads(threads):
            assert_same(run(WHOLE[name], x), expected)


#: Of arrays that are larger than a block, a panel or a tile of any kernel, in two and in three dims.
LARGER: dict[str, Function] = {
    "elementwise": lambda x: (x * 2).exp().sigmoid() + x.maximum(-x),
    "broadcast": lambda x: x * x.amax(0, keepdim=True) / (1 + x[..., :1] ** 2),
    "sums": lambda x: x.sum() + x.sum(0).sum(-1) + (x * x[0]).sum((0, -1)).sum() + x.sum(-1).mean(),
    "extrema": lambda x: x.max(0).values.sum() + x.amin(-1).sum() + x.max(-2).values.sum(),
    "variance": lambda x: x.var(0).sum() + x.std(-1).sum() + x.var((0, -1)).sum(),
    "norms": lambda x: x.norm(dim=0).sum() + x.norm(1, dim=-1).sum() + x.norm(3, dim=-2).sum(),
    "products": lambda x: (x * 1.9).prod(0).sum() + (x * 1.9).prod(-1).sum(),
    "exponentials": lambda x: x.softmax(0) + x.log_softmax(-2) * x.logsumexp(-1, keepdim=True),
    "scans": lambda x: x.cumsum(0) + x.cumsum(-1) + x.cumprod(-2) + x.cummax(0).values,
    "order": lambda x: x.sort(0).values + x.sort(-1).values + x.median(-2, keepdim=True).values,
    "layer norm": lambda x: functional.layer_norm(x, x.shape[-1:], x.detach()[..., 0, :].reshape(-1, x.shape[-1])[0]),
    "batch norm": lambda x: functional.batch_norm(x, None, None, training=True),
    "matmul": lambda x: (x @ x.mT).sum(-1) + (x.mT @ x).sum((-1, -2)).unsqueeze(-1),
    "linear": lambda x: functional.linear(x, x.detach().reshape(-1, x.shape[-1])[:9], None).relu(),
    "gather": lambda x: x.gather(0, x.detach().argsort(0)) + x.gather(-1, x.detach().argsort(-1)),
    "scatter": lambda x: x.scatter_add(0, x.detach().argsort(0) // 2, x) + x.scatter_add(-1, x.detach().argsort(-1), x),
    "moves": lambda x: minigrad.cat([x.flip(0).roll(3, -1), x], 0).repeat_interleave(2, -1),
    "transposed": lambda x: x.mT.contiguous().reshape(-1) * 3,
    "losses": lambda x: functional.cross_entropy(x, x.detach().argmax(1)) + functional.mse_loss(x, x.detach() * 2),
}


@pytest.mark.parametrize("shape", [(513, 260), (33, 40, 65)], ids=str)
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", LARGER)
def test_layouts_and_threads_of_larger_arrays(name: str, dtype: type, shape: tuple[int, ...]) -> None:
    x = drawn(shape, dtype)
    with with_threads(1):
        expected = run(LARGER[name], x)
    orders = [dims for dims in itertools.permutations(range(x.ndim)) if dims != tuple(range(x.ndim))]
    permuted = [np.ascontiguousarray(x.transpose(dims)).transpose(np.argsort(dims)) for dims in orders]
    for given, threads in zip([*layouts(x), *permuted], itertools.cycle([4, 1, 3])):
        with with_threads(threads):
            assert_same(run(LARGER[name], given), expected)


# Threads share the rows of the larger ones among these, the columns or the matrices of others.
SOFTMAX = [
    ((3, 5, 7), 1),
    ((1, 300), 0),
    ((300, 1), 0),
    ((0, 5), 0),
    ((65, 1025), 0),
    ((2500, 9), 0),
    ((3, 300, 40), 1),
]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(("shape", "dim"), [*SOFTMAX, ((512, 1024), 0)])
@pytest.mark.parametrize("name", ["softmax", "log_softmax", "logsumexp"])
def test_softmax_along_a_dimension_before_the_last(name: str, shape: tuple[int, ...], dim: int, dtype: type) -> None:
    x = drawn(shape, dtype)
    for column, value in enumerate((np.nan, np.inf, -np.inf)):
        if x.size > 0 and shape[-1] > column:
            x[..., -1, column] = value
    x[..., -1:] = -np.inf
    with with_threads(1):
        expected = run(lambda t: getattr(minigrad, name)(t, dim), x)
    for threads in (2, 3, 4, 8):
        with with_threads(threads):
            for given in (x, np.ascontiguousarray(x.T).T):
                assert_same(run(lambda t: getattr(minigrad, name)(t, dim), given), expected)


# ---- Training --------------------------------------------------------------------------------------------------------

TRAINING = """
import hashlib
import numpy as np
import minigrad as mg
from minigrad import _core

_core.set_parallel_threshold(0)
draw = np.random.default_rng(0)
x = mg.from_numpy(draw.standard_normal((67, 37)).astype(np.float32))
labels = mg.from_numpy(draw.integers(0, 10, (67, 1)))
sizes = (37, 65, 33, 10)
weights = [mg.from_numpy((draw.standard_normal((m, n)) / m**0.5).astype(np.float32)) for m, n in zip(sizes, sizes[1:])]
biases = [mg.zeros(n) for n in sizes[1:]]
parameters = [p.requires_grad_() for p in (*weights, *biases)]
digest = hashlib.sha256()
losses = []
for _ in range(20):
    h = (x @ weights[0] + biases[0]).relu()
    h = (h @ weights[1] + biases[1]).tanh()
    loss = -(h @ weights[2] + biases[2]).log_softmax(1).gather(1, labels).mean() + (weights[0] ** 2).sum() * 1e-3
    loss.backward()
    losses.append(loss.item())
    with mg.no_grad():
        for p in parameters:
            p.sub_(p.grad * 0.5)
            p.grad = None
for p in parameters:
    digest.update(p.detach().numpy().tobytes())
digest.update(np.array(losses).tobytes())
print(_core.build_info["isa"], mg.get_num_threads(), losses[-1] / losses[0], digest.hexdigest())
"""


def train(threads: int, isa: str) -> str:
    """Return the hash of all losses and weights."""
    words = run_python("-c", TRAINING, OMP_NUM_THREADS=str(threads), MINIGRAD_ISA=isa).split()
    used_isa, used_threads, ratio, digest = words
    assert (used_isa, used_threads) == (isa, str(threads))
    assert 0 < float(ratio) < 0.8  # it learns
    return digest


def test_training_gives_one_result() -> None:
    """Twenty steps of a small network in processes of their own, for every number of threads and instruction set."""
    first, *others = PROMISED_ISAS
    settings = [(threads, first) for threads in (1, 2, 3, 8)]
    settings += [(threads, isa) for isa in others for threads in (1, 3)]
    assert len({train(threads, isa) for threads, isa in settings}) == 1


def test_baseline_trains_and_does_not_promise_the_bits() -> None:
    baseline = "x86-64-v2"
    if baseline not in ISAS:
        pytest.skip("every instruction set of this machine has a fused multiply-add")
    assert train(1, baseline) == train(3, baseline)
    code = "import minigrad; print(minigrad.show_config()['promised_bits'])"
    assert run_python("-c", code, MINIGRAD_ISA=baseline) == "False\n"
    for isa in PROMISED_ISAS:
        assert run_python("-c", code, MINIGRAD_ISA=isa) == "True\n"


def test_unknown_instruction_set_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import minigrad"],
        env=os.environ | {"MINIGRAD_ISA": "x87"},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode != 0
    assert "instruction set 'x87' is not among those that this machine can run" in done.stderr
