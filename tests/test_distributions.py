"""PyTorch's package of probability distributions, which is written with PyTorch's public functions, run on minigrad.

Its modules are loaded once more under another name, with their imports of `torch` led to minigrad. What they compute is
held against the originals: densities and their derivatives of both orders and modes, moments, divergences.
"""

from __future__ import annotations

import ast
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import minigrad
import minigrad.autograd.function
from minigrad.autograd import functional

STAND_IN = "minigrad_as_torch"
FOLDER = Path(torch.distributions.__file__).parent


class Renamed(ast.NodeTransformer):
    """Lead imports of torch to the stand-in."""

    def visit_Import(self, node: ast.Import) -> Any:
        (name,) = node.names
        if name.name.split(".")[0] != "torch":
            return node
        other = name.name.replace("torch", STAND_IN, 1)
        return ast.parse(
            f"import {other} as {name.asname}" if name.asname else f"import {other}; torch = {STAND_IN}"
        ).body

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.ImportFrom:
        if node.module and node.module.split(".")[0] == "torch":
            node.module = node.module.replace("torch", STAND_IN, 1)
        return node


class Loader(importlib.abc.SourceLoader):
    """Reads a module of PyTorch's distributions."""

    def get_filename(self, fullname: str) -> str:
        name = fullname.removeprefix(f"{STAND_IN}.distributions").lstrip(".") or "__init__"
        return str(FOLDER / f"{name}.py")

    def get_data(self, path: Any) -> bytes:
        return Path(path).read_bytes()

    def source_to_code(self, data: Any, path: Any, **_: Any) -> Any:
        tree = ast.parse(data)
        tree = Renamed().visit(tree)
        return compile(ast.fix_missing_locations(tree), path, "exec", dont_inherit=True)


class Finder(importlib.abc.MetaPathFinder):
    """Finds those modules."""

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> Any:
        if not fullname.startswith(f"{STAND_IN}.distributions"):
            return None
        package = fullname.endswith(".distributions")
        spec = importlib.util.spec_from_loader(fullname, Loader(), is_package=package)
        assert spec is not None
        return spec


def stand_in() -> ModuleType:
    """Return minigrad, with what PyTorch's package asks besides that has nothing to do with tensors."""
    module = ModuleType(STAND_IN)
    module.__path__ = []
    module.__dict__.update({name: getattr(minigrad, name) for name in dir(minigrad) if not name.startswith("__")})
    module._C = SimpleNamespace(_get_tracing_state=lambda: None, _infer_size=minigrad.broadcast_shapes)
    module._is_all_true = minigrad.all
    module.SymInt = int
    parts = {
        "types": {"_Number": (int, float), "Number": float, "_size": Sequence, "_dtype": Any, "Device": Any},
        "overrides": {"is_tensor_like": minigrad.is_tensor},
        "jit": {"script_if_tracing": lambda f: f},
    }
    for name, values in parts.items():
        part = ModuleType(f"{STAND_IN}.{name}")
        part.__dict__.update(values)
        setattr(module, name, part)
        sys.modules[part.__name__] = part
    for name in ("nn", "nn.functional", "autograd", "autograd.function"):
        sys.modules[f"{STAND_IN}.{name}"] = importlib.import_module(f"minigrad.{name}")
    return module


@pytest.fixture(scope="module")
def ours() -> Any:
    """Return the package on minigrad."""
    sys.modules[STAND_IN] = stand_in()
    finder = Finder()
    sys.meta_path.insert(0, finder)
    try:
        return importlib.import_module(f"{STAND_IN}.distributions")
    finally:
        sys.meta_path.remove(finder)


def between(low: float, high: float) -> Callable[[Any, tuple[int, ...]], Any]:
    return lambda draw, shape: draw.uniform(low, high, shape)


def simplex(draw: Any, shape: tuple[int, ...]) -> Any:
    return draw.dirichlet(np.full(shape[-1], 5.0), shape[:-1])


def logits(draw: Any, shape: tuple[int, ...]) -> Any:
    return draw.standard_normal(shape)


def one_hot(draw: Any, shape: tuple[int, ...]) -> Any:
    return np.eye(shape[-1])[draw.integers(0, shape[-1], shape[:-1])]


def counts(high: int) -> Callable[[Any, tuple[int, ...]], Any]:
    return lambda draw, shape: draw.integers(0, high, shape).astype(float)


Draw = Callable[[Any, tuple[int, ...]], Any]
positive, share, real = between(0.5, 2), between(0.1, 0.9), between(-2, 2)

#: For each distribution how its parameters and values are drawn; whether the values are differentiated by.
KINDS: dict[str, tuple[dict[str, Draw], Draw, bool]] = {
    "Normal": ({"loc": real, "scale": positive}, real, True),
    "LogNormal": ({"loc": real, "scale": positive}, positive, True),
    "HalfNormal": ({"scale": positive}, positive, True),
    "Laplace": ({"loc": real, "scale": positive}, real, True),
    "Cauchy": ({"loc": real, "scale": positive}, real, True),
    "HalfCauchy": ({"scale": positive}, positive, True),
    "Gumbel": ({"loc": real, "scale": positive}, real, True),
    "Exponential": ({"rate": positive}, positive, True),
    "Pareto": ({"scale": between(0.1, 0.4), "alpha": positive}, positive, True),
    "Weibull": ({"scale": positive, "concentration": positive}, positive, True),
    "Kumaraswamy": ({"concentration1": positive, "concentration0": positive}, share, True),
    "Uniform": ({"low": between(-3, -2.5), "high": between(2.5, 3)}, real, False),
    "Bernoulli": ({"logits": logits}, counts(2), False),
    "Bernoulli of probs": ({"probs": share}, counts(2), False),
    "ContinuousBernoulli": ({"probs": between(0.1, 0.4)}, share, True),
    "Geometric": ({"probs": share}, counts(5), False),
    "Categorical": ({"logits": logits}, lambda draw, shape: draw.integers(0, shape[-1], shape[:-1]), False),
    "Categorical of probs": ({"probs": simplex}, lambda draw, shape: draw.integers(0, shape[-1], shape[:-1]), False),
    "OneHotCategorical": ({"logits": logits}, one_hot, False),
    "LogisticNormal": ({"loc": real, "scale": positive}, lambda draw, shape: simplex(draw, (*shape[:-1], 4)), True),
}
SHAPE = (2, 3)


def drawn(name: str) -> tuple[dict[str, Any], Any]:
    draw = np.random.default_rng(0)
    parameters, value, _ = KINDS[name]
    return {key: f(draw, SHAPE) for key, f in parameters.items()}, value(draw, SHAPE)


def density(lib: Any, package: Any, name: str, names: Sequence[str], value: Any) -> Callable[..., Any]:
    """Return the log-density as a function of the parameters and perhaps of the value."""

    def function(*tensors: Any) -> Any:
        at = tensors[len(names)] if len(tensors) > len(names) else lib.as_tensor(value)
        make = getattr(package, name.split(maxsplit=1)[0])
        return make(**dict(zip(names, tensors, strict=False)), validate_args=False).log_prob(at)

    return function


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", KINDS)
def test_log_prob_and_its_derivatives(ours: Any, name: str, record_totals: Callable[..., None]) -> None:
    parameters, value = drawn(name)
    arrays = [*parameters.values(), *([value] if KINDS[name][2] else [])]
    mine = density(minigrad, ours, name, list(parameters), value)
    right = density(torch, torch.distributions, name, list(parameters), value)
    xs = [minigrad.tensor(a, requires_grad=True) for a in arrays]
    ts = [torch.tensor(a, requires_grad=True) for a in arrays]
    y, z = mine(*xs), right(*ts)
    np.testing.assert_allclose(y.detach().numpy(), z.detach().numpy(), rtol=1e-12, atol=1e-13)
    g = np.random.default_rng(1).standard_normal(y.shape)
    first = minigrad.autograd.grad(y, xs, minigrad.tensor(g), create_graph=True)
    expected = torch.autograd.grad(z, ts, torch.tensor(g), create_graph=True)
    for a, b in zip(first, expected, strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-10, atol=1e-11)
    assert minigrad.autograd.gradcheck(mine, tuple(xs), check_forward_ad=True)
    assert minigrad.autograd.gradgradcheck(mine, tuple(xs))
    weights = [np.random.default_rng(2).standard_normal(a.shape) for a in arrays]
    second = functional.vhp(
        lambda *us: (mine(*us) * minigrad.tensor(g)).sum(), tuple(xs), tuple(map(minigrad.tensor, weights))
    )[1]
    twice = torch.autograd.functional.vhp(
        lambda *us: (right(*us) * torch.tensor(g)).sum(), tuple(ts), tuple(map(torch.tensor, weights))
    )[1]
    for a, b in zip(second, twice, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-9, atol=1e-10)
    counts = {"distributions": 1, "gradients": len(xs), "second derivatives": len(xs)}
    record_totals("PyTorch's probability distributions", counts)


PROPERTIES = ("mean", "variance", "stddev", "mode", "entropy")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", KINDS)
def test_moments_and_samples(ours: Any, name: str) -> None:
    parameters, value = drawn(name)
    kind = name.split(maxsplit=1)[0]
    mine = getattr(ours, kind)(**{key: minigrad.tensor(a) for key, a in parameters.items()})
    right = getattr(torch.distributions, kind)(**{key: torch.tensor(a) for key, a in parameters.items()})
    assert tuple(mine.batch_shape) == tuple(right.batch_shape)
    assert tuple(mine.event_shape) == tuple(right.event_shape)
    for wanted in (*PROPERTIES, "cdf", "icdf"):
        arguments = [value] if wanted == "cdf" else [np.full(SHAPE, 0.3)] if wanted == "icdf" else []
        try:
            expected = getattr(right, wanted)
            expected = expected(*map(torch.tensor, arguments)) if callable(expected) else expected
        except (NotImplementedError, AttributeError):
            continue
        try:
            found = getattr(mine, wanted)
            found = found(*map(minigrad.tensor, arguments)) if callable(found) else found
        except AttributeError as error:
            assert any(f"'{special}'" in str(error) for special in SPECIAL_FUNCTIONS), error  # noqa: PT017
            continue
        np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-12, atol=1e-13, err_msg=wanted)
    samples = mine.sample((4000,))
    assert samples.shape == right.sample((4000,)).shape
    if kind not in ("Cauchy", "HalfCauchy", "Pareto", "LogisticNormal", "Categorical"):
        error = np.abs(samples.numpy().mean(0) - right.mean.numpy()) / right.stddev.numpy()
        assert (error < 0.1).all() or kind == "Weibull"


#: What some of these need and is no part of minigrad.
SPECIAL_FUNCTIONS = {"lgamma", "digamma", "logit"}

DIVERGENCES = [
    "Normal",
    "Laplace",
    "Exponential",
    "Bernoulli",
    "Categorical",
    "OneHotCategorical",
    "Uniform",
    "Geometric",
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", DIVERGENCES)
def test_divergences(ours: Any, name: str) -> None:
    draw = np.random.default_rng(3)
    pairs = [{key: f(draw, SHAPE) for key, f in KINDS[name][0].items()} for _ in range(2)]
    results = []
    for lib, package in ((minigrad, ours), (torch, torch.distributions)):
        leaves = [{key: lib.tensor(a, requires_grad=True) for key, a in pair.items()} for pair in pairs]
        if name == "Uniform":
            leaves[0] = {key: x * 0.5 for key, x in leaves[0].items()}
        p, q = (getattr(package, name)(**pair) for pair in leaves)
        out = package.kl_divergence(p, q)
        own = [x for pair in leaves for x in pair.values()]
        results.append([out, *lib.autograd.grad(out.sum(), own, allow_unused=True)])
    for a, b in zip(*results, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-11, atol=1e-12)
