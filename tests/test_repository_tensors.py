"""What other repositories' tests and defect lists ask of tensors, their functions and their gradients, row by row."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import in_threads

import minigrad as mg
from minigrad import autograd
from minigrad.graph import Node
from minigrad.nn.utils.rnn import pad_sequence
from visits import visiting
from worked import gradient, leaf


def test_R6_floor_division_and_remainder() -> None:
    x = mg.tensor([5.0, -5.0, 7.5], dtype=mg.float64, requires_grad=True)
    y = mg.tensor([2.0, 3.0, -2.0], dtype=mg.float64, requires_grad=True)
    assert (x // y).tolist() == [2.0, -2.0, -4.0]
    assert not (x // y).requires_grad
    rest = x % y
    assert rest.tolist() == [1.0, 1.0, -0.5]
    dx, dy = autograd.grad(rest.sum(), [x, y])
    assert dx.tolist() == [1.0, 1.0, 1.0]
    assert dy.tolist() == [-2.0, 2.0, 4.0]
    assert (7 // mg.tensor([2, -2])).tolist() == [3, -4]
    assert (7 % mg.tensor([4, -4])).tolist() == [3, -1]


@pytest.mark.parametrize("dtype", [mg.uint8, mg.int64, mg.float32, mg.float64], ids=str)
def test_X22_floor_division_in_place(dtype: mg.dtype) -> None:
    x = mg.tensor([5, 8, 1], dtype=dtype)
    memory = x.numpy()
    x //= 2
    assert np.shares_memory(x.numpy(), memory)
    np.testing.assert_array_equal(memory, [2, 4, 0])
    x %= 3
    np.testing.assert_array_equal(memory, [2, 1, 0])


@pytest.mark.parametrize("name", ["floor", "ceil"])
def test_R9_rounding_and_its_in_place_form(name: str) -> None:
    x = mg.tensor([-1.5, 0.25, 2.0], dtype=mg.float64, requires_grad=True)
    y = getattr(x, name)()
    (dx,) = autograd.grad(y.sum(), x)
    assert dx.tolist() == [0.0, 0.0, 0.0]
    z = x * 1
    memory = z.detach().numpy()
    assert getattr(z, f"{name}_")() is z
    np.testing.assert_array_equal(memory, y.detach().numpy())
    z.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [0.0, 0.0, 0.0]


FUNCTIONS = {
    **{name: [-1.2, 0.3, 0.9] for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "atan")},
    **{name: [-0.7, 0.2, 0.9] for name in ("asin", "acos")},
    **{name: [0.4, 1.0, 7.5] for name in ("sqrt", "log", "log2", "log10")},
    "abs": [-2.0, 0.5, 3.0],
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_R9_functions_and_their_in_place_forms(name: str) -> None:
    function = getattr(mg, name)
    x = leaf(FUNCTIONS[name])
    assert autograd.gradcheck(function, x, check_forward_ad=True)
    assert autograd.gradgradcheck(function, x)
    right = getattr(np, {"asin": "arcsin", "acos": "arccos", "atan": "arctan"}.get(name, name))(x.detach().numpy())
    np.testing.assert_allclose(function(x).detach().numpy(), right, rtol=1e-15)
    y = x * 1
    memory = y.detach().numpy()
    assert getattr(y, f"{name}_")() is y
    np.testing.assert_array_equal(memory, function(x).detach().numpy())
    assert gradient(y.sum(), x) == gradient(function(x).sum(), x)


def test_R8_comparisons_build_no_graph() -> None:
    x = mg.tensor([1.0, -2.0], requires_grad=True)
    y = mg.tensor([1.0, 3.0], requires_grad=True)
    compared = [x == y, x < 0, x.greater(y), x.not_equal(1), mg.isclose(x, y), mg.logical_and(x, y), x.isnan()]
    assert not any(z.requires_grad for z in compared)
    assert mg.equal(x, x)
    assert not mg.allclose(x, y)
    assert (x == None) is False
    assert (x != "a") is True


def test_R14_where_and_clamp() -> None:
    x = mg.tensor([-2.0, -1.0, 0.5, 1.0, 3.0], dtype=mg.float64, requires_grad=True)
    for y, expected in (
        (x.clamp(-1, 1), [0.0, 1.0, 1.0, 1.0, 0.0]),
        (x.clamp(min=-1), [0.0, 1.0, 1.0, 1.0, 1.0]),
        (x.clamp(max=1), [1.0, 1.0, 1.0, 1.0, 0.0]),
        (mg.where(x > 0, x, 0.0), [0.0, 0.0, 1.0, 1.0, 1.0]),
        (x.where(x < 0, 7.0), [1.0, 1.0, 0.0, 0.0, 0.0]),
        (x.masked_fill(x > 0, 5), [1.0, 1.0, 0.0, 0.0, 0.0]),
        (mg.nn.functional.threshold(x, 0.5, 7.0), [0.0, 0.0, 0.0, 1.0, 1.0]),
    ):
        (dx,) = autograd.grad(y.sum(), x)
        assert dx.tolist() == expected


def test_R14_conditions_of_another_dtype() -> None:
    x = leaf([1.0, 2.0, 3.0])
    with pytest.warns(UserWarning, match="where: a condition of uint8 is deprecated"):
        y = mg.where(mg.tensor([1, 0, 2], dtype=mg.uint8), x, 0.0)
    assert gradient(y.sum(), x) == [1.0, 0.0, 1.0]
    for dtype in (mg.int64, mg.float32):
        with pytest.raises(TypeError, match="where: the condition must be a tensor of bool, got minigrad"):
            mg.where(mg.ones(3, dtype=dtype), x, 0.0)


def test_R15_what_was_overwritten_has_no_gradient() -> None:
    x = mg.tensor([1.0, 2.0, 3.0], dtype=mg.float64, requires_grad=True)
    value = mg.tensor(5.0, dtype=mg.float64, requires_grad=True)
    for write in (
        lambda y: y.zero_(),
        lambda y: y.uniform_(1, 2),
        lambda y: y.normal_(5, 0.1),
        lambda y: y.fill_(4),
        lambda y: y.copy_(mg.ones(3)),
        lambda y: y.fill_(value),
    ):
        y = x * 2
        write(y)
        gradients = autograd.grad((y + 0 * x).sum(), [x, value], allow_unused=True)
        assert gradients[0].tolist() == [0.0, 0.0, 0.0]
    assert gradients[1].item() == 3.0
    y = x * 2
    y.masked_fill_(mg.tensor([True, False, True]), value)
    dx, dv = autograd.grad(y.sum(), [x, value])
    assert dx.tolist() == [0.0, 2.0, 0.0]
    assert dv.item() == 2.0
    y = x * 2
    y[1:].clamp_(max=5)
    (dx,) = autograd.grad(y.sum(), x)
    assert dx.tolist() == [2.0, 2.0, 0.0]


def test_X7_clamp_with_one_bound() -> None:
    x = mg.tensor([0.5])
    assert x.clamp(max=1).tolist() == [0.5]
    assert x.clamp(min=1).tolist() == [1.0]
    assert mg.tensor([1, 5]).clamp(min=1.5).tolist() == [1.5, 5.0]
    with pytest.raises(RuntimeError, match=r"^clamp: at least one"):
        x.clamp()


def test_R13_slices_lists_and_index_select_add_their_gradients() -> None:
    x = mg.arange(12, dtype=mg.float64).reshape(3, 4).requires_grad_()
    for y, expected in (
        (x[1:, ::2], [[0, 0, 0, 0], [1, 0, 1, 0], [1, 0, 1, 0]]),
        (x[[0, 0, 2]], [[2, 2, 2, 2], [0, 0, 0, 0], [1, 1, 1, 1]]),
        (x[[0, 0], [1, 1]], [[0, 2, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]),
        (x.index_select(1, mg.tensor([3, 3, 0])), [[1, 0, 0, 2]] * 3),
        (x[x > 6], [[0, 0, 0, 0], [0, 0, 0, 1], [1, 1, 1, 1]]),
    ):
        (g,) = autograd.grad(y.sum(), [x])
        assert g.tolist() == expected


@pytest.mark.parametrize("key", [1, slice(0, 2), [0, 2], ([0, 1], [1, 1]), (Ellipsis, [0])], ids=str)
def test_R13_assignment_is_tracked(key: object) -> None:
    x = mg.arange(12, dtype=mg.float64).reshape(3, 4).requires_grad_()
    v = mg.tensor(3.0, dtype=mg.float64, requires_grad=True)
    y = x * 2
    y[key] = v * 5
    count = y[key].numel()
    dx, dv = autograd.grad(y.sum(), [x, v])
    assert dv.item() == 5 * count
    kept = np.full((3, 4), 2.0)
    kept[key] = 0
    assert dx.tolist() == kept.tolist()


def test_X9_an_array_of_indices_adds_gradients() -> None:
    x = mg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    x[np.array([0, 0, 1])].sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [2.0, 1.0, 0.0]


def test_X10_assignment_cuts_the_gradient_of_what_it_replaced() -> None:
    x = mg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = 2 * x
    y[0] = 100
    y.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [0.0, 2.0, 2.0]


def test_X11_data_overwritten_is_noticed() -> None:
    """The repository gives 10 here, and so does PyTorch; 4 would be right for what was computed."""
    x = mg.tensor([2.0], requires_grad=True)
    y = x * x
    x.data = mg.tensor([5.0])
    with pytest.raises(RuntimeError, match=r"^mul: .*changed in place"):
        y.backward()
    y = x * x
    x.data.fill_(2.0)
    with pytest.raises(RuntimeError, match=r"^mul: .*changed in place"):
        y.backward()


def test_R8_flags_and_places_build_no_graph() -> None:
    x = leaf([[0.0, 2.0], [3.0, 3.0]])
    for out, expected in (
        (x.any(dim=1), [True, True]),
        (x.all(dim=1), [False, True]),
        (x.argmax(1), [1, 0]),
        (x.argmin(1), [0, 0]),
        (x.count_nonzero(dim=0), [1, 2]),
        (x == 3, [[False, False], [True, True]]),
    ):
        assert not out.requires_grad
        assert out.tolist() == expected
    assert bool(x.any())
    assert not bool(x.all())


@pytest.mark.parametrize("axis", [None, 0, 1, -1, (0, 1), (0, 2), (2, 1, 0)], ids=str)
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("name", ["sum", "mean", "var", "amax", "amin"])
def test_R10_reductions_over_axes(name: str, axis: object, keepdims: bool) -> None:
    values = np.random.default_rng(0).standard_normal((2, 3, 4))
    x = mg.tensor(values)
    settings = {"correction": 0} if name == "var" else {}
    found = getattr(x, name)(**({} if axis is None else {"axis": axis}), keepdims=keepdims, **settings)
    right = getattr(np, name)(values, axis=axis, keepdims=keepdims)
    assert found.shape == right.shape
    np.testing.assert_allclose(found.numpy(), right, rtol=1e-13)


@pytest.mark.parametrize("shape", [(3, 3), (2, 4), (4, 1), (0, 2)], ids=str)
def test_R10_trace(shape: tuple[int, int]) -> None:
    x = leaf(np.random.default_rng(0).standard_normal(shape))
    np.testing.assert_allclose(x.trace().item(), np.trace(x.detach().numpy()), rtol=1e-15)
    assert gradient(x.trace(), x) == np.eye(*shape).tolist()


@pytest.mark.parametrize("name", ["max", "min"])
def test_R10_extrema_along_a_dim_have_values_and_indices(name: str) -> None:
    x = leaf([[1.0, 5.0, 5.0], [7.0, 2.0, 2.0]])
    result = getattr(x, name)(1)
    values, indices = result
    assert values is result.values
    assert indices is result.indices
    assert indices.tolist() == ([1, 0] if name == "max" else [0, 1])
    assert repr(getattr(mg.tensor([1, 2]), name)(0)).startswith(f"minigrad.return_types.{name}(\nvalues=tensor(")
    expected = [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]] if name == "max" else [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    assert gradient(values.sum(), x) == expected


@pytest.mark.parametrize("p", [1, 2, 3, 0.5, 0, float("inf"), float("-inf")])
@pytest.mark.parametrize("dim", [None, 0, (0, 1)], ids=str)
def test_R10_norm(p: float, dim: int | tuple[int, ...] | None) -> None:
    values = np.array([[3.0, -4.0, 1.0], [-1.0, 2.0, 0.5]])
    found = mg.tensor(values).norm(p, dim)
    axis = (0,) if dim == 0 else (0, 1)
    if abs(p) == float("inf"):
        right = getattr(np.abs(values), "max" if p > 0 else "min")(axis=axis)
    else:
        right = (values != 0).sum(axis) if p == 0 else (np.abs(values) ** p).sum(axis) ** (1 / p)
    np.testing.assert_allclose(found.numpy(), right, rtol=1e-14)


@pytest.mark.parametrize("dtype", [mg.float32, mg.float64], ids=str)
@pytest.mark.parametrize("shape", [(1, 1), (4, 7), (30, 20), (3, 5, 5), (2, 3)], ids=str)
def test_R10_norms_by_singular_values(shape: tuple[int, ...], dtype: mg.dtype) -> None:
    values = np.random.default_rng(0).standard_normal(shape)
    s = np.linalg.svd(values, compute_uv=False)
    eps = float(np.finfo(dtype.numpy).eps)
    x = mg.tensor(values, dtype=dtype)
    for order, right in (("nuc", s.sum(-1)), (2, s.max(-1)), (-2, s.min(-1))):
        found = mg.linalg.matrix_norm(x, order).numpy()
        np.testing.assert_allclose(found, right, atol=8 * eps * s.sum(-1).max(), rtol=0)
    rank_one = leaf(np.outer([1.0, 2.0, 2.0], [3.0, 4.0]))
    assert rank_one.norm("nuc").item() == pytest.approx(15)
    np.testing.assert_allclose(gradient(rank_one.norm("nuc"), rank_one), rank_one.detach().numpy() / 15, rtol=1e-14)


def test_X1_a_constant_times_the_maximum() -> None:
    x = leaf([1.0, 3.0, 2.0])
    assert gradient(3 * x.max(), x) == [0.0, 3.0, 0.0]


@pytest.mark.parametrize("shape", [(3, 3), (2, 3)])
def test_X2_a_weighted_sum_along_rows(shape: tuple[int, int]) -> None:
    x = leaf(np.arange(6.0 if shape[0] == 2 else 9.0).reshape(shape))
    w = mg.tensor([1.0, 10.0, 100.0][: shape[0]], dtype=mg.float64)
    expected = [[v] * 3 for v in w.tolist()]
    assert gradient((w * x.sum(1)).sum(), x) == expected


def test_X3_norm_of_order_1_keeps_signs() -> None:
    x = leaf([-3.0, 4.0])
    assert gradient(x.norm(1), x) == [-1.0, 1.0]


@pytest.mark.parametrize("p", [0, 0.5, 1, 1.5, 2, 3, float("inf"), float("-inf")])
def test_X3_all_derivatives_of_a_norm_are_0_at_0(p: float) -> None:
    x = leaf([0.0, -0.0, 0.0])
    derivative = x.norm(p)
    for _ in range(3):
        (derivative,) = autograd.grad(derivative.sum(), x, create_graph=True)
        assert derivative.tolist() == [0.0, 0.0, 0.0]
        if not derivative.requires_grad:
            break
    t = mg.ones_like(x)
    assert autograd.functional.jvp(lambda x: x.norm(p), x.detach(), t)[1].item() == 0


@pytest.mark.parametrize("p", [float("inf"), float("-inf")])
def test_X3_ties_of_an_infinite_norm_share_the_gradient(p: float) -> None:
    x = leaf([-3.0, 3.0, 3.0, -3.0])
    assert gradient(x.norm(p), x) == [-0.25, 0.25, 0.25, -0.25]


def test_X4_softmax_of_large_and_small_rows() -> None:
    x = mg.tensor([[1000.0, 1000.0], [0.0, 0.0]])
    assert x.softmax(1).tolist() == [[0.5, 0.5], [0.5, 0.5]]


def test_X26_mean_over_two_axes_and_powers_of_0() -> None:
    x = mg.ones(2, 3, 4)
    assert x.mean(axis=(0, 1)).tolist() == [1.0] * 4
    zero = leaf([0.0])
    assert gradient(zero**0, zero) == [0.0]


def test_R11_changes_of_shape_and_their_ways_back() -> None:
    for f in (
        lambda x: x.reshape(3, 2),
        lambda x: x.flatten(),
        lambda x: x.unsqueeze(1).squeeze(1),
        lambda x: x.transpose(0, 1),
        lambda x: x.swapaxes(0, 1),
        lambda x: x.T,
        lambda x: x.flip(0),
    ):
        x = mg.arange(6.0, dtype=mg.float64).reshape(2, 3).requires_grad_()
        y = f(x)
        (back,) = autograd.grad(y, x, y.detach().clone())
        assert back.tolist() == x.tolist()
    (g,) = autograd.grad(x.repeat(2, 3).sum(), x)
    assert g.tolist() == [[6.0] * 3] * 2


def test_R12_gradients_of_joined_and_split_tensors_are_slices() -> None:
    x = mg.arange(6.0, requires_grad=True)
    y = mg.ones(6, requires_grad=True)
    v = mg.arange(12.0)
    assert [g.tolist() for g in autograd.grad(mg.cat([x, y]), [x, y], v)] == [v[:6].tolist(), v[6:].tolist()]
    v = v.reshape(2, 6)
    assert [g.tolist() for g in autograd.grad(mg.stack([x, y]), [x, y], v)] == v.tolist()
    first, _, last = x.split(2)
    assert autograd.grad([first, last], x, [v[0, :2], v[1, 4:]])[0].tolist() == [0, 1, 0, 0, 10, 11]
    assert autograd.grad(x.reshape(3, 2).unbind(1)[1].sum(), x)[0].tolist() == [0, 1, 0, 1, 0, 1]


def test_X8_weighted_cat() -> None:
    x = mg.tensor([[1.0, 2.0]], requires_grad=True)
    y = mg.tensor([[3.0, 4.0], [5.0, 6.0]], requires_grad=True)
    weight = mg.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    (mg.cat([x, y]) * weight).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [[1, 2]]
    assert y.grad is not None
    assert y.grad.tolist() == [[3, 4], [5, 6]]


def test_X13_float64_stays_float64() -> None:
    x = mg.ones(2, 3, dtype=mg.float64, requires_grad=True)
    for y in (x.reshape(3, 2), x.sum(), x @ x.T, mg.cat([x, x]), x.repeat(2, 1), x.tril()):
        assert y.dtype is mg.float64
        assert autograd.grad(y.sum(), x)[0].dtype is mg.float64


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("side", ["left", "right"])
def test_R12_pad_sequence(batch_first: bool, side: str) -> None:
    torch = pytest.importorskip("torch")
    arrays = [np.random.default_rng(n).normal(size=(n, 2)) for n in (3, 1, 0, 2)]
    ours = [mg.tensor(a, requires_grad=True) for a in arrays]
    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
    got = pad_sequence(ours, batch_first, -1.0, side)
    expected = torch.nn.utils.rnn.pad_sequence(theirs, batch_first, -1.0, side)
    np.testing.assert_array_equal(got.detach().numpy(), expected.detach().numpy())
    (got * got).sum().backward()
    for a, x in zip(arrays, ours, strict=True):
        np.testing.assert_array_equal(x.grad.numpy(), 2 * a)
    with pytest.raises(RuntimeError, match="at least one"):
        pad_sequence([])


@pytest.mark.parametrize("requires_grad", [False, True])
@pytest.mark.parametrize("dtype", [mg.float16, mg.float32, mg.float64], ids=str)
def test_R1_making_tensors(dtype: mg.dtype, requires_grad: bool) -> None:
    asked = {"dtype": dtype, "requires_grad": requires_grad}
    like = mg.tensor([[1, 2, 3]])
    for made, values in (
        (mg.tensor([[1, 2], [3, 4]], **asked), [[1, 2], [3, 4]]),
        (mg.zeros(2, 3, **asked), [[0, 0, 0]] * 2),
        (mg.ones((2,), **asked), [1, 1]),
        (mg.zeros_like(like, **asked), [[0, 0, 0]]),
        (mg.ones_like(like, **asked), [[1, 1, 1]]),
        (mg.eye(2, 3, **asked), [[1, 0, 0], [0, 1, 0]]),
        (mg.arange(1, 7, 2, **asked), [1, 3, 5]),
    ):
        assert made.tolist() == values
        assert (made.dtype, made.requires_grad, made.is_leaf) == (dtype, requires_grad, True)
    assert mg.zeros_like(like).dtype is mg.ones_like(like).dtype is mg.arange(3).dtype is mg.int64
    assert mg.eye(2).dtype is mg.arange(3.0).dtype is mg.float32
    assert mg.nn.functional.one_hot(mg.tensor([2, 0]), 4).tolist() == [[0, 0, 1, 0], [1, 0, 0, 0]]
    assert (mg.e, mg.pi, mg.inf) == (np.e, np.pi, np.inf)


CASTS = {"half": "float16", "float": "float32", "double": "float64", "char": "int8", "short": "int16", "int": "int32"}


@pytest.mark.parametrize(("name", "dtype"), [*CASTS.items(), ("long", "int64"), ("byte", "uint8"), ("bool", "bool")])
def test_R2_casts(name: str, dtype: str) -> None:
    for source in (mg.float16, mg.float32, mg.float64, mg.int8, mg.int16, mg.int32, mg.int64, mg.uint8, mg.bool):
        y = getattr(mg.tensor([0, 1], dtype=source), name)()
        assert y.dtype is getattr(mg, dtype)
        assert y.tolist() == [0, 1]
    if y.is_floating_point():
        assert mg.zeros(2, dtype=y.dtype, requires_grad=True).requires_grad
    else:
        with pytest.raises(RuntimeError, match="float"):
            mg.zeros(2, dtype=y.dtype, requires_grad=True)


def test_R2_casts_between_floats_are_differentiable() -> None:
    x = leaf([1.5, -2.0])
    for y in (x.half(), x.float(), x.to(mg.float32).double()):
        assert gradient(y.sum(), x) == [1.0, 1.0]
    for y in (x.char(), x.short(), x.int(), x.long(), x.bool()):
        assert not y.requires_grad
    with pytest.raises(RuntimeError):
        mg.tensor([1, 2], requires_grad=True)


def test_R3_what_tensors_tell() -> None:
    x = mg.ones(3, requires_grad=True)
    y = 2 * x
    y.retain_grad()
    assert (x.is_leaf, y.is_leaf, x.grad_fn, y.grad_fn is None) == (True, False, None, False)
    assert (x.retains_grad, y.retains_grad) == (False, True)
    y.sum().backward()
    assert x.grad is not None
    assert y.grad is not None
    assert (y.grad.tolist(), x.grad.tolist()) == ([1, 1, 1], [2, 2, 2])
    z = mg.arange(6.0).reshape(2, 3)
    assert (z.shape, z.size(), z.size(1), z.ndim, z.dim()) == ((2, 3), (2, 3), 3, 2, 2)
    assert (z.stride(), z.T.stride(), z.T.shape) == ((3, 1), (1, 3), (3, 2))
    assert z.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert (z[1, 2].item(), type(z[1, 2].item())) == (5.0, float)
    assert np.shares_memory(z.numpy(), z.detach().numpy())
    assert repr(z) == "tensor([[0., 1., 2.],\n        [3., 4., 5.]])"
    assert repr(y) == "tensor([2., 2., 2.], grad_fn=<MulBackward>)"
    assert z.requires_grad_() is z
    assert z.requires_grad
    assert not z.requires_grad_(False).requires_grad
    detached = y.detach()
    assert (detached.requires_grad, detached.grad_fn, np.shares_memory(detached.numpy(), y.detach().numpy())) == (
        False,
        None,
        True,
    )
    with pytest.raises(RuntimeError, match="detach"):
        y.numpy()


def test_R4_a_backward_pass_is_linear_in_the_graph() -> None:
    for layers in (10, 20, 40):
        x = y = leaf(1.0)
        for _ in range(layers):
            y = (y + x) * 0.5 + y.sin()
        visits: list[Node] = []
        with visiting(visits.append):
            y.backward()
        assert len(visits) == 4 * layers


@pytest.mark.parametrize("shapes", [((2, 3), (3,)), ((3,), (2, 1))], ids=str)
def test_R5_arithmetic_and_its_reflected_forms(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    rng = np.random.default_rng(0)
    x, y = (leaf(rng.uniform(0.5, 2, shape)) for shape in shapes)
    for f in (lambda x, y: x + y, lambda x, y: x - y, lambda x, y: x * y, lambda x, y: x / y, lambda x, y: x**y):
        assert autograd.gradcheck(f, (x, y))
    for f in (lambda x: 2 + x, lambda x: 2 - x, lambda x: 2 * x, lambda x: 2 / x, lambda x: 2**x):
        assert autograd.gradcheck(f, (x,))


def test_R7_in_place_operators() -> None:
    x = leaf([1.0, 2.0])
    with pytest.raises(RuntimeError, match="leaf"):
        x += 1
    y = x * 3
    y += 1
    y *= 2
    y -= x
    y /= 5
    assert y.tolist() == [1.4, 2.4]
    np.testing.assert_allclose(gradient(y.sum(), x), [1.0, 1.0], rtol=1e-15)
    y = x * 3
    y **= 2
    y %= 5
    y //= 2
    assert y.tolist() == [2.0, 0.0]


def test_R8_orders_and_places() -> None:
    x = leaf([3.0, 0.0, 2.0])
    for out, expected in ((x.argsort(), [1, 2, 0]), (mg.argwhere(x), [[0], [2]])):
        assert not out.requires_grad
        assert out.tolist() == expected


def test_R13_sort_and_diagonals() -> None:
    x = leaf([3.0, 1.0, 2.0])
    values, indices = x.sort()
    assert indices.tolist() == [1, 2, 0]
    weight = mg.tensor([1.0, 10.0, 100.0], dtype=mg.float64)
    assert gradient((values * weight).sum(), x) == [100.0, 1.0, 10.0]
    assert gradient((x.diag(1).diagonal(1) * weight).sum(), x) == [1.0, 10.0, 100.0]


def test_R16_products() -> None:
    a, b, v = leaf(np.arange(6.0).reshape(2, 3)), leaf(np.arange(12.0).reshape(3, 4)), leaf([1.0, -2.0, 0.5])
    assert autograd.gradcheck(mg.matmul, (a, b))
    assert autograd.gradcheck(mg.outer, (v, v))
    assert autograd.gradcheck(mg.nn.functional.linear, (v, a))


def test_R4_no_grad_nests_and_counts_for_its_thread() -> None:
    @mg.no_grad()
    def unrecorded() -> bool:
        with mg.enable_grad():
            assert mg.is_grad_enabled()
        return mg.is_grad_enabled()

    with mg.no_grad():
        with mg.no_grad():
            pass
        assert not mg.is_grad_enabled()
        assert in_threads(mg.is_grad_enabled) == [True]
    assert not unrecorded()
    assert mg.is_grad_enabled()
    x = mg.ones(2, requires_grad=True)
    (x * 3).backward(mg.tensor([1.0, 2.0]))
    assert x.grad is not None
    assert x.grad.tolist() == [3.0, 6.0]


DRAWS = {
    "rand": lambda: mg.rand(50),
    "uniform_": lambda: mg.zeros(50).uniform_(-1, 1),
    "randn": lambda: mg.randn(50),
    "normal": lambda: mg.normal(mg.zeros(50), 2.0),
    "normal_": lambda: mg.zeros(50).normal_(3.0, 2.0),
    "randint": lambda: mg.randint(-3, 3, (50,)),
    "randperm": lambda: mg.randperm(50),
    "cauchy_": lambda: mg.zeros(50).cauchy_(1.0, 2.0),
    "geometric_": lambda: mg.zeros(50, dtype=mg.int64).geometric_(0.3),
    "bernoulli": lambda: mg.full((50,), 0.5).bernoulli(),
    "multinomial": lambda: mg.ones(50).multinomial(20),
    "rand_like": lambda: mg.rand_like(mg.ones(50)),
    "randn_like": lambda: mg.randn_like(mg.ones(50, dtype=mg.float64)),
    "randint_like": lambda: mg.randint_like(mg.ones(50), 9),
}


@pytest.mark.parametrize("name", DRAWS)
def test_R17_a_seed_replays(name: str) -> None:
    mg.manual_seed(7)
    first, second = DRAWS[name](), DRAWS[name]()
    mg.manual_seed(7)
    assert DRAWS[name]().tolist() == first.tolist() != second.tolist()
    assert DRAWS[name]().tolist() == second.tolist()


def test_R17_ranges() -> None:
    mg.manual_seed(1)
    u = mg.zeros(2000).uniform_(-1, 3)
    assert (-1 <= u.min().item() < -0.9, 2.9 < u.max().item() < 3) == (True, True)
    assert set(mg.randint(2, 5, (100,)).tolist()) == {2, 3, 4}
    z = mg.normal(5.0, 2.0, (4000,))
    assert abs(z.mean().item() - 5) < 0.15
    assert abs(z.std().item() - 2) < 0.1
    assert mg.rand_like(mg.ones(2, 3, dtype=mg.float64)).dtype is mg.float64
    assert mg.initial_seed() == 1
    c = mg.zeros(4001, dtype=mg.float64).cauchy_(3.0, 2.0).sort().values
    assert abs(c[2000].item() - 3) < 0.2
    assert abs((c[3000] - c[1000]).item() / 2 - 2) < 0.2  # half the quartiles' distance is sigma
    trials = mg.zeros(4000, dtype=mg.int32).geometric_(0.25)
    assert trials.min().item() == 1
    assert abs(trials.double().mean().item() - 4) < 0.2


@pytest.mark.parametrize(
    "name",
    [
        "argsort",
        "cumprod",
        "cumsum",
        "log_softmax",
        "softmax",
        "sort",
        "squeeze",
        "unsqueeze",
        "topk",
        "unbind",
        "chunk",
        "kthvalue",
        "median",
        "diff",
    ],
)
def test_R10_axis_is_dim(name: str) -> None:
    x = mg.tensor(np.random.default_rng(0).standard_normal((3, 4)))
    number = {"topk": [2], "chunk": [2], "kthvalue": [2]}.get(name, [])
    by_axis, by_dim = (getattr(mg, name)(x, *number, **{word: 1}) for word in ("axis", "dim"))
    for a, b in zip(*(y if isinstance(y, tuple) else (y,) for y in (by_axis, by_dim)), strict=True):
        assert a.equal(b)
    assert mg.cat([x, x], axis=1).shape == (3, 8)
    assert mg.stack([x, x], axis=2).shape == (3, 4, 2)


@pytest.mark.parametrize("name", ["prod", "cumsum", "cumprod", "expand", "permute", "gather"])
def test_R38_operations_that_were_absent(name: str) -> None:
    x = mg.rand(2, 3, dtype=mg.float64).requires_grad_()
    arguments = {"expand": (4, 2, 3), "permute": ((1, 0),), "gather": (1, mg.tensor([[2, 0], [1, 1]])), "prod": ()}
    function = getattr(mg.Tensor, name)
    assert autograd.gradcheck(lambda x: function(x, *arguments.get(name, (1,))), x)
