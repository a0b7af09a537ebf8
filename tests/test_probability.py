"""`minigrad.distributions` beside PyTorch's: densities, moments, divergences, draws, refusals."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
import minigrad.distributions as md

torch = pytest.importorskip("torch")
import torch.distributions as td

RNG = np.random.default_rng(0)
LOC, SCALE, SHARE = RNG.standard_normal((2, 3)), RNG.uniform(0.5, 2, (2, 3)), RNG.uniform(0.1, 0.9, (2, 3))
LOGITS = RNG.standard_normal((2, 4))
PROBS = np.exp(LOGITS) / np.exp(LOGITS).sum(1, keepdims=True)
REAL, POSITIVE = RNG.standard_normal((5, 2, 3)), RNG.uniform(0.1, 2, (5, 2, 3))
BITS, CLASSES, COUNTS = (
    RNG.integers(0, 2, (5, 2, 3)) * 1.0,
    RNG.integers(0, 4, (5, 2)),
    RNG.integers(0, 5, (5, 2, 3)) * 1.0,
)
HOT = np.eye(4)[CLASSES]


def squashed(d: Any, loc: Any, scale: Any) -> Any:
    affine = d.transforms.AffineTransform(0.5, 2.0)
    return d.TransformedDistribution(d.Normal(loc, scale), [d.transforms.TanhTransform(), affine])


#: How each is made of a package and its parameters, these, and values.
KINDS: dict[str, tuple[Callable[..., Any], tuple[Any, ...], Any]] = {
    "Normal": (lambda d, a, b: d.Normal(a, b), (LOC, SCALE), REAL),
    "Laplace": (lambda d, a, b: d.Laplace(a, b), (LOC, SCALE), REAL),
    "Gumbel": (lambda d, a, b: d.Gumbel(a, b), (LOC, SCALE), REAL),
    "Cauchy": (lambda d, a, b: d.Cauchy(a, b), (LOC, SCALE), REAL),
    "HalfNormal": (lambda d, b: d.HalfNormal(b), (SCALE,), POSITIVE),
    "HalfCauchy": (lambda d, b: d.HalfCauchy(b), (SCALE,), POSITIVE),
    "Exponential": (lambda d, b: d.Exponential(b), (SCALE,), POSITIVE),
    "Pareto": (lambda d, b, p: d.Pareto(b, p + 6), (SCALE, SHARE), POSITIVE + SCALE.max()),
    "Pareto without moments": (lambda d, b, p: d.Pareto(b, p), (SCALE, SHARE), POSITIVE + SCALE.max()),
    "Weibull": (lambda d, b, p: d.Weibull(b, p + 1.1), (SCALE, SHARE), POSITIVE),
    "LogNormal": (lambda d, a, b: d.LogNormal(a, b), (LOC, SCALE), POSITIVE),
    "Uniform": (lambda d, a, b: d.Uniform(a - 5, a + 5 + b), (LOC, SCALE), REAL),
    "Bernoulli": (lambda d, p: d.Bernoulli(p), (SHARE,), BITS),
    "Bernoulli of logits": (lambda d, a: d.Bernoulli(logits=a), (LOC,), BITS),
    "Geometric": (lambda d, p: d.Geometric(p), (SHARE,), COUNTS),
    "Geometric of logits": (lambda d, a: d.Geometric(logits=a), (LOC,), COUNTS),
    "Categorical": (lambda d, p: d.Categorical(p), (PROBS * 3,), CLASSES),
    "Categorical of logits": (lambda d, a: d.Categorical(logits=a), (LOGITS,), CLASSES),
    "OneHotCategorical": (lambda d, p: d.OneHotCategorical(p), (PROBS,), HOT),
    "OneHotCategorical of logits": (lambda d, a: d.OneHotCategorical(logits=a), (LOGITS,), HOT),
    "OneHotCategoricalStraightThrough": (lambda d, p: d.OneHotCategoricalStraightThrough(p), (PROBS,), HOT),
    "Independent": (lambda d, a, b: d.Independent(d.Normal(a, b), 1), (LOC, SCALE), REAL),
    "Independent of all": (lambda d, p: d.Independent(d.Bernoulli(p), 2), (SHARE,), BITS),
    "TransformedDistribution": (squashed, (LOC, SCALE), RNG.uniform(-1, 2, (5, 2, 3))),
    "SigmoidTransform": (
        lambda d, a, b: d.TransformedDistribution(d.Normal(a, b), d.transforms.SigmoidTransform()),
        (LOC, SCALE),
        RNG.uniform(0.1, 0.9, (5, 2, 3)),
    ),
    "ComposeTransform": (
        lambda d, a, b: d.TransformedDistribution(
            d.Independent(d.Normal(a, b), 1),
            d.transforms.ComposeTransform([d.transforms.AffineTransform(1.0, -2.0), d.transforms.ExpTransform()]),
        ),
        (LOC, SCALE),
        POSITIVE,
    ),
    "MixtureSameFamily": (
        lambda d, p, a, b: d.MixtureSameFamily(d.Categorical(p[:, :3]), d.Normal(a, b)),
        (PROBS, LOC, SCALE),
        REAL[..., 0],
    ),
    "MixtureSameFamily of vectors": (
        lambda d, p, a, b: d.MixtureSameFamily(d.Categorical(p[0, :2]), d.Independent(d.Normal(a, b), 1)),
        (PROBS, LOC, SCALE),
        REAL[:, 0],
    ),
}
QUESTIONS = ("mean", "variance", "stddev", "mode", "probs", "logits", "loc", "scale", "batch_shape", "event_shape")


def both(name: str, grad: bool = True) -> tuple[Any, Any, list[Any], list[Any]]:
    make, arrays, _ = KINDS[name]
    xs = [mg.tensor(a, requires_grad=grad) for a in arrays]
    ts = [torch.tensor(a, requires_grad=grad) for a in arrays]
    return make(md, *xs), make(td, *ts), xs, ts


def same(ours: Any, theirs: Any) -> None:
    np.testing.assert_allclose(np.asarray(ours.detach()), theirs.detach().numpy(), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", KINDS)
def test_log_prob_and_gradient(name: str) -> None:
    ours, theirs, xs, ts = both(name)
    value = KINDS[name][2]
    y, z = ours.log_prob(mg.tensor(value)), theirs.log_prob(torch.tensor(value))
    same(y, z)
    g = RNG.standard_normal(z.shape)
    for a, b in zip(
        mg.autograd.grad(y, xs, mg.tensor(g), allow_unused=True, materialize_grads=True),
        torch.autograd.grad(z, ts, torch.tensor(g), allow_unused=True, materialize_grads=True),
        strict=True,
    ):
        same(a, b)


@pytest.mark.parametrize("name", KINDS)
def test_what_is_known_of_it(name: str) -> None:
    ours, theirs, _, _ = both(name, grad=False)
    for question in QUESTIONS:
        if name == "Weibull" and question in ("mean", "variance", "stddev"):
            with pytest.raises(NotImplementedError, match="Weibull: has no"):
                getattr(ours, question)
            continue
        try:
            wanted = getattr(theirs, question)
        except (NotImplementedError, AttributeError):
            continue
        got = getattr(ours, question)
        same(got, wanted) if isinstance(wanted, torch.Tensor) else np.testing.assert_equal(tuple(got), tuple(wanted))
    for question in ("entropy", "perplexity", "enumerate_support"):
        try:
            wanted = getattr(theirs, question)()
        except NotImplementedError:
            continue
        same(getattr(ours, question)(), wanted)
    assert ours.has_rsample == theirs.has_rsample


@pytest.mark.parametrize("name", KINDS)
def test_distribution_functions(name: str) -> None:
    ours, theirs, _, _ = both(name, grad=False)
    value = KINDS[name][2]
    try:
        wanted = theirs.cdf(torch.tensor(value))
    except NotImplementedError:
        return
    if "Transform" in name:
        return  # where a transform falls, PyTorch turns the sides
    same(ours.cdf(mg.tensor(value)), wanted)
    if type(ours).icdf is not md.Distribution.icdf:
        same(ours.icdf(wanted_tensor(wanted)), torch.tensor(value).expand(wanted.shape))


def wanted_tensor(x: Any) -> Any:
    return mg.tensor(x.numpy())


@pytest.mark.parametrize("name", KINDS)
def test_draws(name: str) -> None:
    ours, theirs, xs, _ = both(name)
    mg.manual_seed(0)
    for sample_shape in [(), (3,), (2, 0)]:
        drawn = ours.sample(sample_shape)
        assert tuple(drawn.shape) == (*sample_shape, *theirs.sample().shape)
        assert not drawn.requires_grad
        assert str(drawn.dtype).split(".")[1] == str(theirs.sample().dtype).split(".")[1]
    if ours.has_rsample:
        assert all(g is not None for g in mg.autograd.grad(ours.rsample((4,)).sum(), xs))
    else:
        with pytest.raises(NotImplementedError, match="has no rsample"):
            ours.rsample()
    many = np.asarray(ours.sample((20000,)), dtype=float)
    try:
        mean, variance = (np.asarray(x.detach()) for x in (ours.mean, ours.variance))
    except NotImplementedError:
        return
    if np.isfinite(mean).all() and np.isfinite(variance).all():
        np.testing.assert_allclose(many.mean(0), mean, atol=float(6 * np.sqrt(variance.max() / 20000)))
        if name != "LogNormal":  # whose fourth moment is too large
            np.testing.assert_allclose(many.var(0), variance, rtol=0.15)


@pytest.mark.parametrize("name", KINDS)
def test_expanded_copied_pickled(name: str) -> None:
    ours, theirs, _, _ = both(name, grad=False)
    batch = (4, *ours.batch_shape)
    value = KINDS[name][2]
    wide = ours.expand(batch)
    assert tuple(wide.batch_shape) == batch == tuple(theirs.expand(batch).batch_shape)
    same(wide.log_prob(mg.tensor(value[:1])), theirs.expand(batch).log_prob(torch.tensor(value[:1])))
    assert tuple(wide.sample().shape) == tuple(theirs.expand(batch).sample().shape)
    for other in (copy.deepcopy(ours), pickle.loads(pickle.dumps(ours))):
        same(other.log_prob(mg.tensor(value)), theirs.log_prob(torch.tensor(value)))


WITHOUT_RULE = {"Gumbel", "HalfCauchy", "Pareto", "Weibull", "MixtureSameFamily", "ComposeTransform"}
DIVERGENCES = [name for name in KINDS if name.split()[0] not in WITHOUT_RULE]


@pytest.mark.parametrize("name", DIVERGENCES)
def test_divergences(name: str) -> None:
    make, arrays, _ = KINDS[name]
    other = [a * 0.8 + 0.1 if name.startswith("Uniform") else a[::-1] * 0.9 + 0.05 for a in arrays]
    if "OneHot" in name and "logits" not in name:
        other = [PROBS[::-1].copy()]
    xs = [mg.tensor(a, requires_grad=True) for a in arrays]
    ts = [torch.tensor(a, requires_grad=True) for a in arrays]
    y = md.kl_divergence(make(md, *xs), make(md, *[mg.tensor(a) for a in other]))
    z = td.kl_divergence(make(td, *ts), make(td, *[torch.tensor(np.ascontiguousarray(a)) for a in other]))
    same(y, z)
    if np.isfinite(z.detach().numpy()).all():
        for a, b in zip(mg.autograd.grad(y.sum(), xs), torch.autograd.grad(z.sum(), ts), strict=True):
            same(a, b)


TWO_KINDS = [(p, "Normal") for p in ("Exponential", "Gumbel", "Laplace", "Uniform")]
TWO_KINDS += [(p, q) for p in ("Gumbel", "Laplace", "Normal") for q in ("Exponential", "Uniform")]
TWO_KINDS += [
    ("Normal", "Laplace"),
    ("Exponential", "Uniform"),
    ("Uniform", "Exponential"),
    ("Uniform below 0", "Exponential"),
]


@pytest.mark.parametrize(("p", "q"), TWO_KINDS)
def test_divergences_of_two_kinds(p: str, q: str) -> None:
    numbers = {
        "Uniform": ([0.5, 1.0], [2.5, 1.5]),
        "Uniform below 0": ([-0.5, -1.0], [2.5, 1.5]),
        "Exponential": ([0.7, 2.0],),
    }
    usual = ([0.3, -1.5], [1.2, 0.4])
    results = []
    for lib, package in ((mg, md), (torch, td)):
        xs, ys = (
            [lib.tensor(a, dtype=lib.float64, requires_grad=True) for a in numbers.get(kind, usual)] for kind in (p, q)
        )
        out = package.kl_divergence(getattr(package, p.split(maxsplit=1)[0])(*xs), getattr(package, q)(*ys))
        wanted = [x for x in (*xs, *ys) if np.isfinite(out.tolist()).all()]
        results.append([out, *(lib.autograd.grad(out.sum(), wanted) if wanted else ())])
    for ours, theirs in zip(*results, strict=True):
        same(ours, theirs)


def test_impossible_values_make_divergences_infinite() -> None:
    certain, open_ = md.Bernoulli(mg.tensor([0.0, 1.0])), md.Bernoulli(mg.tensor([0.5, 0.5]))
    assert md.kl_divergence(open_, certain).tolist() == [math.inf, math.inf]
    assert md.kl_divergence(certain, open_).tolist() == pytest.approx([math.log(2)] * 2)
    p, q = md.Categorical(mg.tensor([0.5, 0.5])), md.Categorical(mg.tensor([1.0, 0.0]))
    assert md.kl_divergence(p, q).item() == math.inf
    assert md.kl_divergence(q, p).item() == pytest.approx(math.log(2), rel=1e-6)


def test_a_transform_remembers_what_it_was_given() -> None:
    tanh = md.TanhTransform(cache_size=1)
    d = md.TransformedDistribution(md.Normal(mg.tensor([20.0]), mg.ones(1)), [tanh])
    action = d.rsample()
    assert action.item() == 1  # atanh alone could not undo this
    assert mg.isfinite(d.log_prob(action)).all()


def test_transforms_are_equal_where_they_are_one_function() -> None:
    class Power(md.Transform):
        """Of an exponent, about which nobody else knows."""

    loc, zeros, ones = mg.tensor([0.5, -0.5]), mg.zeros(2), mg.ones(2)
    affine = md.AffineTransform(loc, ones)
    assert affine == md.AffineTransform(loc.clone(), ones.clone())
    assert hash(affine) == hash(md.AffineTransform(loc.clone(), ones.clone()))
    assert affine != md.AffineTransform(zeros, ones)
    assert affine != md.AffineTransform(mg.zeros(3), 1.0)
    assert affine != md.AffineTransform(loc, ones, event_dim=1)
    assert affine.inv == md.AffineTransform(loc.clone(), ones).inv != affine
    assert md.ComposeTransform([affine, md.ExpTransform()]) == md.ComposeTransform([affine, md.ExpTransform()])
    assert md.ComposeTransform([affine]) != md.ComposeTransform([affine, affine])
    assert md.TanhTransform() == md.TanhTransform() != md.ExpTransform()
    own = Power()
    assert own == own != Power()  # noqa: PLR0124

    def transformed(mean: Any, transform: Any) -> Any:
        return md.TransformedDistribution(md.Normal(mean, ones), transform)

    p, q = transformed(zeros, affine), transformed(ones, md.AffineTransform(loc.clone(), ones))
    assert md.kl_divergence(p, q).tolist() == md.kl_divergence(md.Normal(zeros, ones), md.Normal(ones, ones)).tolist()
    with pytest.raises(NotImplementedError, match="in different ways"):
        md.kl_divergence(p, transformed(ones, md.AffineTransform(zeros, ones)))
    with pytest.raises(NotImplementedError, match="in different ways"):
        md.kl_divergence(transformed(zeros, own), transformed(ones, Power()))


def test_own_transform_and_rule() -> None:
    class Square(md.Transform):
        domain = codomain = md.constraints.positive

        def _call(self, x: Any) -> Any:
            return x * x

        def _inverse(self, y: Any) -> Any:
            return y.sqrt()

        def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
            return (2 * x).log()

    d = md.TransformedDistribution(md.Exponential(mg.tensor(1.0)), Square())
    assert d.log_prob(mg.tensor(4.0)).item() == pytest.approx(-2 - math.log(4))

    class Mine(md.Normal):
        pass

    @md.register_kl(Mine, Mine)
    def rule(p: Any, q: Any) -> Any:
        return mg.tensor(7.0)

    mine = Mine(0.0, 1.0)
    assert md.kl_divergence(mine, mine).item() == 7
    assert md.kl_divergence(mine, md.Normal(0.0, 1.0)).item() == 0


@pytest.mark.parametrize(
    "call",
    [
        lambda d: d.Normal(0.0, 1.0),
        lambda d: d.Normal(lib(d).zeros(2, 3), lib(d).ones(2, 3)),
        lambda d: d.Categorical(lib(d).ones(2, 3)),
        lambda d: d.Independent(d.Normal(lib(d).zeros(2), lib(d).ones(2)), 1),
        lambda d: d.Exponential(2.0),
    ],
)
def test_texts(call: Callable[[Any], Any]) -> None:
    ours, theirs = repr(call(md)), repr(call(td))
    # PyTorch shows what was computed meanwhile as well.
    assert ours.replace("minigrad.", "torch.") == theirs.replace(", logits: torch.Size([2, 3])", "")


def lib(package: Any) -> Any:
    return mg if package is md else torch


REFUSED: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "scale": (lambda: md.Normal(0.0, -1.0), ValueError, r"Normal: scale must be positive, got a tensor .* with -1"),
    "NaN": (lambda: md.Normal(mg.tensor([1.0, math.nan]), 1.0), ValueError, "Normal: loc must be a number, not NaN"),
    "probs": (lambda: md.Bernoulli(1.5), ValueError, "Bernoulli: probs must be between 0 and 1"),
    "both": (lambda: md.Categorical(mg.ones(2), mg.ones(2)), ValueError, "give either probs or logits, and not both"),
    "neither": (lambda: md.Bernoulli(), ValueError, "Bernoulli: give either probs or logits, and not both"),
    "number": (lambda: md.Categorical(0.5), ValueError, "Categorical: needs at least one dimension"),
    "negative": (
        lambda: md.Categorical(mg.tensor([-1.0, 2.0])),
        ValueError,
        "Categorical: probs must be probabilities",
    ),
    "ends": (lambda: md.Uniform(1.0, 0.0), ValueError, "Uniform: low must be less than high"),
    "value": (
        lambda: md.Categorical(mg.ones(3)).log_prob(mg.tensor(3)),
        ValueError,
        "Categorical: the value must be a whole number from 0 to 2, got a tensor of shape .* with 3",
    ),
    "shape": (
        lambda: md.Normal(mg.zeros(3), 1.0).log_prob(mg.zeros(2)),
        ValueError,
        r"Normal: a value of shape \(2,\) does not broadcast with \(3,\)",
    ),
    "no tensor": (
        lambda: md.Normal(0.0, 1.0).log_prob(0.0),
        ValueError,
        "Normal: the value must be a tensor, got float",
    ),
    "dimensions": (lambda: md.Independent(md.Normal(0.0, 1.0), 1), ValueError, r"a batch of shape \(\) has no 1 dim"),
    "components": (
        lambda: md.MixtureSameFamily(md.Categorical(mg.ones(2)), md.Normal(mg.zeros(3), 1.0)),
        ValueError,
        r"2 probabilities for components of shape \(3,\)",
    ),
    "cache": (lambda: md.TanhTransform(cache_size=2), ValueError, "TanhTransform: cache_size must be 0 or 1, got 2"),
    "icdf": (lambda: md.Bernoulli(0.5).icdf(mg.tensor(0.5)), NotImplementedError, "Bernoulli: has no icdf"),
    "divergence": (
        lambda: md.kl_divergence(md.Normal(0.0, 1.0), md.Bernoulli(0.5)),
        NotImplementedError,
        "there is no rule for Normal and Bernoulli",
    ),
    "transforms": (
        lambda: md.kl_divergence(
            md.TransformedDistribution(md.Normal(0.0, 1.0), md.AffineTransform(0.0, 1.0)),
            md.TransformedDistribution(md.Normal(0.0, 1.0), md.AffineTransform(0.0, 2.0)),
        ),
        NotImplementedError,
        "transformed in different ways",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    call, kind, message = REFUSED[name]
    with pytest.raises(kind, match=message):
        call()


def test_unchecked() -> None:
    assert md.Normal(0.0, -1.0, validate_args=False).scale.item() == -1
    md.Distribution.set_default_validate_args(False)
    try:
        assert md.Bernoulli(1.5).probs.item() == 1.5
    finally:
        md.Distribution.set_default_validate_args(True)
    assert md.Bernoulli(0.5, validate_args=False).log_prob(mg.tensor(0.5)).item() == pytest.approx(math.log(0.5))


RELAXED: dict[str, tuple[Callable[..., Any], tuple[Any, ...], Any]] = {
    "RelaxedBernoulli": (lambda d, t, p: d.RelaxedBernoulli(t, probs=p), (SHARE,), RNG.uniform(0.05, 0.95, (5, 2, 3))),
    "RelaxedBernoulli of logits": (
        lambda d, t, a: d.RelaxedBernoulli(t, logits=a),
        (LOC,),
        RNG.uniform(0.05, 0.95, (5, 2, 3)),
    ),
    "RelaxedOneHotCategorical": (
        lambda d, t, p: d.RelaxedOneHotCategorical(t, probs=p),
        (PROBS,),
        RNG.dirichlet(np.ones(4), (5, 2)),
    ),
    "RelaxedOneHotCategorical of logits": (
        lambda d, t, a: d.RelaxedOneHotCategorical(t, logits=a),
        (LOGITS,),
        RNG.dirichlet(np.ones(4), (5, 2)),
    ),
}


@pytest.mark.parametrize("name", RELAXED)
def test_relaxed_densities_are_pytorchs(name: str) -> None:
    make, arrays, values = RELAXED[name]
    found = []
    for lib, d in ((mg, md), (torch, torch.distributions)):
        xs = [lib.tensor(a, dtype=lib.float64, requires_grad=True) for a in (0.7, *arrays)]
        made = make(d, *xs)
        y = made.log_prob(lib.tensor(values))
        grads = lib.autograd.grad(y.sum(), xs)
        found.append([y.detach().numpy(), *[g.numpy() for g in grads]])
        assert made.has_rsample
        assert made.temperature.item() == 0.7
        wider = made.expand((4, *made.batch_shape))
        assert tuple(wider.log_prob(lib.tensor(values[0])).shape) == (4, *made.batch_shape)
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", RELAXED)
def test_relaxed_draws_pass_gradients_and_are_distributed_as_pytorchs(name: str) -> None:
    make, arrays, _ = RELAXED[name]
    means = []
    for lib, d in ((mg, md), (torch, torch.distributions)):
        lib.manual_seed(0)
        t, x = lib.tensor(0.7, requires_grad=True), lib.tensor(arrays[0], dtype=lib.float32, requires_grad=True)
        drawn = make(d, t, x).rsample((20000,))
        assert not make(d, t, x).sample().requires_grad
        assert all(lib.isfinite(g).all() for g in lib.autograd.grad(drawn.square().sum(), (t, x)))
        drawn = drawn.detach()
        assert ((drawn >= 0) & (drawn <= 1)).all()
        means.append([drawn.mean(0).numpy(), drawn.square().mean(0).numpy()])
    for a, b in zip(*means, strict=True):
        np.testing.assert_allclose(a, b, atol=0.02)


def test_relaxed_draws_are_near_choices_where_it_is_cold() -> None:
    mg.manual_seed(0)
    drawn = md.RelaxedOneHotCategorical(0.01, probs=mg.tensor([0.2, 0.8])).sample((4000,))
    assert abs((drawn[:, 1] > 0.5).float().mean().item() - 0.8) < 0.03
    assert drawn.amax(1).mean().item() > 0.99
    with pytest.raises(NotImplementedError):
        md.kl_divergence(md.RelaxedBernoulli(1.0, probs=0.5), md.RelaxedBernoulli(1.0, probs=0.5))


def test_parameters_of_the_right_shape_stay_the_callers() -> None:
    loc, scale = mg.zeros(2, requires_grad=True), mg.ones(2, requires_grad=True)
    normal = md.Normal(loc, scale)
    assert normal.loc is loc
    assert normal.scale is scale
    assert md.Normal(loc, 1.0).loc is loc
    mg.optim.SGD([normal.loc, normal.scale], lr=0.1)  # which takes leaves only


def test_quantiles_of_the_normal_distribution() -> None:
    """From tables: the probability of less than 1.959963984540054 standard deviations is 0.975."""
    scale = mg.tensor([1.0, 2.0], dtype=mg.float64, requires_grad=True)
    normal = md.Normal(mg.tensor([0.0, 1.0], dtype=mg.float64), scale)
    p = mg.tensor([0.975, 0.025], dtype=mg.float64, requires_grad=True)
    q = normal.icdf(p)
    np.testing.assert_allclose(q.tolist(), [1.959963984540054, 1 - 2 * 1.959963984540054], rtol=1e-14)
    np.testing.assert_allclose(normal.cdf(q).tolist(), p.tolist(), rtol=1e-14)
    by_scale, by_p = mg.autograd.grad(q.sum(), (scale, p))
    np.testing.assert_allclose(by_scale.tolist(), [1.959963984540054, -1.959963984540054], rtol=1e-13)
    np.testing.assert_allclose(by_p.tolist(), (1 / normal.log_prob(q).exp()).tolist(), rtol=1e-13)
    np.testing.assert_allclose(md.HalfNormal(2.0).icdf(mg.tensor(0.5)).item(), 2 * 0.67448975, rtol=1e-6)
    np.testing.assert_allclose(md.Gumbel(1.0, 2.0).icdf(mg.tensor(0.5)).item(), 1 - 2 * np.log(np.log(2)), rtol=1e-6)
    np.testing.assert_allclose(md.LogNormal(1.0, 0.5).icdf(mg.tensor(0.5)).item(), np.e, rtol=1e-6)


def test_the_lower_tail_of_the_normal_distribution_does_not_cancel() -> None:
    z = mg.tensor([-5.0, -10.0], dtype=mg.float64)
    wanted = [2.866515718791939e-07, 7.619853024160527e-24]
    np.testing.assert_allclose(md.Normal(0.0, 1.0).cdf(z).tolist(), wanted, rtol=1e-13)


def test_constraints_over_several_dimensions() -> None:
    x = mg.tensor([[[1.0, 2.0], [3.0, -1.0]], [[1.0, 1.0], [2.0, 0.5]]])
    positive = md.constraints.positive
    for dims, expected in ((0, (x > 0).tolist()), (1, [[True, False], [True, True]]), (2, [False, True])):
        over = md.constraints.independent(positive, dims)
        assert over.check(x).tolist() == expected
        assert over.event_dim == dims


BIJECTIONS: dict[str, Callable[[Any], Any]] = {
    "real": lambda c: c.real,
    "real_vector": lambda c: c.real_vector,
    "positive": lambda c: c.positive,
    "nonnegative": lambda c: c.nonnegative,
    "greater_than": lambda c: c.greater_than(2.0),
    "greater_than_eq": lambda c: c.greater_than_eq(-1.0),
    "less_than": lambda c: c.less_than(3.0),
    "unit_interval": lambda c: c.unit_interval,
    "interval": lambda c: c.interval(-1.0, 4.0),
    "independent": lambda c: c.independent(c.positive, 1),
}


@pytest.mark.parametrize("name", BIJECTIONS)
def test_functions_onto_what_a_condition_holds_for_are_pytorchs(name: str) -> None:
    x = np.array([[-1.5, 0.0], [0.3, 2.0]])
    theirs = td.biject_to(BIJECTIONS[name](td.constraints))
    constraint = BIJECTIONS[name](md.constraints)
    wanted = theirs(torch.tensor(x))
    for ours in (md.biject_to(constraint), md.transform_to(constraint)):
        y = ours(mg.tensor(x))
        same(y, wanted)
        assert constraint.check(y)._array.all()
        same(ours.inv(y), torch.tensor(x))
        same(ours.log_abs_det_jacobian(mg.tensor(x), y), theirs.log_abs_det_jacobian(torch.tensor(x), wanted))


def test_functions_onto_bounds_that_are_tensors_and_onto_probabilities() -> None:
    low = mg.tensor([1.0, 2.0], requires_grad=True)
    y = md.transform_to(md.constraints.greater_than(low))(mg.zeros(2))
    assert y.tolist() == [2.0, 3.0]
    y.sum().backward()
    assert low.grad is not None
    assert low.grad.tolist() == [1.0, 1.0]
    softmax = md.transform_to(md.constraints.simplex)
    p = softmax(mg.tensor([0.0, math.log(3.0)]))
    np.testing.assert_allclose(p.tolist(), [0.25, 0.75], rtol=1e-6)
    np.testing.assert_allclose(softmax(softmax.inv(p)).tolist(), p.tolist(), rtol=1e-6)
    for constraint in (md.constraints.boolean, md.constraints.simplex):
        with pytest.raises(NotImplementedError, match="biject_to: there is no function onto"):
            md.biject_to(constraint)


def test_a_power_as_a_transform() -> None:
    for lib, package in ((mg, md), (torch, td)):
        power = package.transforms.PowerTransform(lib.tensor(2.5))
        x = lib.tensor([0.5, 2.0])
        np.testing.assert_allclose(power(x).numpy(), np.array([0.5, 2.0]) ** 2.5, rtol=1e-6)
        np.testing.assert_allclose(power.inv(power(x)).numpy(), [0.5, 2.0], rtol=1e-6)
        slope = power.log_abs_det_jacobian(x, power(x)).numpy()
        np.testing.assert_allclose(slope, np.log(2.5 * np.array([0.5, 2.0]) ** 1.5), rtol=1e-5)
    assert md.transforms.PowerTransform(2.0) == md.transforms.PowerTransform(2.0)
    assert md.transforms.PowerTransform(2.0) != md.transforms.PowerTransform(3.0)


def test_what_a_made_distribution_can_draw() -> None:
    normal = md.Normal(mg.zeros(2), mg.ones(2))
    assert md.TransformedDistribution(normal, md.transforms.ExpTransform()).support is md.constraints.positive
    assert md.TransformedDistribution(normal, []).support is md.constraints.real
    within = md.Independent(md.Uniform(mg.zeros(2), 1.0), 1).support
    assert within.check(mg.tensor([[0.5, 1.0], [0.5, 2.0]])).tolist() == [True, False]
    with pytest.raises(ValueError, match="the value must be positive"):
        md.TransformedDistribution(normal, md.transforms.ExpTransform()).log_prob(mg.tensor([1.0, -1.0]))


def test_weibulls_mode_and_entropy() -> None:
    """The mode is 0 where what is old breaks more rarely (PyTorch's is NaN); of concentration 1 it is exponential."""
    weibull = md.Weibull(mg.tensor([2.0, 2.0, 2.0]), mg.tensor([0.5, 1.0, 2.0]))
    np.testing.assert_allclose(weibull.mode.tolist(), [0.0, 0.0, math.sqrt(2)], rtol=1e-6)
    exponential, x = md.Exponential(0.5), mg.tensor([0.1, 3.0])
    same_shape = md.Weibull(2.0, 1.0)
    np.testing.assert_allclose(same_shape.log_prob(x).tolist(), exponential.log_prob(x).tolist(), rtol=1e-5)
    np.testing.assert_allclose(same_shape.entropy().item(), exponential.entropy().item(), rtol=1e-6)
