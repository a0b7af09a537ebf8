"""Every primitive, on every row of the table: its record, its value, its derivatives in both modes and orders, its bits."""

from __future__ import annotations

import copy
import inspect
import itertools
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import FLOATS, PROMISED, layouts, output_layouts, same_bits, with_threads

import minigrad
from cases import CASES, FLOAT64, PRIVATE, Array, Case
from minigrad import _core, primitive
from minigrad.autograd import functional, grad, gradcheck, gradgradcheck
from minigrad.primitive import Primitive, registry
from minigrad.tensor import Tensor, wrap

ROOT = Path(__file__).resolve().parent.parent

KEY, OFFSET, VECTOR = np.array(3), np.array(5), np.array([0.5, -1.0, 2.0])
#: What optimisers take: parameters, gradients, what is remembered; a count of steps.
LISTS, STEP = ([VECTOR], [VECTOR + 1], [VECTOR * 0], [VECTOR * 0]), np.zeros(())

#: Kernels that no primitive names: what has no gradient, and parts of primitives that are more than their kernel. With
#: arguments; what stands in lists is written in place.
HELPERS: dict[str, tuple[Any, ...]] = {
    "uniform": (KEY, OFFSET, (3, 4), FLOAT64),
    "normal": (KEY, OFFSET, (3, 4), FLOAT64),
    "randint": (KEY, OFFSET, -2, 5, (3, 4)),
    "permutation": (KEY, OFFSET, 9),
    "full": (0.5, (3, 4), FLOAT64),
    "ramp": (-1.0, 0.5, 0.3, (6,), FLOAT64, 3),
    "triangle_indices": (4, 6, -1, True),
    "cube": (np.array([[-1.5, 2.0], [0.25, -3.0]]),),
    "inverse_square": (np.array([[-1.5, 2.0], [0.25, -3.0]]),),
    "cat": ((VECTOR, VECTOR), 0, False),
    "unstride": (VECTOR, (4, 4), 1, (5,)),
    "fold": (np.ones((3, 2)), 0, 7, 2),
    "sgd": ([VECTOR], [VECTOR + 1], [VECTOR * 0], 0.1, 0.9, 0.0, 0.01, False, False),
    "adam": (*LISTS, [VECTOR * 0], [STEP], 0.1, 0.9, 0.999, 1e-8, 0.01, False, False),
    "nadam": (*LISTS, [STEP], [np.asarray(STEP + 1)], 0.1, 0.9, 0.999, 1e-8, 0.01, 4e-3, False, False),
    "radam": (*LISTS, [STEP], 0.1, 0.9, 0.999, 1e-8, 0.01, False, False),
    "adamax": (*LISTS, [STEP], 0.1, 0.9, 0.999, 1e-8, 0.01, False),
    "adagrad": (*LISTS[:3], [STEP], 0.1, 0.1, 1e-8, 0.01, False),
    "adadelta": (*LISTS, [STEP], 0.1, 0.9, 1e-6, 0.01, False),
    "rmsprop": (*LISTS, [VECTOR * 0], [STEP], 0.1, 0.9, 1e-8, 0.01, 0.9, False),
    "rprop": (*LISTS, [STEP], 0.5, 1.2, 1e-6, 50.0, False),
    "nonzero": (VECTOR, 3),
    "searchsorted": (np.array([-1.0, 0.5, 0.5, 3.0]), VECTOR, True),
    "sort_rows": (np.array([[2.0, 1.0], [1.0, 3.0], [1.0, 2.0], [2.0, 1.0]]),),
    "run_numbers": (np.array([[1.0], [1.0], [2.0], [1.0]]),),
    "run_count": (np.array([[1.0], [1.0], [2.0], [1.0]]),),
    "runs": (np.array([[1.0], [1.0], [2.0], [1.0]]), 3, True, True),
    "bincount": (np.array([2, 0, 2, 5]), 7),
    "unslice": (VECTOR, (8,), (1,), (2,)),
    "linear_index": ([np.array([1, -1]), np.array([[0], [-2]])], (3, 2)),
    "standardize_sums": (np.outer(VECTOR, VECTOR), np.diag(VECTOR), VECTOR, VECTOR**2 + 1, 1e-5, 0, True),
    "standardize_grads": (np.outer(VECTOR, VECTOR), np.diag(VECTOR), VECTOR + 2, VECTOR, VECTOR**2 + 1, 1e-5, 0, True),
}


def over(*, name: str = "case", where: Callable[[Case], bool] = lambda _: True) -> pytest.MarkDecorator:
    """Run a test for each row of the table that `where` accepts."""
    rows = [case for case in CASES if where(case)]
    assert rows
    return pytest.mark.parametrize(name, rows, ids=[case.name for case in rows])


def is_kernel(p: Primitive) -> bool:
    return isinstance(p.run, _core.Kernel)


def has_gradient(case: Case) -> bool:
    return bool(case.differentiated(case.operands()))


def several(out: Any) -> tuple[Any, ...]:
    return out if isinstance(out, tuple) else (out,)


def plain(x: Any) -> Any:
    """Return a tensor's array, whether or not the tensor is part of a graph; anything else as it is."""
    return x._array if isinstance(x, Tensor) else x


def tensors(case: Case, operands: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the operands as tensors, those that gradients are wanted of as leaves."""
    wanted = case.differentiated(operands)
    wrapped = [wrap(x) if isinstance(x, np.ndarray) else x for x in operands]
    return tuple(x.requires_grad_() if i in wanted else x for i, x in enumerate(wrapped))


def cotangent_of(y: Array) -> Array:
    return np.random.default_rng(1).uniform(0.5, 1.5, y.shape).astype(y.dtype)


# ---- Completeness ----------------------------------------------------------------------------------------------------

RELATIONS = {primitive.ONE_TO_ONE, primitive.ONE_TO_MANY, primitive.MANY_TO_ONE, primitive.MANY_TO_MANY}
STRUCTURES = {primitive.ELEMENTWISE, primitive.LINEAR, primitive.MULTILINEAR, None}


def find_gaps(p: Primitive, rows: list[Case]) -> list[str]:
    """Tell what a primitive lacks."""
    public = getattr(minigrad, p.name, None) or getattr(minigrad.nn.functional, p.name, None)
    lacks = {
        "a case": not rows,
        "a large case": is_kernel(p) and not any(case.large for case in rows),
        "a smooth case": p.differentiable and not any(case.smooth and not case.large for case in rows),
        "an equation": not p.equation.strip(),
        "a source": not p.source.strip(),
        "one of the four relations": p.relation not in RELATIONS,
        "a known structure": p.structure not in STRUCTURES,
        "a way for tangents": p.differentiable and p.structure is None and not any(p.jvp),
        "a docstring": inspect.isfunction(public) and not (public.__doc__ or "").strip(),
    }
    return [what for what, missing in lacks.items() if missing]


@pytest.mark.parametrize("name", registry)
def test_primitive_is_complete(name: str) -> None:
    assert find_gaps(registry[name], [case for case in CASES if case.primitive == name]) == []


def test_gaps_are_found() -> None:
    with temporary("bare", equation=" ", source="", relation="many", vjp={"x": lambda g: g}) as p:
        assert find_gaps(p, []) == [
            "a case", "a smooth case", "an equation", "a source", "one of the four relations", "a way for tangents"
        ]  # fmt: skip


def test_every_case_has_a_primitive_and_a_name_of_its_own() -> None:
    assert {case.primitive for case in CASES} <= registry.keys()
    assert len({case.name for case in CASES}) == len(CASES)


def kernels_of_primitives() -> set[str]:
    named = {p.run.name for p in registry.values() if is_kernel(p)}
    return named | {"cast"}  # the differentiable cast knows its source's dtype besides


@pytest.mark.parametrize("name", _core.kernels)
def test_kernel_is_used(name: str) -> None:
    assert (name in kernels_of_primitives()) != (name in HELPERS)


@pytest.mark.parametrize("name", HELPERS)
def test_helper_has_a_reference(name: str) -> None:
    """Those of the primitives' kernels are run on every row of the table."""
    found = []
    for run in (_core.kernels[name], _core.kernels[name].reference):
        arguments = copy.deepcopy(HELPERS[name])
        out = run(*arguments)
        written = [x for part in arguments if isinstance(part, list) for x in part]
        found.append(written if out is None else [*several(out), *written])
    assert len(found[0]) == len(found[1]) > 0
    for mine, right in zip(*found, strict=True):
        assert_near(mine, right)


def benchmarked_kernels() -> set[str]:
    source = (ROOT / "benchmarks" / "cpp" / "bench_kernels.cpp").read_text()
    table = source[source.index("elementwise_rows()") : source.index("all_rows()")]
    return set(re.findall(r'"(\w+)"', table))


@pytest.mark.parametrize("name", _core.kernels)
def test_kernel_has_a_benchmark(name: str) -> None:
    if not (ROOT / "benchmarks").is_dir():
        pytest.skip("the benchmarks are not part of this copy")
    kernel = _core.kernels[name]
    assert name in benchmarked_kernels() or (kernel.types in ("T", "TT") and not kernel.attributes)


# ---- Values ----------------------------------------------------------------------------------------------------------


def expected_value(case: Case, operands: tuple[Any, ...]) -> tuple[Any, ...]:
    """Compute a row naively."""
    if case.expected is not None:
        with np.errstate(all="ignore"):
            return several(case.expected(*operands, *case.attributes))
    assert is_kernel(case.record), f"{case.name}: a primitive without kernel needs an expected value"
    return several(case.record.run.reference(*operands, *case.attributes, *case.record.constants))


def assert_near(found: Any, expected: Array, ulp: float = 4, terms: Array | None = None) -> None:
    """Check that all elements agree to so many ulp of the largest one, or exactly where they are no floats.

    An element can be a small difference of large terms, so that its own ulp would say nothing. Where all elements are,
    `terms` has what the magnitudes of their terms add up to.
    """
    found = plain(found)
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    if found.dtype.kind != "f":
        np.testing.assert_array_equal(found, expected)
        return
    finite = np.abs((expected if terms is None else terms)[np.isfinite(expected)])
    eps = ulp * float(np.finfo(found.dtype).eps)
    np.testing.assert_allclose(found, expected, rtol=eps, atol=eps * float(finite.max(initial=0)))


@pytest.mark.parametrize("dtype", FLOATS)
@over()
def test_value(case: Case, dtype: type) -> None:
    operands = case.operands(dtype)
    outputs = several(case.record.run(*operands, *case.attributes, *case.record.constants))
    expected = expected_value(case, operands)
    assert len(outputs) == len(expected) == len(case.record.outputs)
    for out, right in zip(outputs, expected, strict=True):
        terms = None if case.terms is None else case.terms(*operands, *case.attributes)
        assert_near(out, right, 64 if case.large else 4, terms)


@over(where=lambda case: not case.large)
def test_tensors_and_arrays_give_the_same(case: Case) -> None:
    operands = case.operands()
    of_arrays = several(case.record.eager(*operands, *case.attributes))
    of_tensors = several(case.record.eager(*tensors(case, operands), *case.attributes))
    assert len(of_tensors) == case.record.returned
    for x, t in zip(of_arrays, of_tensors, strict=True):
        assert isinstance(t, Tensor)
        assert same_bits(x, plain(t))


# ---- Other operands --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "number", [np.float64(1.5), np.float32(1.5), np.int64(2), np.int32(2), np.bool_(True)], ids=repr
)
@pytest.mark.parametrize("dtype", [minigrad.float32, minigrad.float64], ids=str)
def test_numpy_numbers_are_numbers(number: Any, dtype: Any) -> None:
    """They leave the dtype of a float tensor alone, as Python's own do."""
    x = minigrad.tensor([1.0, 2.0], dtype=dtype)
    for y in (x * number, number * x, minigrad.mul(x, number)):
        assert y.dtype is dtype
        assert y.tolist() == [float(number), 2 * float(number)]


def test_numpy_numbers_promote_integers() -> None:
    y = minigrad.tensor([1, 2]) * np.float64(1.5)
    assert y.dtype is minigrad.float32
    assert y.tolist() == [1.5, 3.0]


@pytest.mark.parametrize("operand", [1.5, 2, True, np.float64(1.5), "1", None, [1.0]], ids=repr)
@pytest.mark.parametrize("name", ["relu", "exp", "sum", "softmax"])
def test_what_is_no_tensor_raises_a_type_error(name: str, operand: Any) -> None:
    with pytest.raises(TypeError, match=name):
        getattr(minigrad, name)(operand, *([0] if name == "softmax" else []))


# ---- PyTorch ---------------------------------------------------------------------------------------------------------


def public_function(case: Case) -> Callable[..., Any] | None:
    """Return what computes the row, given a library and operands and attributes."""
    if case.public is not None:
        return None if case.public is PRIVATE else case.public
    name = case.primitive
    return (lambda lib, *args: getattr(lib, name)(*args)) if hasattr(minigrad, name) else None


@pytest.mark.parametrize("dtype", FLOATS)
@over(where=lambda case: public_function(case) is not None)
def test_public_function_against_pytorch(case: Case, dtype: type) -> None:
    torch = pytest.importorskip("torch")
    function = public_function(case)
    assert function is not None
    ours, theirs = case.operands(dtype), case.operands(dtype)
    xs = tensors(case, ours)
    ts = [torch.from_numpy(x) if isinstance(x, np.ndarray) else x for x in theirs]
    wanted = case.differentiated(ours)
    for i in wanted:
        ts[i].requires_grad_()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        y, right = several(function(minigrad, *xs, *case.attributes)), several(function(torch, *ts, *case.attributes))
    for mine, other in zip(y, right, strict=True):
        assert_near(mine, other.detach().numpy(), 64 if case.large else 4)
    if not wanted:
        return
    g = cotangent_of(plain(y[0]))
    found = grad(y[0], [xs[i] for i in wanted], wrap(g), allow_unused=True)
    expected = torch.autograd.grad(right[0], [ts[i] for i in wanted], torch.from_numpy(g), allow_unused=True)
    for mine, other in zip(found, expected, strict=True):
        assert (mine is None) == (other is None)
        if mine is not None:
            assert_near(mine, other.numpy(), 256 if case.large else 8)


#: Of x^y, PyTorch's ∂y∂x is 0 at y = 0, where its own ∂x∂y is 1/x, as it should be.
#: Its second derivative of binary cross-entropy adds 1e-12 to denominators, which its first one does not.
#: Its second derivative of softsign cancels far from 0.
WRONG_IN_PYTORCH = {"pow-zero to the zero", "softsign-special"} | {
    case.name for case in CASES if case.primitive == "binary_cross_entropy"
}


@over(
    where=lambda case: (
        public_function(case) is not None
        and not case.large
        and has_gradient(case)
        and case.name not in WRONG_IN_PYTORCH
    )
)
def test_second_order_against_pytorch(case: Case) -> None:
    """At kinks and zeros too, where finite differences say nothing."""
    torch = pytest.importorskip("torch")
    function = public_function(case)
    assert function is not None
    operands = case.operands()
    wanted = case.differentiated(operands)
    xs, ts = tensors(case, operands), [torch.from_numpy(x) if isinstance(x, np.ndarray) else x for x in operands]
    for i in wanted:
        ts[i].requires_grad_()
    found = twice(grad, wrap, several(function(minigrad, *xs, *case.attributes))[0], [xs[i] for i in wanted])
    expected = twice(
        torch.autograd.grad,
        torch.from_numpy,
        several(function(torch, *ts, *case.attributes))[0],
        [ts[i] for i in wanted],
    )
    for mine, other in zip(found, expected, strict=True):
        # What the one does not depend on, the other may say to have the derivative 0.
        shape = next((x.shape for x in (mine, other) if x is not None), ())
        left = np.zeros(shape) if mine is None else plain(mine)
        right = np.zeros(shape) if other is None else other.numpy(force=True)
        known = ~np.isnan(right)  # PyTorch's second derivatives of powers of 0 are not
        assert_near(left[known], right[known], 64)


def twice(grad: Any, wrap: Any, y: Any, xs: list[Any]) -> list[Any]:
    """Return the gradient of the sum of the gradients of y."""
    v = wrap(cotangent_of(np.empty(tuple(y.shape))))
    first = [g for g in grad(y, xs, v, create_graph=True, allow_unused=True) if g is not None and g.requires_grad]
    if not first:
        return [None] * len(xs)
    # Where the gradients add up to the same at every point, equal cotangents would leave nothing but rounding errors.
    cotangents = [wrap(np.asarray((i + 1) * cotangent_of(np.empty(tuple(g.shape))))) for i, g in enumerate(first)]
    return list(grad(first, xs, cotangents, allow_unused=True))


# ---- Derivatives -----------------------------------------------------------------------------------------------------

SMOOTH = over(where=lambda case: case.smooth and not case.large and has_gradient(case))
SMALL = over(where=lambda case: not case.large and has_gradient(case))


def of_tensors(case: Case) -> Callable[..., Any]:
    return lambda *xs: case.record.eager(*xs, *case.attributes)


@SMOOTH
def test_both_modes_equal_finite_differences(case: Case) -> None:
    assert gradcheck(of_tensors(case), tensors(case, case.operands()), check_forward_ad=True)


@SMOOTH
def test_second_order_equals_finite_differences(case: Case) -> None:
    assert gradgradcheck(of_tensors(case), tensors(case, case.operands()), check_fwd_over_rev=True)


@SMALL
def test_jvp_is_the_vjp_of_the_vjp(case: Case) -> None:
    """vᵀ J is linear in v, and its derivative by v, applied to t, is J t: at kinks and infinities too."""
    function, xs = case.function(case.operands())
    draw = np.random.default_rng(2)
    ts = tuple(wrap(np.asarray(draw.uniform(0.5, 1.5, plain(x).shape))) for x in xs)
    y, pushed = functional.jvp(function, xs, ts)
    v = wrap(np.zeros_like(plain(y))).requires_grad_()
    leaves = tuple(x.detach().requires_grad_() for x in xs)
    pulled = grad(function(*leaves), leaves, v, create_graph=True, allow_unused=True)
    live = [(g, t) for g, t in zip(pulled, ts, strict=True) if g is not None and g.requires_grad]
    twice = grad([g for g, _ in live], v, [t for _, t in live], allow_unused=True)[0] if live else None
    expected = np.zeros_like(plain(y)) if twice is None else plain(twice)
    defined = ~np.isnan(plain(y))  # the mean of nothing has no derivative
    np.testing.assert_allclose(plain(pushed)[defined], expected[defined], rtol=1e-12, atol=1e-13)


#: Where a fused kernel mixes a NaN of its own with cotangents: the variance of one element, parts of infinities.
NAN_OF_ITS_OWN = {"var_mean-one element", "part-infinite"}


@SMALL
def test_a_cotangent_of_0_gives_0_in_the_inputs_shape(case: Case) -> None:
    """At infinite derivatives too: a branch that was not taken leaks no NaN."""
    function, xs = case.function(case.operands())
    y = plain(function(*xs))
    for x, g in zip(xs, functional.vjp(function, xs, wrap(np.zeros_like(y)))[1], strict=True):
        assert plain(g).shape == plain(x).shape
        assert plain(g).dtype == plain(x).dtype
        assert not np.any(plain(g)[np.isfinite(plain(g))] if case.name in NAN_OF_ITS_OWN else plain(g))


@over(where=has_gradient)
def test_float32_derivatives_are_near_those_in_float64(case: Case) -> None:
    found = {}
    for dtype in FLOATS:
        function, xs = case.function(case.operands(dtype))
        y = plain(function(*xs))
        found[dtype] = functional.vjp(function, xs, wrap(cotangent_of(y)))[1]
    for single, double in zip(found[np.float32], found[np.float64], strict=True):
        if case.primitive == "cast":
            continue  # the attributes name the other dtype
        assert plain(single).dtype == np.float32
        np.testing.assert_allclose(plain(single), plain(double), rtol=2e-3, atol=2e-3)


# ---- Bits ------------------------------------------------------------------------------------------------------------


def results(case: Case, operands: tuple[Any, ...], run: Callable[..., Any] | None = None) -> list[Array]:
    """Return the outputs and, run by the primitive itself, what the derivatives are for a fixed cotangent."""
    outputs = list(several((run or case.record.run)(*operands, *case.attributes, *case.record.constants)))
    if run is None and case.differentiated(operands):
        function, xs = case.function(operands)
        outputs += [plain(g) for g in functional.vjp(function, xs, wrap(cotangent_of(plain(function(*xs)))))[1]]
    return outputs


def assert_same_bits(found: list[Array], expected: list[Array]) -> None:
    assert len(found) == len(expected)
    for out, right in zip(found, expected, strict=True):
        assert same_bits(np.array(out, order="C"), np.array(right, order="C"))


@pytest.mark.parametrize("dtype", FLOATS)
@over()
def test_bits_do_not_depend_on_threads(case: Case, dtype: type) -> None:
    operands = case.operands(dtype)
    with with_threads(1):
        expected = results(case, operands)
    for threads in (2, 3, 8):
        with with_threads(threads):
            assert_same_bits(results(case, operands), expected)


@pytest.mark.parametrize("dtype", FLOATS)
@over(where=lambda case: is_kernel(case.record))
def test_bits_do_not_depend_on_the_instruction_set(case: Case, dtype: type) -> None:
    operands = case.operands(dtype)
    if len(PROMISED) < 2:
        pytest.skip("this machine runs one instruction set with promised bits")
    expected, *others = [results(case, operands, kernels[case.record.run.name]) for kernels in PROMISED]
    for found in others:
        assert_same_bits(found, expected)


@over(where=lambda case: not case.large)
def test_bits_do_not_depend_on_the_layout(case: Case) -> None:
    operands = case.operands()
    expected = results(case, operands)
    arrays = [i for i, x in enumerate(operands) if isinstance(x, np.ndarray)]
    for laid in itertools.zip_longest(*[layouts(operands[i]) for i in arrays]):
        given = list(operands)
        for i, x in zip(arrays, laid, strict=True):
            given[i] = operands[i] if x is None else x
        assert_same_bits(results(case, tuple(given)), expected)


@over(where=lambda case: is_kernel(case.record) and len(case.record.outputs) == 1 and not case.large)
def test_kernels_write_results_of_any_layout(case: Case) -> None:
    kernel, operands = case.record.run, case.operands()
    expected = kernel(*operands, *case.attributes, *case.record.constants)
    for out, surroundings in output_layouts(expected):
        kernel.into(out, *operands, *case.attributes, *case.record.constants)
        assert surroundings.is_intact()
        assert same_bits(np.array(out, order="C"), expected)


# ---- Rules are written with primitives -------------------------------------------------------------------------------


class OperatorUsedError(Exception):
    """A rule used an operator, a method or a function of NumPy's."""


#: What a rule may ask an array without computing, and what Python itself needs of any object.
ALLOWED = {"shape", "ndim", "dtype", "size", "__new__", "__doc__", "__array_finalize__", "__hash__"}


def refuse(name: str) -> Any:
    def used(*_: Any, **__: Any) -> Any:
        raise OperatorUsedError(name)

    is_function = callable(vars(np.ndarray)[name])
    return used if is_function else property(used)


def refuse_function(_: Any, function: Any, *__: Any, **___: Any) -> Any:
    raise OperatorUsedError(function)


#: An array that kernels read like any other, while whoever computes with it in Python gets an error.
Guarded: Any = type(
    "Guarded",
    (np.ndarray,),
    {name: refuse(name) for name in vars(np.ndarray) if name not in ALLOWED}
    | {"__array_ufunc__": refuse_function, "__array_function__": refuse_function},
)


def guard(x: Any) -> Any:
    if isinstance(x, tuple):
        return tuple(guard(one) for one in x)
    return np.ndarray.view(x, Guarded) if isinstance(x, np.ndarray) else x


def unguard(x: Any) -> Any:
    if isinstance(x, tuple):
        return tuple(unguard(one) for one in x)
    return np.ndarray.view(x, np.ndarray) if isinstance(x, np.ndarray) else x


@contextmanager
def guarded_primitives() -> Iterator[None]:
    """Make every primitive return guarded arrays, so that what a rule computes with other results is seen as well."""
    calls = [p.eager for p in registry.values()]
    runs = [call.run for call in calls]

    inside = False

    def guarded(run: Callable[..., Any]) -> Callable[..., Any]:
        # What runs a primitive may compute as it likes, with other primitives too.
        def call(*args: Any) -> Any:
            nonlocal inside
            outermost, inside = not inside, True
            try:
                out = run(*unguard(args))
            finally:
                inside = not outermost
            return guard(out) if outermost else out

        return call

    for call, run in zip(calls, runs, strict=True):
        call.run = guarded(run)
    try:
        yield
    finally:
        for call, run in zip(calls, runs, strict=True):
            call.run = run


def run_rules(
    p: Primitive, operands: tuple[Any, ...], attributes: tuple[Any, ...], wanted: list[int], *, guarded: bool
) -> list[Any]:
    """Run the rules of the operands `wanted` on arrays and return their results."""
    outputs = several(p.run(*operands, *attributes, *p.constants))
    values = (*operands, *outputs, *attributes, *[getattr(x, "shape", ()) for x in operands])  # as p.slots names them
    g = tuple(cotangent_of(y) if y.dtype.kind == "f" else None for y in outputs)
    results = []
    with guarded_primitives() if guarded else nullcontext():
        cover = guard if guarded else unguard
        for i in wanted:
            for rule, seed in ((p.vjp[i], g if len(g) > 1 else g[0]), (p.jvp[i], operands[i])):
                if rule is not None:
                    function, reads = rule
                    results.append(unguard(function(cover(seed), *[cover(values[slot]) for slot in reads])))
            shape = np.shape(operands[i])
            if p.vjp_summed[i] is not None and shape != outputs[0].shape:
                function, reads = p.vjp_summed[i]
                results.append(unguard(function(cover(g[0]), shape, *[cover(values[slot]) for slot in reads])))
    return results


@SMALL
def test_rules_use_primitives_only(case: Case) -> None:
    operands = case.operands()
    wanted = case.differentiated(operands)
    expected = run_rules(case.record, operands, case.attributes, wanted, guarded=False)
    found = run_rules(case.record, operands, case.attributes, wanted, guarded=True)
    assert expected
    for out, right in zip(found, expected, strict=True):
        for one, other in zip(several(out), several(right), strict=True):
            assert (one is None) == (other is None)
            assert one is None or same_bits(np.array(one, order="C"), np.array(other, order="C"))


@over(where=lambda case: any(case.record.vjp_summed))
def test_summing_rules_give_what_the_sweep_sums(case: Case) -> None:
    operands, p = case.operands(), case.record
    out = p.run(*operands, *case.attributes)
    values = (*operands, out, *case.attributes)
    for i in case.differentiated(operands):
        g, shape = cotangent_of(out), np.shape(operands[i])
        if p.vjp_summed[i] is None or shape == g.shape:
            continue
        (plain, reads), (summing, needs) = p.vjp[i], p.vjp_summed[i]
        sum_to = registry["sum_to"].run
        expected = sum_to(plain(g, *[values[slot] for slot in reads]), shape)
        found = sum_to(summing(g, shape, *[values[slot] for slot in needs]), shape)
        np.testing.assert_allclose(
            found, expected, rtol=1e-12, atol=1e-12 * np.abs(expected).max(initial=0, where=np.isfinite(expected))
        )


@contextmanager
def temporary(name: str, **record: Any) -> Iterator[Primitive]:
    """Make a primitive of one or two inputs for as long as the block runs."""
    settings: dict[str, Any] = {
        "run": lambda x: np.array(x),
        "inputs": ("x",),
        "equation": "out = x",
        "source": "a test",
        "relation": primitive.ONE_TO_ONE,
    }
    p = Primitive(name, **(settings | record))
    try:
        yield p
    finally:
        del registry[name]


mul = registry["mul"].eager

WRONG_RULES: dict[str, Callable[..., Any]] = {
    "an operator": lambda g, x: g * x,
    "an operator on a result": lambda g, x: mul(g, x) * 2,
    "a number times a result": lambda g, x: 2 * mul(g, x),
    "a sign": lambda g: -g,
    "a power": lambda g, x: x**2,
    "in place": lambda g, x: g.__iadd__(x),
    "a matrix product": lambda g, x: g @ x,
    "a comparison": lambda g, x: mul(g, x > 0),
    "a method": lambda g: g.sum(),
    "a method of a result": lambda g, x: mul(g, x).reshape(-1),
    "an attribute that computes": lambda g: g.T,
    "an index": lambda g: g[0],
    "a function of NumPy": lambda g: np.sum(g),
    "a universal function": lambda g, x: np.multiply(g, x),
    "iteration": lambda g: list(g),
    "the truth": lambda g: g if x_is_true(g) else None,
}


def x_is_true(x: Any) -> bool:
    return bool(x)


@pytest.mark.parametrize("rule", WRONG_RULES.values(), ids=WRONG_RULES.keys())
def test_guard_finds_rules_that_use_anything_else(rule: Callable[..., Any]) -> None:
    x = (np.array([2.0]),)
    with temporary("wrong", vjp={"x": rule}) as p:
        run_rules(p, x, (), [0], guarded=False)
        with pytest.raises(OperatorUsedError):
            run_rules(p, x, (), [0], guarded=True)


def test_guard_lets_primitives_pass() -> None:
    with temporary("right", vjp={"x": lambda g, x: mul(mul(x, x), 2.0)}) as p:
        assert run_rules(p, (np.array([2.0, 3.0]),), (), [0], guarded=True)[0].tolist() == [8.0, 18.0]


# ---- What is kept ----------------------------------------------------------------------------------------------------


def arrays_needed(p: Primitive, needing: tuple[int, ...]) -> set[str]:
    """Name the inputs and outputs that the rules of the inputs `needing` a gradient read."""
    names: set[str] = set()
    for i in needing:
        for rule in (p.vjp[i], p.jvp[i]):
            own = getattr(rule and rule[0], "primitive", None)
            read = own.inputs if own else [*inspect.signature(rule[0]).parameters] if rule else ()
            names |= set(read[1:])
        if p.structure in (primitive.LINEAR, primitive.MULTILINEAR):  # a tangent takes this input's place
            names |= set(p.inputs) - {p.inputs[i]}
    return names & {*p.inputs, *p.outputs}


def arrays_kept(y: Tensor) -> set[str]:
    node = y.grad_fn
    assert node is not None
    assert node.saved is not None
    return {slot for slot, x in zip(node.primitive.slots, node.saved, strict=True) if isinstance(x, np.ndarray)}


@over(where=lambda case: not case.large and has_gradient(case))
def test_only_what_rules_read_is_kept(case: Case) -> None:
    operands = case.operands()
    wanted = case.differentiated(operands)
    for count in range(1, len(wanted) + 1):
        for needing in itertools.combinations(wanted, count):
            given = [wrap(x) if isinstance(x, np.ndarray) else x for x in operands]
            for i in needing:
                given[i].requires_grad_()
            y = several(case.record.eager(*given, *case.attributes))[0]
            arrays = {n for n, x in zip(case.record.inputs, operands, strict=True) if isinstance(x, np.ndarray)}
            assert arrays_kept(y) == arrays_needed(case.record, needing) & (arrays | set(case.record.outputs))


KEPT = [
    ("add", (0, 1), set()),
    ("sub", (0, 1), set()),
    ("mul", (0, 1), {"x", "y"}),
    ("mul", (0,), {"y"}),
    ("mul", (1,), {"x"}),
    ("div", (0,), {"y"}),
    ("div", (0, 1), {"y", "out"}),
    ("exp", (0,), {"out"}),
    ("log", (0,), {"x"}),
    ("sin", (0,), {"x"}),
    ("tanh", (0,), {"out"}),
    ("sigmoid", (0,), {"out"}),
    ("relu", (0,), {"out"}),
    ("sqrt", (0,), {"out"}),
    ("where", (1, 2), {"condition"}),
    ("sum", (0,), set()),
    ("mean", (0,), set()),
    ("cumsum", (0,), set()),
    ("matmul", (0,), {"b"}),
    ("matmul", (1,), {"a"}),
    ("linear", (0, 1, 2), {"x", "w"}),
    ("linear", (0, 2), {"w"}),
    ("linear", (1, 2), {"x"}),
    ("linear", (2,), set()),
    ("softmax", (0,), {"out"}),
    ("log_softmax", (0,), {"out"}),
    ("cross_entropy", (0,), {"probabilities", "target"}),
    ("gather", (0,), {"index"}),
    ("max_with_index", (0,), {"indices"}),
    ("reshape", (0,), set()),
    ("permute", (0,), set()),
    ("expand", (0,), set()),
    ("index", (0,), set()),
]


@pytest.mark.parametrize(("name", "needing", "kept"), KEPT)
def test_kept_arrays_are_the_known_ones(name: str, needing: tuple[int, ...], kept: set[str]) -> None:
    case = next(case for case in CASES if case.primitive == name and case.variant not in ("no dims", "empty"))
    given = [wrap(x) if isinstance(x, np.ndarray) else x for x in case.operands()]
    for i in needing:
        given[i].requires_grad_()
    y = several(case.record.eager(*given, *case.attributes))[0]
    assert arrays_kept(y) == kept


def test_a_number_costs_nothing_to_keep() -> None:
    x = minigrad.ones(3, requires_grad=True)
    assert arrays_kept(x * 2.0) == set()
    assert arrays_kept(x + 2.0) == set()
    assert arrays_kept(x**2) == {"x"}


def test_nothing_is_recorded_without_need() -> None:
    x = minigrad.ones(3)
    assert (x * x).grad_fn is None
    with minigrad.no_grad():
        assert (minigrad.ones(3, requires_grad=True) * x).grad_fn is None
