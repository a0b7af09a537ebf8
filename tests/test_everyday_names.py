"""Functions that ordinary scripts call besides the calculus, beside PyTorch's: quantiles, distances, covariances."""

from __future__ import annotations

import importlib
import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg

torch = pytest.importorskip("torch")


def draws(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal(shape)


X, Y, NANS = draws(5, 4), draws(3, 4, seed=1), draws(4, 5)
NANS[1, 2] = NANS[2] = math.nan
WEIGHTS = np.array([1, 3, 0, 2])
SHARES = np.array([0.0, 0.3, 1.0])

#: Calls with the library and the arrays as tensors; differentiable where the flag says so.
CALLS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "quantile": (lambda lib, x: lib.quantile(x, 0.3), (X,)),
    "quantile of several": (lambda lib, x, q: lib.quantile(x, q.detach(), dim=1), (X, SHARES)),
    "quantile, kept": (lambda lib, x, q: x.quantile(q.detach(), dim=0, keepdim=True), (X, SHARES)),
    "quantile of all, kept": (lambda lib, x: x.quantile(0.7, keepdim=True), (X,)),
    "quantile of a number": (lambda lib, x: x.quantile(0.5, dim=0), (np.array(3.0),)),
    **{
        f"quantile, {way}": (lambda lib, x, way=way: x.quantile(0.4, dim=1, interpolation=way), (X,))
        for way in ("lower", "higher", "midpoint", "nearest")
    },
    "quantile of NaN": (lambda lib, x: x.quantile(0.3, dim=1), (NANS,)),
    "nanquantile": (lambda lib, x: lib.nanquantile(x, 0.3, dim=1), (NANS[:2],)),
    "nanquantile of nothing": (lambda lib, x: lib.nanquantile(x.detach(), 0.3, dim=1), (NANS,)),
    "histc": (lambda lib, x: lib.histc(x.detach(), bins=7, min=-1, max=1), (X,)),
    "histc of all": (lambda lib, x: x.detach().histc(5), (X,)),
    "histogram": (lambda lib, x: lib.histogram(x.detach())[0], (X,)),
    "histogram's edges": (lambda lib, x: x.detach().histogram(7, range=(-1.0, 1.0)).bin_edges, (X,)),
    "histogram of some": (lambda lib, x: lib.histogram(x.detach(), 7, range=(-1.0, 1.0)).hist, (X,)),
    "histogram, edges": (lambda lib, x: lib.histogram(x.detach(), lib.tensor([-1.0, 0.1, 2.0]).double()).hist, (X,)),
    "histogram, density": (
        lambda lib, x: lib.histogram(x.detach(), 5, weight=x.detach().abs(), density=True).hist,
        (X,),
    ),
    "histogram of equals": (lambda lib, x: lib.histogram(lib.ones_like(x), 2)[1], (X,)),
    "histogram of nothing": (lambda lib, x: lib.histogram(x[:0].detach(), 2)[1], (X,)),
    "histogram with NaN": (lambda lib, x: lib.histogram(x.detach(), 4, range=(-1.0, 1.0)).hist, (NANS,)),
    **{
        f"matrix_power, {n}": (lambda lib, x, n=n: lib.linalg.matrix_power(x, n), (draws(2, 3, 3),))
        for n in range(1, 8)
    },
    "matrix_power, 0": (lambda lib, x: x.detach().matrix_power(0), (draws(2, 3, 3),)),
    "matrix_power of integers": (lambda lib, x: x.detach().long().matrix_power(3), (2 * draws(3, 3),)),
    "unravel_index": (lambda lib, x: lib.stack(lib.unravel_index(x.detach().argmax(0), (5, 2, 1))), (X,)),
    "unravel_index of bytes": (
        lambda lib, x: lib.stack(lib.unravel_index((100 * x.detach()).abs().to(lib.uint8), (2, 300))),
        (X,),
    ),
    "unravel_index of one size": (lambda lib, x: lib.unravel_index(x.detach().argmax(), 40)[0], (X,)),
    "renorm": (lambda lib, x: lib.renorm(x, 2, 0, 1.5), (X,)),
    "renorm, 1": (lambda lib, x: x.renorm(1, -1, 0.5), (X,)),
    "renorm in place": (lambda lib, x: (x * 1).renorm_(p=3, dim=0, maxnorm=1.0), (draws(2, 3, 4),)),
    "cdist": (lambda lib, x, y: lib.cdist(x, y), (X, Y)),
    "cdist of batches": (lambda lib, x, y: lib.cdist(x, y, p=1), (draws(2, 5, 4), Y)),
    "cdist, greatest": (lambda lib, x, y: lib.cdist(x, y, p=math.inf), (X, Y)),
    "pdist": (lambda lib, x: lib.pdist(x), (X,)),
    "pdist of nn": (lambda lib, x: lib.nn.functional.pdist(x, 3), (X,)),
    "dist": (lambda lib, x, y: lib.dist(x, y[:1]), (X, Y)),
    "cov": (lambda lib, x: lib.cov(x), (X,)),
    "cov of one": (lambda lib, x: lib.cov(x[0]), (X,)),
    "cov, correction": (lambda lib, x: x.cov(correction=0), (X,)),
    "cov, weights": (lambda lib, x: lib.cov(x, fweights=lib.tensor(WEIGHTS)), (X,)),
    "cov, both weights": (
        lambda lib, x: lib.cov(x, fweights=lib.tensor(WEIGHTS), aweights=lib.tensor([0.5, 1.0, 2.0, 0.1])),
        (X,),
    ),
    "corrcoef": (lambda lib, x: lib.corrcoef(x), (X,)),
    "corrcoef of one": (lambda lib, x: lib.corrcoef(x[0].detach()), (X,)),
    "cov of integers": (lambda lib, x: lib.cov(x.detach().long()).double(), (5 * X,)),
    "corrcoef of integers": (lambda lib, x: lib.corrcoef(x.detach().int()).round(decimals=4), (5 * X,)),
    "deg2rad": (lambda lib, x: lib.deg2rad(x), (X,)),
    "rad2deg": (lambda lib, x: x.rad2deg(), (X,)),
    "logit": (lambda lib, x: x.sigmoid().logit(), (X,)),
    "logit, eps": (lambda lib, x: lib.logit(x, eps=0.1), (np.array([-1.0, 0.05, 0.3, 0.99]),)),
    "float_power": (lambda lib, x: lib.float_power(x, 2), (X,)),
    "ldexp": (lambda lib, x: lib.ldexp(x, lib.tensor([3, 2, 0, 1])), (X,)),
    "ldexp down": (lambda lib, x: lib.ldexp(x.detach(), lib.tensor([-3, 2, 0, -1])), (X,)),
    "ldexp of floats": (lambda lib, x, y: lib.ldexp(x[:3], y), (X, Y)),
    "ldexp in place": (lambda lib, x: (x * 1).ldexp_(lib.tensor(2)), (X,)),
    "frexp": (lambda lib, x: lib.frexp(x)[0] * x.frexp().exponent, (X,)),
    "cond": (lambda lib, x: lib.linalg.cond(x), (X,)),
    "cond, least": (lambda lib, x: lib.linalg.cond(x.expand(2, 3, 4), -2), (Y,)),
    "block_diag": (lambda lib, x, y: lib.block_diag(x, y[0], lib.tensor(2.0).double()), (X, Y)),
    "cartesian_prod": (lambda lib, x, y: lib.cartesian_prod(x[0], y[1]), (X, Y)),
    "cartesian_prod of one": (lambda lib, x: lib.cartesian_prod(x[0]), (X,)),
    "trapezoid": (lambda lib, x: lib.trapezoid(x), (X,)),
    "cumulative_trapezoid": (lambda lib, x: lib.cumulative_trapezoid(x, dx=0.5), (X,)),
    "cumulative_trapezoid over x": (lambda lib, x, y: lib.cumulative_trapezoid(x, y[0]), (X, Y)),
    "cumulative_trapezoid over all x": (lambda lib, x, y: lib.cumulative_trapezoid(x[:3], y, dim=0), (X, Y)),
    "detach": (lambda lib, x: lib.detach(x) * x, (X,)),
    "trapezoid, dx": (lambda lib, x: lib.trapz(x, dx=0.5, dim=0), (X,)),
    "trapezoid over x": (lambda lib, x, y: lib.trapezoid(x, y[0]), (X, Y)),
    "vdot": (lambda lib, x, y: lib.vdot(x[0], y[0]), (X, Y)),
    "cosine_similarity": (lambda lib, x, y: lib.cosine_similarity(x[:3], y), (X, Y)),
    "pairwise_distance": (lambda lib, x, y: lib.pairwise_distance(x[:3], y), (X, Y)),
    "scatter of one": (lambda lib, x: x[0].scatter(0, lib.tensor(1), x[1, 1]), (X,)),
    "scatter_add of one": (lambda lib, x: x[0].scatter_add(0, lib.tensor(1), x[1, 1]), (X,)),
    "scatter to a number": (lambda lib, x: x[0, 0].scatter(0, lib.tensor([0]), x[1, :1]), (X,)),
    "scatter_reduce of one": (lambda lib, x: x[0].scatter_reduce(0, lib.tensor(1), x[1, 1], "amax"), (X,)),
}


@pytest.mark.parametrize("name", CALLS)
def test_values_and_gradients_are_pytorchs(name: str) -> None:
    call, arrays = CALLS[name]
    ours = [mg.tensor(a, requires_grad=True) for a in arrays]
    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
    out, right = call(mg, *ours), call(torch, *theirs)
    assert tuple(out.shape) == tuple(right.shape)
    np.testing.assert_allclose(out.detach().numpy(), right.detach().numpy(), rtol=1e-12, atol=1e-13)
    if not right.requires_grad:
        return
    g = draws(*right.shape, seed=2)
    used = [(x, y) for x, y, a in zip(ours, theirs, arrays, strict=True) if a is not SHARES]
    found = mg.autograd.grad(out, [x for x, _ in used], mg.tensor(g), allow_unused=True)
    expected = torch.autograd.grad(right, [y for _, y in used], torch.tensor(g), allow_unused=True)
    for a, b in zip(found, expected, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-10, atol=1e-12)


def test_distances_taken_block_by_block_are_the_same() -> None:
    x, y = (mg.tensor(draws(600, 40, seed=seed), dtype=mg.float32) for seed in (0, 1))
    whole = mg.cdist(x.clone().requires_grad_(), y)
    np.testing.assert_array_equal(mg.cdist(x, y).numpy(), whole.detach().numpy())


@pytest.mark.parametrize("shapes", [((4, 3), (5, 3)), ((2, 1, 3, 4), (3, 2, 4)), ((300, 30), (200, 30))], ids=str)
def test_the_greatest_differences_have_gradients(shapes: tuple[tuple[int, ...], ...]) -> None:
    draws_of = [draws(*shape, seed=seed) for seed, shape in enumerate(shapes)]
    ours, theirs = ([lib.tensor(x, requires_grad=True) for x in draws_of] for lib in (mg, torch))
    out, right = mg.cdist(*ours, p=math.inf), torch.cdist(*theirs, p=math.inf)
    np.testing.assert_array_equal(mg.cdist(*[x.detach() for x in ours], p=math.inf).numpy(), out.detach().numpy())
    g = draws(*out.shape, seed=2)
    for x, y in zip(
        mg.autograd.grad(out, ours, mg.tensor(g)), torch.autograd.grad(right, theirs, torch.tensor(g)), strict=True
    ):
        np.testing.assert_allclose(x.numpy(), y.numpy(), rtol=1e-10, atol=1e-12)
    if out.numel() < 100:
        assert mg.autograd.gradcheck(lambda x, y: mg.cdist(x, y, math.inf), ours)
        assert mg.autograd.gradgradcheck(lambda x, y: mg.cdist(x, y, math.inf) ** 2, ours)


def test_the_first_of_equal_differences_gets_the_gradient() -> None:
    x = mg.tensor([[0.0, 0.0, 0.0], [1.0, 1.0, 0.5]], requires_grad=True)
    (g,) = mg.autograd.grad(mg.pdist(x, math.inf).sum(), x)
    assert g.tolist() == [[-1, 0, 0], [1, 0, 0]]
    rows = mg.func.vmap(mg.func.grad(lambda x: mg.cdist(x, x, math.inf).sum()))(mg.stack([x.detach(), 2 * x.detach()]))
    assert rows.tolist() == [[[-2, 0, 0], [2, 0, 0]]] * 2
    table = mg.tensor([[1.0, 2.0], [1.0, 3.0]], requires_grad=True)
    (g,) = mg.autograd.grad(mg.nn.functional.embedding_bag(mg.tensor([[0, 1]]), table, mode="max").sum(), table)
    assert g.tolist() == [[1, 0], [0, 1]]


def test_distances_of_equal_rows_have_a_gradient_of_0() -> None:
    x = mg.ones(2, 3, requires_grad=True)
    mg.cdist(x, x).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [[0.0] * 3] * 2


@pytest.mark.parametrize("p", [1, 2])
def test_distances_of_equal_rows_have_derivatives_of_0_at_every_order(p: int) -> None:
    x = mg.tensor([[1.0, 2.0], [1.0, 2.0]], requires_grad=True)
    y = x
    for _ in range(p + 1):  # of signs there is no third one
        (y,) = mg.autograd.grad(mg.cdist(x, x, p).sum() if y is x else y.sum(), x, create_graph=True)
        assert y.tolist() == [[0.0] * 2] * 2
    assert mg.func.jvp(lambda x: mg.cdist(x, x, p), (x.detach(),), (mg.ones(2, 2),))[1].tolist() == [[0.0] * 2] * 2


@pytest.mark.parametrize("shape", [(60, 50, 40), (3, 40, 30, 30)], ids=str)
def test_many_distances(shape: tuple[int, ...]) -> None:
    """Those of float32 are as exact as those of float64."""
    *batch, n, m, d = shape
    x, y = draws(*batch, n, d).astype("f"), draws(*batch, m, d, seed=1).astype("f")
    y[..., :10, :] = x[..., :10, :]  # no distance
    y[..., 10:20, :] = np.nextafter(x[..., 10:20, :], np.float32(9))  # hardly any
    y[..., 20:25, :] = x[..., 20:25, :] * np.float32(1.001)
    xs, ys = (mg.tensor(a, requires_grad=True) for a in (x, y))
    wide = [mg.tensor(a.astype(float), requires_grad=True) for a in (x, y)]
    out, right = mg.cdist(xs, ys), mg.cdist(*wide)
    assert out.dtype is mg.float32
    np.testing.assert_allclose(out.detach().numpy(), right.detach().numpy(), rtol=1e-6)
    g = draws(*right.shape, seed=2)
    expected = mg.autograd.grad(right, wide, mg.tensor(g))
    found = mg.autograd.grad(out, [xs, ys], mg.tensor(g.astype("f")))
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5, atol=1e-5)
    plain = mg.cdist(xs, ys, compute_mode="donot_use_mm_for_euclid_dist")
    np.testing.assert_allclose(plain.detach().numpy(), out.detach().numpy(), rtol=1e-6)


def test_a_row_alone_has_the_distances_that_it_has_among_others() -> None:
    x, y = mg.tensor(draws(2, 30, 12).astype("f")), mg.tensor(draws(40, 12, seed=1).astype("f"))
    together = mg.cdist(x, y)
    for i in range(2):
        for j in range(0, 30, 7):
            alone = mg.cdist(x[i, j : j + 1], y[5:6])
            assert alone.numpy().tobytes() == together[i, j, 5].numpy().tobytes()


def test_many_pairs_of_rows() -> None:
    x = draws(80, 30).astype("f")
    x[3] = x[4]
    out, right = mg.nn.functional.pdist(mg.tensor(x)), torch.nn.functional.pdist(torch.tensor(x.astype(float)))
    np.testing.assert_allclose(out.numpy(), right.numpy(), rtol=1e-6)


@pytest.mark.parametrize("shape", [(3, 3), (2, 4), (5, 2), (3, 3, 3)], ids=str)
@pytest.mark.parametrize("wrap", [False, True])
def test_fill_diagonal(shape: tuple[int, ...], wrap: bool) -> None:
    right = torch.zeros(shape).fill_diagonal_(2.5, wrap).numpy()
    x = mg.zeros(shape)
    assert x.fill_diagonal_(2.5, wrap) is x
    np.testing.assert_array_equal(x.numpy(), right)


def test_fill_diagonal_is_recorded() -> None:
    x = mg.ones(2, 2, requires_grad=True)
    (x * 3).fill_diagonal_(0).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [[0, 3], [3, 0]]


def test_isin() -> None:
    x = np.array([[1, 2, 3], [4, 2, 0]])
    for args in [(x, np.array([2, 4])), (x, 2), (2, x)]:
        for invert in (False, True):
            ours = mg.isin(*[mg.tensor(a) if isinstance(a, np.ndarray) else a for a in args], invert=invert)
            theirs = torch.isin(*[torch.tensor(a) if isinstance(a, np.ndarray) else a for a in args], invert=invert)
            np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


@pytest.mark.parametrize(
    "dtypes", [("int64", "int64"), ("float32", "float64"), ("float64", "int32"), ("uint8", "int16")]
)
@pytest.mark.parametrize("numbers", [0, 1, 40])
def test_isin_many(dtypes: tuple[str, str], numbers: int) -> None:
    """More than are compared one by one, NaN behind the first so many numbers."""
    draw = np.random.default_rng(numbers)
    x, among = draw.integers(0, 90, (5, 7)).astype(dtypes[0]), draw.integers(0, 90, 40).astype(dtypes[1])
    for array, first in ((x.reshape(-1), 20), (among, numbers)):
        if array.dtype.kind == "f":
            array[first:] = np.nan
    expected = torch.isin(torch.from_numpy(x), torch.from_numpy(among))
    np.testing.assert_array_equal(mg.isin(mg.from_numpy(x), mg.from_numpy(among)).numpy(), expected.numpy())
    assert mg.isin(mg.tensor(x[0, 0]).half(), mg.from_numpy(among)).item() == bool(expected[0, 0])


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "quantile of integers": (lambda: mg.arange(3).quantile(0.5), "quantile: needs floats, got minigrad.int64"),
    "quantile above 1": (lambda: mg.ones(3).quantile(1.5), "quantile: q must be between 0 and 1, got 1.5"),
    "quantile of nothing": (lambda: mg.ones(0).quantile(0.5), r"quantile: no elements to choose from in shape \(0,\)"),
    "quantile of another dtype": (
        lambda: mg.ones(3).quantile(mg.ones(1).double()),
        "quantile: q must be a number or a vector of minigrad.float32, got minigrad.float64",
    ),
    "interpolation": (lambda: mg.ones(3).quantile(0.5, interpolation="cubic"), "interpolation must be one of linear"),
    "cdist": (lambda: mg.cdist(mg.ones(2, 3), mg.ones(2, 4)), r"cdist: needs rows of one length, got shapes \(2, 3\)"),
    "pdist": (lambda: mg.pdist(mg.ones(2)), r"pdist: needs a matrix, got shape \(2,\)"),
    "cov": (lambda: mg.cov(mg.ones(2, 2, 2)), "cov: needs at most two dimensions"),
    "weights": (lambda: mg.cov(mg.ones(2, 3), aweights=mg.ones(2)), "cov: aweights must be a vector of 3"),
    "counts below 0": (
        lambda: mg.cov(mg.ones(2, 3), fweights=mg.tensor([1, -1, 1])),
        "cov: fweights must not be negative",
    ),
    "weights below 0": (
        lambda: mg.cov(mg.ones(2, 3), aweights=mg.tensor([1.0, -1.0, 1.0])),
        "cov: aweights must not be negative",
    ),
    "trapezoid, fewer places": (
        lambda: mg.trapezoid(mg.ones(4), mg.ones(2)),
        r"trapezoid: 4 heights along dim 0 need as many places, got x \(2,\)",
    ),
    "trapezoid, no places": (lambda: mg.trapz(mg.ones(2), mg.ones(0)), "trapz: 2 heights"),
    "trapezoid, another dim": (lambda: mg.trapezoid(mg.ones(4, 3), mg.ones(3), dim=0), "trapezoid: 4 heights"),
    "cumulative_trapezoid": (
        lambda: mg.cumulative_trapezoid(mg.ones(4, 3), mg.ones(4, 2)),
        "cumulative_trapezoid: 3 heights along dim 1",
    ),
    "soft_margin_loss": (
        lambda: mg.nn.functional.soft_margin_loss(mg.ones(4), mg.ones(4, 1)),
        r"soft_margin_loss: target must broadcast to the shape of input, got \(4, 1\) for \(4,\)",
    ),
    "histc of no bins": (lambda: mg.ones(3).histc(0), "histc: bins must be positive, got 0"),
    "histc of infinity": (lambda: mg.tensor([1.0, math.inf]).histc(), "histc: the range must be finite"),
    "matrix_power": (lambda: mg.ones(2, 3).matrix_power(2), r"matrix_power: needs square matrices, got shape \(2, 3\)"),
    "matrix_power below 0": (
        lambda: mg.eye(2).matrix_power(-1),
        "matrix_power: n must not be negative, got -1; .* inv",
    ),
    "block_diag": (lambda: mg.block_diag(mg.ones(1, 1, 1)), r"block_diag: needs matrices, got shape \(1, 1, 1\)"),
    "fill_diagonal_": (lambda: mg.ones(3).fill_diagonal_(0), "fill_diagonal_: needs a matrix"),
    "scatter": (lambda: mg.ones(2, 2).scatter(0, mg.tensor(1), 1.0), "scatter: .* must have the same number of dim"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    call, message = REFUSED[name]
    with pytest.raises(RuntimeError, match=message):
        call()


def test_names_of_arguments() -> None:
    x, y = mg.tensor([1.0, 4.0]), mg.tensor([3.0, 2.0])
    assert mg.max(x, other=y).tolist() == [3.0, 4.0]
    assert x.min(other=y).tolist() == [1.0, 2.0]
    for call in (mg.max, mg.min):
        with pytest.raises(TypeError, match=f"{call.__name__}: takes dim or other, not both"):
            call(x, 0, other=y)
    assert mg.arange(end=3).tolist() == mg.arange(start=0, end=3).tolist() == [0, 1, 2]
    with pytest.raises(TypeError, match="arange: needs an end"):
        mg.arange()
    for source in (mg.zeros(2), mg.zeros(2, dtype=mg.int64), mg.zeros(1)):
        assert x.copy_(source, True) is x
        assert x.tolist() == [0.0, 0.0]
        assert x.copy_(y, non_blocking=True).tolist() == y.tolist()


def test_refused_by_type_or_value() -> None:
    with pytest.raises(ValueError, match=r"unravel_index: sizes must not be negative, got \(2, -1\)"):
        mg.unravel_index(mg.tensor(5), (2, -1))
    for n in (2.0, True):
        with pytest.raises(TypeError, match="matrix_power: n must be an integer, got"):
            mg.ones(2, 2).matrix_power(n)


@pytest.mark.parametrize("a", ["bool", "uint8", "int64", "float16", "float32", "float64"])
@pytest.mark.parametrize("b", ["bool", "int8", "int32", "float32", "float64"])
def test_promoted_and_cast(a: str, b: str) -> None:
    wanted = str(torch.promote_types(getattr(torch, a), getattr(torch, b))).replace("torch", "minigrad")
    assert str(mg.promote_types(getattr(mg, a), getattr(mg, b))) == wanted
    assert mg.can_cast(getattr(mg, a), getattr(mg, b)) == torch.can_cast(getattr(torch, a), getattr(torch, b))


# ----------------------------------------------------------------------------------------------------------------------
# PyTorch's older forms.

OLDER: dict[str, Callable[[Any], Any]] = {
    "nothing": lambda lib: lib.Tensor(),
    "sizes": lambda lib: lib.FloatTensor(2, 3).zero_(),
    "a Size": lambda lib: lib.Tensor(lib.ones(2, 3).size()).fill_(1),
    "integers": lambda lib: lib.Tensor([1, 2]),
    "a tuple": lambda lib: lib.Tensor((2, 3)),
    "a range": lambda lib: lib.Tensor(range(3)),
    "an array": lambda lib: lib.Tensor(np.arange(3.0)),
    "a tensor": lambda lib: lib.Tensor(lib.tensor([1, 2])),
    "LongTensor of floats": lambda lib: lib.LongTensor([1.7]),
    "ByteTensor": lambda lib: lib.ByteTensor([1, 0]),
    "DoubleTensor": lambda lib: lib.DoubleTensor(np.arange(3)),
    "new": lambda lib: lib.ones(1).double().new([1, 2]),
    "new sizes": lambda lib: lib.ones(1).int().new(2, 3).zero_(),
    "type": lambda lib: lib.ones(2).type(lib.LongTensor),
}


@pytest.mark.parametrize("name", OLDER)
def test_older_forms(name: str) -> None:
    ours, theirs = OLDER[name](mg), OLDER[name](torch)
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    assert str(ours.dtype).split(".")[1] == str(theirs.dtype).split(".")[1]


@pytest.mark.parametrize("data", [3.5, True, None, "a", np.float64(3)], ids=str)
def test_older_forms_refuse_numbers(data: Any) -> None:
    with pytest.raises(TypeError, match=r"Tensor: expected sizes or a sequence of data, got .*minigrad\.tensor"):
        mg.Tensor(data)


def test_types_in_name_only() -> None:
    x = mg.ones(2)
    assert isinstance(x, mg.FloatTensor)
    assert not isinstance(x, mg.LongTensor)
    assert mg.typename(x) == "minigrad.FloatTensor"
    assert mg.typename(3) == "int"
    assert mg.set_default_tensor_type(mg.DoubleTensor) is None
    try:
        assert mg.Tensor([1]).dtype is mg.float64
    finally:
        mg.set_default_tensor_type("torch.FloatTensor")
    with pytest.raises(TypeError, match=r"set_default_tensor_type: expected a tensor's type, got 'torch\.Tensor'"):
        mg.set_default_tensor_type("torch.Tensor")


def test_variables() -> None:
    from minigrad.autograd import Variable

    x = mg.ones(2)
    v = Variable(x, requires_grad=True)
    (v * v).sum().backward()
    assert isinstance(v, Variable)
    assert v.grad is not None
    assert not x.requires_grad
    assert Variable(x) is x


# ----------------------------------------------------------------------------------------------------------------------
# Comparing.

CLOSE: dict[str, tuple[Callable[[Any], tuple[Any, Any]], dict[str, Any]]] = {
    "within": (lambda lib: (lib.ones(3), lib.ones(3) + 1e-6), {}),
    "not within": (lambda lib: (lib.tensor([1.0, 2.0]), lib.tensor([1.0, 2.5])), {}),
    "integers": (lambda lib: (lib.tensor([1, 2]), lib.tensor([1, 3])), {}),
    "shapes": (lambda lib: (lib.ones(2), lib.ones(3)), {}),
    "dtypes": (lambda lib: (lib.ones(2), lib.ones(2).double()), {}),
    "dtypes unchecked": (lambda lib: (lib.ones(2), lib.ones(2).double()), {"check_dtype": False}),
    "numbers": (lambda lib: (1.0, 1.0 + 1e-9), {}),
    "other numbers": (lambda lib: (1.0, 1.1), {}),
    "NaN": (lambda lib: (lib.tensor(math.nan), lib.tensor(math.nan)), {}),
    "equal NaN": (lambda lib: (lib.tensor(math.nan), lib.tensor(math.nan)), {"equal_nan": True}),
    "infinite": (lambda lib: (lib.tensor([math.inf]), lib.tensor([math.inf])), {}),
    "lists": (lambda lib: ([lib.ones(1), 2.0], [lib.ones(1), 3.0]), {}),
    "lengths": (lambda lib: ([lib.ones(1)], []), {}),
    "keys": (lambda lib: ({"a": lib.ones(1)}, {"b": lib.ones(1)}), {}),
    "tolerances": (lambda lib: (lib.ones(2), lib.ones(2) * 1.05), {"rtol": 0.1, "atol": 0.0}),
    "strides": (lambda lib: (lib.ones(2, 3), lib.ones(3, 2).t()), {"check_stride": True}),
}


@pytest.mark.parametrize("name", CLOSE)
def test_assert_close_decides_as_pytorchs(name: str) -> None:
    import torch.testing

    make, settings = CLOSE[name]
    errors: list[str | None] = []
    for lib in (mg, torch):
        try:
            lib.testing.assert_close(*make(lib), **settings)
        except AssertionError as error:
            errors.append(str(error))
        else:
            errors.append(None)
    assert (errors[0] is None) == (errors[1] is None)


def test_what_assert_close_says() -> None:
    text = "assert_close: 1 of 2 elements differ by more than 0.25 + 0.0 |expected|\nthe most, 0.5, at (1,): 2.5, expected 2.0\n"
    with pytest.raises(AssertionError, match=f"^{re.escape(text)}relatively the most, 0.25: 2.5, expected 2.0$"):
        mg.testing.assert_close(mg.tensor([1.0, 2.5]), mg.tensor([1.0, 2.0]), rtol=0.0, atol=0.25)
    with pytest.raises(AssertionError, match=r"the most, 1.0, as numbers: 1.0, expected 2.0\n.*\nin item 'loss'$"):
        mg.testing.assert_close({"loss": 1.0}, {"loss": 2.0})
    for actual, expected, said in (
        (mg.ones(2), mg.ones(3), r"the shape is \(2,\), expected \(3,\)"),
        (mg.ones(2), mg.ones(2, dtype=mg.float64), "the dtype is minigrad.float32, expected minigrad.float64"),
        ([1.0], [1.0, 2.0], "there are 1 items, expected 2"),
        ({"a": 1}, {"b": 1}, r"the keys are \['a'\], expected \['b'\]"),
    ):
        with pytest.raises(AssertionError, match=f"^assert_close: {said}$"):
            mg.testing.assert_close(actual, expected)
    with pytest.raises(AssertionError, match=r"^mine$"):
        mg.testing.assert_close(1.0, 2.0, msg="mine")
    with pytest.raises(ValueError, match="give both rtol and atol, or neither"):
        mg.testing.assert_close(1.0, 1.0, rtol=1.0)
    with pytest.raises(TypeError, match="expected tensors, arrays or numbers, got str"):
        mg.testing.assert_close("a", "a")


# ----------------------------------------------------------------------------------------------------------------------
# Others.


@pytest.mark.parametrize("dtype", [mg.float16, mg.float32, mg.float64], ids=str)
def test_relaxed_choices(dtype: Any) -> None:
    mg.manual_seed(0)
    share = np.array([0.2, 0.7, 0.1])
    logits = mg.tensor(np.log(share), dtype=dtype).expand(20000, 3).clone().requires_grad_()
    hard = mg.nn.functional.gumbel_softmax(logits, tau=0.5, hard=True)
    assert hard.dtype is dtype
    np.testing.assert_allclose(hard.detach().double().mean(0).numpy(), share, atol=0.02)
    np.testing.assert_allclose(hard.detach().max(1).values.double().numpy(), 1, atol=2e-3)
    (g,) = mg.autograd.grad((hard * mg.tensor([1.0, 2.0, 3.0], dtype=dtype)).sum(), logits)
    assert g.abs().sum().item() > 0
    soft = mg.nn.functional.gumbel_softmax(logits.detach().t(), dim=0)
    np.testing.assert_allclose(soft.double().sum(0).numpy(), 1, atol=2e-3)


def test_writing_for_tensorboard(tmp_path: Any) -> None:
    pytest.importorskip("tensorboardX")
    from minigrad.utils.tensorboard import SummaryWriter

    model = mg.nn.Linear(2, 1)
    with SummaryWriter(log_dir=str(tmp_path)) as writer:
        writer.add_scalar("loss", mg.tensor(0.5, requires_grad=True), 1)
        writer.add_scalars("both", {"a": mg.tensor(1.0), "b": 2.0}, global_step=1)
        writer.add_histogram("weight", model.weight, 0)
        assert writer.log_dir == str(tmp_path)
        with pytest.raises(RuntimeError, match="add_graph: minigrad does not trace modules"):
            writer.add_graph(model, mg.ones(1, 2))
    assert any(path.is_file() and path.stat().st_size > 100 for path in tmp_path.rglob("*tfevents*"))


def add_rank(rank: int, path: str) -> None:
    with open(f"{path}/{rank}", "w") as file:
        file.write(str(mg.ones(rank + 1).sum().item()))


def test_processes(tmp_path: Any) -> None:
    import minigrad.multiprocessing as mp

    mp.spawn(add_rank, (str(tmp_path),), nprocs=2)
    assert sorted((path.name, path.read_text()) for path in tmp_path.iterdir()) == [("0", "1.0"), ("1", "2.0")]
    with pytest.raises(RuntimeError, match=r"spawn: processes failed, by number with their exit codes: \{0: 1\}"):
        mp.spawn(add_rank, (str(tmp_path / "missing"),), start_method="fork")
    assert mp.get_context("spawn") is not None


def test_questions_about_machines() -> None:
    assert not mg.accelerator.is_available()
    assert mg.accelerator.current_accelerator() is None
    assert mg.accelerator.device_count() == 0
    assert mg.version.cuda is None
    assert not mg.cuda.is_initialized()
    assert mg.cuda.memory_allocated() == mg.cuda.max_memory_allocated("cuda:0") == 0
    mg.backends.cuda.matmul.allow_tf32 = True
    assert not mg.backends.mkldnn.is_available()
    with mg.device("cpu") as place:
        assert mg.ones(1).device == place
    with pytest.raises(AttributeError, match="no attribute 'current_device': minigrad computes on the CPU only"):
        mg.cuda.current_device()
    with pytest.raises(RuntimeError, match="the CPU only"), mg.device("cuda"):
        pass
    assert not mg.set_flush_denormal(True)
    assert mg.tensor(1e-40).item() > 0
    mg.set_num_interop_threads(2)
    assert mg.get_num_interop_threads() == 1


@pytest.mark.parametrize(
    ("path", "subject"),
    [
        ("nn.Conv2d", "convolution, pooling"),
        ("nn.functional.max_pool2d", "convolution, pooling"),
        ("nn.LSTM", "recurrent layers"),
        ("nn.Transformer", "attention layers"),
        ("linalg.svd", "decompositions of matrices"),
        ("inverse", "decompositions of matrices"),
        ("distributions.Beta", "the gamma function"),
        ("distributions.Kumaraswamy", "the gamma function"),
        ("distributions.VonMises", "Bessel functions"),
        ("complex64", "complex numbers"),
        ("bfloat16", "bfloat16"),
        ("sparse_coo_tensor", "sparse"),
        ("set_autocast_cpu_dtype", "mixed precision"),
        ("jit", "traced graphs"),
        ("autograd.profiler", "profilers"),
        ("nn.utils.rnn.pack_sequence", "recurrent layers"),
    ],
)
def test_what_is_left_out_is_named(path: str, subject: str) -> None:
    *names, last = path.split(".")
    owner: Any = mg
    for name in names:
        owner = getattr(owner, name)
    with pytest.raises(AttributeError, match=f"has no attribute '{last}': minigrad leaves out .*{subject}"):
        getattr(owner, last)
    assert not hasattr(owner, last)
    with pytest.raises(AttributeError, match=r"has no attribute 'converter'$"):
        _ = owner.converter


@pytest.mark.parametrize(
    ("statement", "name", "subject"),
    [
        ("from minigrad.nn import LSTM", "'LSTM' from 'minigrad.nn'", "recurrent layers"),
        ("import minigrad.nn.modules.conv", "'conv' from 'minigrad.nn.modules'", "convolution"),
        ("from minigrad.nn.modules.pooling import MaxPool2d", "'pooling' from 'minigrad.nn.modules'", "convolution"),
        ("import minigrad.nn.utils.prune", "'prune' from 'minigrad.nn.utils'", "pruning"),
        ("from minigrad.profiler import profile", "'profiler' from 'minigrad'", "profilers"),
        ("from minigrad.linalg import inv", "'inv' from 'minigrad.linalg'", "inverses"),
        ("from minigrad.nn.functional import conv2d", "'conv2d' from 'minigrad.nn.functional'", "convolution"),
        ("import minigrad.distributed as dist", "'distributed' from 'minigrad'", "training on several machines"),
    ],
)
def test_imports_of_what_is_left_out_name_it(statement: str, name: str, subject: str) -> None:
    with pytest.raises(ImportError, match=f"^cannot import {name}: minigrad leaves out {subject}"):
        exec(statement)  # noqa: S102


def test_names_of_an_older_pytorch() -> None:
    with pytest.warns(FutureWarning, match="nn.init.xavier_uniform is an old name"):
        assert mg.nn.init.xavier_uniform is mg.nn.init.xavier_uniform_
    with pytest.raises(AttributeError, match="has no attribute 'xavier'"):
        _ = mg.nn.init.xavier


def test_imports_of_what_is_nowhere_fail_as_ever() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'minigrad\.nonsense'"):
        importlib.import_module("minigrad.nonsense")
    with pytest.raises(ImportError, match=r"cannot import name 'Nonsense' from 'minigrad\.nn'"):
        exec("from minigrad.nn import Nonsense")  # noqa: S102
    with pytest.raises(ModuleNotFoundError, match="No module named 'lstm'"):
        importlib.import_module("lstm")


DTYPES: dict[str, Callable[[Any, Any], Any]] = {
    "zeros": lambda lib, d: lib.zeros(2, dtype=d),
    "tensor": lambda lib, d: lib.tensor([1.5, 0], dtype=d),
    "as_tensor": lambda lib, d: lib.as_tensor(np.ones(2), dtype=d),
    "as_tensor of one": lambda lib, d: lib.as_tensor(lib.ones(2), dtype=d),
    "eye": lambda lib, d: lib.eye(2, dtype=d),
    "full": lambda lib, d: lib.full((2,), 1, dtype=d),
    "ones_like": lambda lib, d: lib.ones_like(lib.zeros(2), dtype=d),
    "new_zeros": lambda lib, d: lib.ones(1).new_zeros(2, dtype=d),
    "new_tensor": lambda lib, d: lib.ones(1).new_tensor([1], dtype=d),
    "arange": lambda lib, d: lib.arange(2, dtype=d),
    "linspace": lambda lib, d: lib.linspace(0, 1, 2, dtype=d),
    "logspace": lambda lib, d: lib.logspace(0, 0, 2, dtype=d),
    "tril_indices": lambda lib, d: lib.tril_indices(2, 2, dtype=d),
    "randint": lambda lib, d: lib.randint(0, 1, (2,), dtype=d),
    "to": lambda lib, d: lib.tensor([0.0, 1.5]).to(d),
    "to, dtype": lambda lib, d: lib.ones(2).to(dtype=d),
    "to, device": lambda lib, d: lib.ones(2).to("cpu", d),
    "sum": lambda lib, d: lib.ones(2).sum(dtype=d),
    "prod": lambda lib, d: lib.ones(2).prod(dtype=d),
    "cumsum": lambda lib, d: lib.ones(2).cumsum(0, dtype=d),
}


@pytest.mark.parametrize("name", DTYPES)
@pytest.mark.parametrize("dtype", [bool, int, float])
def test_pythons_types_are_dtypes(name: str, dtype: type) -> None:
    if dtype is bool and name in ("tril_indices", "linspace", "logspace", "arange", "cumsum"):
        return  # PyTorch has not all of them
    if dtype is float and name == "tril_indices":
        return
    ours, theirs = DTYPES[name](mg, dtype), DTYPES[name](torch, dtype)
    assert str(ours.dtype).split(".")[1] == str(theirs.dtype).split(".")[1]
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


@pytest.mark.parametrize("name", ["softmax", "mean", "norm"])
def test_floats_in_pythons_type(name: str) -> None:
    calls: dict[str, Callable[[Any], Any]] = {
        "softmax": lambda lib: lib.ones(2).softmax(0, dtype=float),
        "mean": lambda lib: lib.ones(2).mean(dtype=float),
        "norm": lambda lib: lib.linalg.vector_norm(lib.ones(2), dtype=float),
    }
    assert calls[name](mg).dtype is mg.float64
    assert calls[name](torch).dtype is torch.float64


@pytest.mark.parametrize("dtype", ["float33", dict, 3.5], ids=str)
def test_no_dtype(dtype: Any) -> None:
    with pytest.raises(
        TypeError, match=r"dtype must be one of minigrad's \(bool, .*\) or Python's bool, int and float, got"
    ):
        mg.zeros(2, dtype=dtype)


def test_parts_of_a_shape_are_sizes() -> None:
    ours, theirs = mg.ones(2, 3, 4).shape, torch.ones(2, 3, 4).shape
    for call in (lambda s: s[1:], lambda s: s + s[:1], lambda s: s * 2, lambda s: s[:-1] + s[:1]):
        assert type(call(ours)) is mg.Size
        assert call(ours) == tuple(call(theirs))
        assert call(ours).numel() == call(theirs).numel()
    assert type(ours.__radd__((5,))) is mg.Size
    assert ours[1] == 3
    assert type(ours[-1]) is int


BAGS: dict[str, Callable[[Any, Any], Any]] = {
    "rows": lambda lib, w: lib.nn.functional.embedding_bag(lib.tensor([[0, 2], [1, 1]]), w),
    "sums": lambda lib, w: lib.nn.functional.embedding_bag(lib.tensor([0, 2, 1]), w, lib.tensor([0, 0, 2]), mode="sum"),
    "means": lambda lib, w: lib.nn.functional.embedding_bag(lib.tensor([0, 2, 1]), w, lib.tensor([0, 2])),
    "maxima": lambda lib, w: lib.nn.functional.embedding_bag(
        lib.tensor([0, 2, 1]), w, lib.tensor([0, 2, 3]), mode="max"
    ),
    "last offset": lambda lib, w: lib.nn.functional.embedding_bag(
        lib.tensor([0, 2, 1]), w, lib.tensor([0, 1, 3]), mode="sum", include_last_offset=True
    ),
    "weights": lambda lib, w: lib.nn.functional.embedding_bag(
        lib.tensor([[0, 2], [1, 1]]), w, mode="sum", per_sample_weights=lib.tensor([[0.5, 2.0], [1.0, -1.0]]).double()
    ),
    **{
        f"padding, {mode}": lambda lib, w, mode=mode: lib.nn.functional.embedding_bag(
            lib.tensor([[0, 2], [1, 1], [2, 2]]), w, mode=mode, padding_idx=2
        )
        for mode in ("sum", "mean", "max")
    },
}


@pytest.mark.parametrize("name", BAGS)
def test_bags_of_rows(name: str) -> None:
    table = draws(4, 3)
    x, t = mg.tensor(table, requires_grad=True), torch.tensor(table, requires_grad=True)
    y, z = BAGS[name](mg, x), BAGS[name](torch, t)
    np.testing.assert_allclose(y.detach().numpy(), z.detach().numpy(), rtol=1e-14)
    g = draws(*z.shape, seed=1)
    y.backward(mg.tensor(g))
    z.backward(torch.tensor(g))
    assert x.grad is not None
    assert t.grad is not None
    np.testing.assert_allclose(x.grad.numpy(), t.grad.numpy(), rtol=1e-14)


@pytest.mark.parametrize("more", [{}, {"max_norm": 1.0}, {"padding_idx": 2}], ids=str)
@pytest.mark.parametrize("columns", [3, 70, 320])
def test_weights_of_bags_have_gradients(columns: int, more: dict[str, Any]) -> None:
    results = []
    for lib in (mg, torch):
        table = lib.tensor(draws(4, columns)).requires_grad_()
        weights = lib.tensor(draws(6, 2, seed=1)).requires_grad_()
        index, offsets = lib.tensor([0, 2, 1, 1, 3, 2]), lib.tensor([0, 3, 3])
        given = {"per_sample_weights": weights[:, 1], **more}
        bag = lib.nn.functional.embedding_bag(index, table, offsets, mode="sum", **given)
        bag.backward(lib.tensor(draws(3, columns, seed=2)))
        results.append([x.detach().numpy() for x in (bag, table.grad, weights.grad)])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-13, atol=1e-15)


def test_the_layer_of_bags() -> None:
    ours, theirs = (lib.nn.EmbeddingBag(5, 2, mode="sum", padding_idx=1) for lib in (mg, torch))
    assert repr(ours) == repr(theirs)
    theirs.load_state_dict({"weight": torch.tensor(ours.weight.detach().numpy())})
    index = np.array([[0, 1], [4, 2]])
    np.testing.assert_allclose(
        ours(mg.tensor(index)).detach().numpy(), theirs(torch.tensor(index)).detach().numpy(), rtol=1e-6
    )
    table = mg.eye(3)
    assert mg.nn.EmbeddingBag.from_pretrained(table, mode="sum")(mg.tensor([[0, 2]])).tolist() == [[1, 0, 1]]
    with pytest.raises(ValueError, match="EmbeddingBag: mode must be mean, sum or max, got 'min'"):
        mg.nn.EmbeddingBag(2, 2, mode="min")
    with pytest.raises(ValueError, match="offsets must begin with 0, not fall, and not exceed 3"):
        ours(mg.tensor([0, 1, 2]), mg.tensor([0, 4]))
    with pytest.raises(ValueError, match="needs a matrix of indices without offsets"):
        ours(mg.tensor([0, 1, 2]))


def test_rows_that_no_cotangent_goes_to_leak_no_nan() -> None:
    x = mg.tensor([[1.0, 2.0], [math.inf, 0.0], [3.0, math.nan]], requires_grad=True)
    y = mg.tensor([[0.0, 1.0], [1.0, -math.inf], [1.0, 3.0]], requires_grad=True)
    for out, which in ((mg.cdist(x, y), (0, 2)), (mg.cdist(x, x), (0, 1)), (mg.pdist(x), (0,))):
        for g in mg.autograd.grad(out[which], [x, y], allow_unused=True, create_graph=True):
            if g is not None:
                assert g.isfinite().all()
    (g,) = mg.autograd.grad(mg.cdist(x, y)[0, 2] + mg.cdist(x, y)[1, 0], x)
    np.testing.assert_array_equal(g.numpy(), np.array([[0, -1], [0, 0], [0, 0]], np.float32))
    assert mg.func.jvp(lambda x: mg.cdist(x, y.detach())[:2, :1], (x.detach(),), (mg.ones(3, 2),))[1][1, 0] == 0


def test_distances_of_infinities_and_of_rows_without_elements() -> None:
    x, y = mg.zeros(2, 9), mg.zeros(3, 9)
    x[0, 0], y[1, 0], y[2, 3] = math.inf, -math.inf, math.nan
    np.testing.assert_array_equal(mg.cdist(x, y).numpy(), [[math.inf, math.inf, math.nan], [0, math.inf, math.nan]])
    for p in (1.0, 2.0, math.inf):
        assert mg.cdist(mg.ones(2, 0), mg.ones(3, 0), p=p).tolist() == [[0] * 3] * 2
        assert mg.pdist(mg.ones(3, 0), p=p).tolist() == [0] * 3


def test_one_variable_has_a_number_for_a_matrix() -> None:
    for shape in ((4,), (1, 4), (0, 4)):
        x = np.arange(float(np.prod(shape))).reshape(shape)
        for name in ("cov", "corrcoef"):
            out, wanted = getattr(mg, name)(mg.from_numpy(x)), getattr(torch, name)(torch.from_numpy(x))
            np.testing.assert_allclose(out.numpy(), wanted.numpy(), strict=True)


@pytest.mark.parametrize("settings", [(2, False), (2, True), (3, False), (0, False), (4, False)], ids=str)
def test_combinations(settings: tuple[int, bool]) -> None:
    ours, theirs = (
        mg.combinations(mg.tensor([5, 6, 7]), *settings),
        torch.combinations(torch.tensor([5, 6, 7]), *settings),
    )
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy(), strict=True)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("nn.modules.activation", "ReLU"),
        ("nn.modules.activation", "Softmax"),
        ("nn.modules.batchnorm", "BatchNorm1d"),
        ("nn.modules.container", "Sequential"),
        ("nn.modules.distance", "PairwiseDistance"),
        ("nn.modules.dropout", "Dropout"),
        ("nn.modules.flatten", "Flatten"),
        ("nn.modules.instancenorm", "InstanceNorm1d"),
        ("nn.modules.linear", "Linear"),
        ("nn.modules.loss", "CrossEntropyLoss"),
        ("nn.modules.loss", "MSELoss"),
        ("nn.modules.normalization", "LayerNorm"),
        ("nn.modules.sparse", "EmbeddingBag"),
        ("optim.adamw", "AdamW"),
        ("distributions.bernoulli", "Bernoulli"),
        ("distributions.categorical", "Categorical"),
        ("distributions.independent", "Independent"),
        ("distributions.normal", "Normal"),
        ("distributions.transformed_distribution", "TransformedDistribution"),
        ("distributions.uniform", "Uniform"),
    ],
)
def test_modules_are_where_pytorchs_are(module: str, name: str) -> None:
    found = getattr(importlib.import_module(f"minigrad.{module}"), name)
    assert found is getattr(importlib.import_module(f"minigrad.{module.split('.', maxsplit=1)[0]}"), name)
    assert hasattr(importlib.import_module(f"torch.{module}"), name)


def test_small_questions() -> None:
    x = mg.ones(2)
    assert x.is_cpu
    assert not x.is_sparse
    assert x.layout is mg.strided
    assert x.real is x
    assert x.is_contiguous(memory_format=mg.contiguous_format)
    assert not mg.is_complex(x)
    assert mg.nn.Linear(1, 1).compile() is None


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda lib, x: lib.histogram(x, 0), "bins must be positive, got 0"),
        (lambda lib, x: lib.histogram(x, 3, range=(2.0, 1.0)), "must be finite and not fall, got 2.0 to 1.0"),
        (lambda lib, x: lib.histogram(x, lib.ones(2, 2)), r"in one dimension, got float32 of shape \(2, 2\)"),
        (lambda lib, x: lib.histogram(x, lib.tensor([1, 2])), "of x's dtype float32"),
        (lambda lib, x: lib.histogram(x, 3, weight=lib.ones(2)), r"weight must be minigrad.float32 of shape \(3,\)"),
        (lambda lib, x: lib.histogram(x / 0, 3), "must be finite"),
        (lambda lib, x: lib.renorm(x, 2, 0, 1.0), r"renorm: needs at least two dimensions, got shape \(3,\)"),
        (lambda lib, x: lib.renorm(x[None], -1, 0, 1.0), "renorm: p must be above 0"),
    ],
)
def test_histograms_and_norms_of_wrong_input(call: Callable[..., Any], match: str) -> None:
    with pytest.raises(RuntimeError, match=match):
        call(mg, mg.tensor([1.0, 2.0, 3.0]))
    with pytest.raises(RuntimeError):
        call(torch, torch.tensor([1.0, 2.0, 3.0]))


def test_a_histogram_wants_floats_and_whole_numbers_of_intervals() -> None:
    with pytest.raises(RuntimeError, match=r"histogram: needs floats, got minigrad.int64"):
        mg.histogram(mg.tensor([1, 2]), 2)
    with pytest.raises(TypeError, match="histogram: bins must be an integer or a tensor, got str"):
        mg.histogram(mg.ones(2), "a")
    with pytest.raises(TypeError, match="histogram: range is for a number of bins"):
        mg.histogram(mg.ones(2), mg.tensor([0.0, 1.0]), range=(0.0, 1.0))


def test_fans_under_the_names_that_layers_of_users_call() -> None:
    w, v = mg.ones(6, 5, 3), torch.ones(6, 5, 3)
    for lib, x in ((mg, w), (torch, v)):
        init: Any = lib.nn.init
        assert init._calculate_fan_in_and_fan_out(x) == (15, 18)
        assert init._calculate_correct_fan(x, "FAN_OUT") == 18
        with pytest.raises(ValueError, match=r"fan|[Mm]ode"):
            init._calculate_correct_fan(x, "fan")


def test_the_older_place_of_functional_call() -> None:
    layer = mg.nn.Linear(2, 1)
    new = {"weight": mg.ones(1, 2), "bias": mg.zeros(1)}
    assert mg.nn.utils.stateless.functional_call(layer, new, (mg.tensor([1.0, 2.0]),)).tolist() == [3.0]


def test_a_histogram_leaves_out_what_is_beyond_its_range() -> None:
    x = mg.tensor([math.nan, math.inf, -math.inf, 1e30, -1.0, -0.5, 0.25, 1.0, 1.5], requires_grad=True)
    assert x.histc(4, -1, 1).tolist() == [1, 1, 1, 1]
    assert mg.histogram(x, 4, range=(-1.0, 1.0)).hist.tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_mantissas_and_exponents_are_exact(dtype: str) -> None:
    """Beside NumPy's, at every power of 2, next to it, and where there is none."""
    limits = np.finfo(dtype)
    powers = np.ldexp(1.0, np.arange(limits.minexp - limits.nmant, limits.maxexp)).astype(dtype)
    x = np.concatenate(
        [powers, np.nextafter(powers, np.array(0, dtype)), -3 * powers[:-2], [0.0, -0.0, np.inf, -np.inf, np.nan]]
    )
    x = x.astype(dtype)
    mantissa, exponent = mg.frexp(mg.tensor(x))
    wanted, powers_of_2 = np.frexp(x)
    np.testing.assert_array_equal(mantissa.numpy(), wanted)
    np.testing.assert_array_equal(exponent.numpy(), np.where(np.isfinite(x), powers_of_2, 0))
    np.testing.assert_array_equal(mg.ldexp(mantissa, exponent).numpy(), x)
    together = mg.vmap(lambda y: mg.frexp(y).exponent)(mg.tensor(x))
    np.testing.assert_array_equal(together.numpy(), exponent.numpy())
    with pytest.raises(RuntimeError, match=r"frexp: needs floating-point elements, got minigrad\.int64"):
        mg.frexp(mg.tensor([1]))


def test_ldexp_has_the_power_for_a_derivative() -> None:
    """PyTorch's is 0 for negative whole powers."""
    x = mg.tensor([3.0, 5.0, -7.0], requires_grad=True)
    mg.ldexp(x, mg.tensor([-2, 0, 3])).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [0.25, 1.0, 8.0]


def test_ldexp_of_a_power_that_is_no_number_alone() -> None:
    assert mg.ldexp(mg.tensor(2.0**-20), mg.tensor(130)).item() == 2.0**110
    assert mg.ldexp(mg.tensor(2.0**127), mg.tensor(-250)).item() == 2.0**-123


def test_a_function_of_pythons_for_each_element() -> None:
    x = mg.tensor([[1.0, -2.0], [3.0, 0.5]])
    rows = x.t()
    assert rows.apply_(lambda v: v * v + 1) is rows
    assert x.tolist() == [[2.0, 5.0], [10.0, 1.25]]
    assert mg.tensor([1, 2]).apply_(lambda n: n // 2).tolist() == [0, 1]
    assert mg.zeros(0, 2).apply_(str).shape == (0, 2)
    with pytest.raises(RuntimeError, match=r"apply_: has no gradient; use detach\(\)\.apply_\(\)"):
        mg.ones(1, requires_grad=True).apply_(abs)
    y = mg.ones(2, requires_grad=True)
    z = y.exp()
    z.detach().apply_(lambda _: 0)
    with pytest.raises(RuntimeError, match="exp"):
        z.sum().backward()


def test_conditions_of_matrices() -> None:
    assert mg.linalg.cond(mg.tensor([[2.0, 0.0], [0.0, 0.0]])).item() == math.inf
    with pytest.raises(RuntimeError, match="cond: p must be None, 2 or -2, for minigrad has no inverses, got 'fro'"):
        mg.linalg.cond(mg.eye(2), "fro")


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "softmin"])
@pytest.mark.parametrize("rank", [0, 1, 2, 3, 4])
def test_softmax_without_a_dim_warns_and_takes_pytorchs(name: str, rank: int) -> None:
    x = draws(3, 2, 4, 2)[(0,) * (4 - rank)]
    with pytest.warns(UserWarning, match="Implicit dimension choice"):
        right = getattr(torch.nn.functional, name)(torch.tensor(x))
    module = {"softmax": mg.nn.Softmax, "log_softmax": mg.nn.LogSoftmax, "softmin": mg.nn.Softmin}[name]
    for call in (getattr(mg.nn.functional, name), module()):
        dim = 0 if rank in (0, 1, 3) else 1
        with pytest.warns(UserWarning, match=f"^{name}: the dim is not given, {dim} is taken; pass dim={dim}$"):
            np.testing.assert_allclose(call(mg.tensor(x)).numpy(), right.numpy(), rtol=1e-12)
    if rank:
        out = getattr(mg.nn.functional, name)(mg.tensor(x), -1, 3, mg.float32)
        assert out.dtype is mg.float32
    if name != "softmin":
        with pytest.raises(TypeError, match="dim"):
            getattr(mg, name)(mg.tensor(x))


#: What minigrad says of a tensor of PyTorch's in the place of one of its own.
STRANGERS: dict[str, Callable[[Any], Any]] = {
    "add": lambda x: mg.ones(2) + x,
    "relu": lambda x: mg.relu(x),
    "softmax": lambda x: mg.softmax(x, 0),
    "linear": lambda x: mg.nn.Linear(2, 2)(x),
    "cross_entropy": lambda x: mg.nn.functional.cross_entropy(x, mg.tensor(0)),
    "Parameter": lambda x: mg.nn.Parameter(x),
    "Buffer": lambda x: mg.nn.Buffer(x),
    "data": lambda x: setattr(mg.ones(2), "data", x),
}


@pytest.mark.parametrize("name", STRANGERS)
def test_tensors_of_another_library_are_called_so(name: str) -> None:
    for x in (torch.ones(2), torch.nn.Parameter(torch.ones(2))):
        with pytest.raises(TypeError, match=f"^{name}: .* got a tensor of another library; from_dlpack converts it"):
            STRANGERS[name](x)


def test_formats_of_tensors() -> None:
    assert f"{mg.tensor(1.25):.1f} {mg.ones(2)}" == "1.2 tensor([1., 1.])"
    with pytest.raises(TypeError, match="unsupported format string"):
        f"{mg.ones(2):.1f}"
