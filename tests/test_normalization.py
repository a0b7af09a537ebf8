"""Normalisation beside PyTorch's, and the bits that must not depend on who asks for which gradients."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import _core

SHAPES = [(5, 6), (3, 6, 4), (3, 6, 2, 5), (70, 6, 3), (66, 6, 17), (130, 6), (2, 6, 1100), (1, 6, 9)]
NORMS: dict[str, Callable[..., Any]] = {
    "batch": lambda f, x, w, b: f.batch_norm(x, None, None, w, b, True),
    "groups": lambda f, x, w, b: f.group_norm(x, 3, w, b),
    "instance": lambda f, x, w, b: f.instance_norm(x, None, None, w, b),
    "layer": lambda f, x, w, b: f.layer_norm(x.transpose(1, -1), (6,), w, b),
}


def drawn(shape: tuple[int, ...], seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal(shape)


def refused(name: str, shape: tuple[int, ...]) -> bool:
    """Return whether a channel, or a channel of a sample, has too few values."""
    return name == "instance" and len(shape) == 2


CASES = [(name, shape) for name, shape in itertools.product(NORMS, SHAPES) if not refused(name, shape)]


@pytest.mark.parametrize("affine", ["weight, bias", "weight", "bias", ""])
@pytest.mark.parametrize(("name", "shape"), CASES)
def test_pytorchs_values_and_gradients(name: str, shape: tuple[int, ...], affine: str) -> None:
    torch = pytest.importorskip("torch")
    found = []
    for lib in (mg, torch):
        x, w, b = (lib.tensor(drawn(s, i) + i).requires_grad_() for i, s in enumerate((shape, (6,), (6,))))
        arguments = [v if what in affine else None for v, what in ((w, "weight"), (b, "bias"))]
        wanted = [v for v in (x, *arguments) if v is not None]
        if affine == "bias" and lib is torch:  # whose gradients fail where there is no weight
            arguments[0] = lib.ones(6, dtype=lib.float64)
        y = NORMS[name](lib.nn.functional, x, *arguments)
        first = lib.autograd.grad((y * lib.tensor(drawn(tuple(y.shape), 3))).sum(), wanted, create_graph=True)
        second = lib.autograd.grad(sum([(g**2).sum() for g in first]), wanted, allow_unused=True)
        found.append([y, *first, *second])
    for ours, theirs in zip(*found, strict=True):
        if ours is not None and theirs is not None:
            right = theirs.detach().numpy()
            np.testing.assert_allclose(ours.detach().numpy(), right, rtol=1e-7, atol=1e-9 * max(1, np.abs(right).max()))
        else:
            assert all(v is None or not v.detach().numpy().any() for v in (ours, theirs))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
@pytest.mark.parametrize("shape", SHAPES)
def test_batch_norm_layers_beside_pytorchs(shape: tuple[int, ...], dtype: str, training: bool) -> None:
    torch = pytest.importorskip("torch")
    found = []
    for lib in (mg, torch):
        layer = getattr(lib.nn, f"BatchNorm{max(len(shape) - 2, 1)}d")(6, dtype=getattr(lib, dtype))
        with lib.no_grad():
            layer.weight.copy_(lib.tensor(drawn((6,), 1)))
            layer.bias.copy_(lib.tensor(drawn((6,), 2)))
            layer.running_var.copy_(lib.tensor(drawn((6,), 3) ** 2 + 0.5))
        layer.train(training)
        x = lib.tensor(drawn(shape), dtype=getattr(lib, dtype)).requires_grad_()
        y = layer(x)
        y.backward(lib.tensor(drawn(shape, 4), dtype=y.dtype))
        statistics = [layer.running_mean, layer.running_var]
        found.append([v.detach().numpy() for v in (y, x.grad, layer.weight.grad, layer.bias.grad, *statistics)])
    tolerance = {"float64": 1e-11, "float32": 2e-4, "float16": 3e-2}[dtype]
    for ours, theirs in zip(*found, strict=True):
        assert ours.dtype == theirs.dtype
        size = max(1.0, float(np.abs(theirs).max()))
        np.testing.assert_allclose(ours.astype(float), theirs.astype(float), rtol=tolerance, atol=tolerance * size)


def gradients(name: str, shape: tuple[int, ...], dtype: Any, frozen: str = "", turned: bool = False) -> list[Any]:
    """Return the gradients by x, weight and bias, None for those that are frozen."""
    xs = [mg.tensor(drawn(s, i).astype(dtype)) for i, s in enumerate((shape, (6,), (6,)))]
    if turned:
        axes = range(len(shape))[::-1]
        xs[0] = mg.tensor(np.ascontiguousarray(xs[0].numpy().transpose(axes))).permute(*axes)
    leaves = [x.requires_grad_(what not in frozen) for x, what in zip(xs, ("x", "weight", "bias"), strict=True)]
    y = NORMS[name](mg.nn.functional, *leaves)
    y.backward(mg.tensor(drawn(tuple(y.shape), 7).astype(dtype)))
    return [None if leaf.grad is None else leaf.grad.numpy() for leaf in leaves]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("name", "shape"), CASES)
def test_a_gradients_bits_depend_on_nothing_but_the_operands(name: str, shape: tuple[int, ...], dtype: Any) -> None:
    whole = gradients(name, shape, dtype)
    others = [gradients(name, shape, dtype, frozen) for frozen in ("weight, bias", "x, bias", "x, weight", "bias", "x")]
    for other in (*others, gradients(name, shape, dtype, turned=True)):
        for mine, right in zip(other, whole, strict=True):
            assert mine is None or mine.tobytes() == right.tobytes()


def values(name: str, shape: tuple[int, ...], dtype: Any) -> list[Any]:
    """Return what is normalised by its own moments, and by given ones."""
    x, w, b = (mg.tensor(drawn(s, i).astype(dtype)) for i, s in enumerate((shape, (6,), (6,))))
    return [v.numpy() for v in (NORMS[name](mg.nn.functional, x, w, b), mg.nn.functional.batch_norm(x, b, w * w, w, b))]


MANY_SAMPLES = [("batch", shape) for shape in ((1100, 6), (2500, 6, 2), (300, 6, 200), (260, 6, 1030))]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("name", "shape"), [*CASES, *MANY_SAMPLES])
def test_threads_change_no_bits(name: str, shape: tuple[int, ...], dtype: Any) -> None:
    found, before = [], _core.get_parallel_threshold()
    threads = mg.get_num_threads()
    _core.set_parallel_threshold(0)
    try:
        for count in (1, 2, 3):
            mg.set_num_threads(count)
            found.append([x.tobytes() for x in gradients(name, shape, dtype) + values(name, shape, dtype)])
    finally:
        mg.set_num_threads(threads)
        _core.set_parallel_threshold(before)
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize(("name", "shape"), [case for case in CASES if case[0] != "batch"])
def test_a_sample_alone_has_the_bits_of_one_in_a_batch(name: str, shape: tuple[int, ...]) -> None:
    x, w, b = (mg.tensor(drawn(s, i).astype(np.float32)) for i, s in enumerate((shape, (6,), (6,))))
    whole = NORMS[name](mg.nn.functional, x, w, b).numpy()
    for i in range(shape[0]):
        assert NORMS[name](mg.nn.functional, x[i : i + 1], w, b).numpy().tobytes() == whole[i : i + 1].tobytes()


def test_examples_of_vmap_are_those_of_a_loop() -> None:
    x, w = mg.tensor(drawn((4, 3, 6, 5))), mg.tensor(drawn((4, 6), 1))

    def loss(x: Any, w: Any, groups: int) -> Any:
        f = mg.nn.functional
        y = f.group_norm(x, groups, w, w) if groups else f.batch_norm(x, None, None, w, w, True)
        return (y**3).sum()

    for groups, dims in itertools.product((0, 1, 3), ((0, 0), (0, None))):
        gradient = mg.func.grad(loss, argnums=(0, 1))
        weight = w if dims[1] == 0 else w[0]
        together = mg.func.vmap(gradient, (*dims, None))(x, weight, groups)
        for i in range(4):
            alone = gradient(x[i], weight[i] if dims[1] == 0 else weight, groups)
            for mine, right in zip(together, alone, strict=True):
                np.testing.assert_allclose(mine[i].numpy(), right.numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda f: f.batch_norm(mg.ones(1, 3), None, None, training=True), ValueError),
        (lambda f: f.batch_norm(mg.ones(3), None, None, training=True), RuntimeError),
        (lambda f: f.batch_norm(mg.ones(2, 3), None, None), RuntimeError),
        (lambda f: f.batch_norm(mg.ones(2, 3), None, None, mg.ones(2), training=True), RuntimeError),
        (lambda f: f.batch_norm(mg.ones(2, 3), mg.ones(2), mg.ones(3), training=True), RuntimeError),
        (lambda f: f.group_norm(mg.ones(2, 3), 2), RuntimeError),
        (lambda f: f.group_norm(mg.ones(2, 4, 3), 2, mg.ones(2)), RuntimeError),
        (lambda f: f.instance_norm(mg.ones(2, 3, 1)), ValueError),
        (lambda f: f.instance_norm(mg.ones(2, 3)), ValueError),
        (lambda f: f.instance_norm(mg.ones(3)), RuntimeError),
        (lambda f: f.layer_norm(mg.ones(2, 3), (2,)), RuntimeError),
    ],
)
def test_what_does_not_fit_is_refused(call: Callable[[Any], Any], error: type[Exception]) -> None:
    with pytest.raises(error, match="norm: "):
        call(mg.nn.functional)


@pytest.mark.parametrize("shape", [(0, 3, 1, 2), (0, 3, 4), (2, 3, 0)])
@pytest.mark.parametrize("name", ["batch_norm", "instance_norm"])
def test_nothing_has_gradients_of_zeros_and_moves_no_statistics(name: str, shape: tuple[int, ...]) -> None:
    x, w, b = (mg.ones(s, requires_grad=True) for s in (shape, (3,), (3,)))
    mean, variance = mg.zeros(3), mg.ones(3)
    y = getattr(mg.nn.functional, name)(x, mean, variance, w, b, True)
    y.sum().backward()
    assert y.shape == x.grad.shape == shape
    assert w.grad.tolist() == b.grad.tolist() == mean.tolist() == [0.0] * 3
    assert variance.tolist() == [1.0] * 3
