"""Activations and losses as modules, beside PyTorch's: texts, values, gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import nn

torch = pytest.importorskip("torch")

ACTIVATIONS: list[tuple[str, dict[str, Any]]] = [
    ("ReLU", {}),
    ("ReLU6", {}),
    ("Sigmoid", {}),
    ("Tanh", {}),
    ("SiLU", {}),
    ("GELU", {}),
    ("GELU", {"approximate": "tanh"}),
    ("Mish", {}),
    ("Softplus", {}),
    ("Softplus", {"beta": 2.0, "threshold": 3.0}),
    ("LogSigmoid", {}),
    ("ELU", {"alpha": 0.5}),
    ("CELU", {"alpha": 0.5}),
    ("SELU", {}),
    ("LeakyReLU", {}),
    ("LeakyReLU", {"negative_slope": 0.2}),
    ("Hardtanh", {}),
    ("Hardtanh", {"min_val": -0.5, "max_val": 2.0}),
    ("Hardswish", {}),
    ("Softshrink", {"lambd": 0.3}),
    ("Hardshrink", {}),
    ("Threshold", {"threshold": 0.1, "value": 20.0}),
    ("Softsign", {}),
    ("Tanhshrink", {}),
    ("PReLU", {}),
    ("PReLU", {"num_parameters": 4, "init": 0.5}),
    ("GLU", {}),
    ("Softmax", {"dim": 0}),
    ("LogSoftmax", {"dim": -1}),
    ("Softmin", {"dim": 1}),
]


def ids(rows: list[Any]) -> list[str]:
    return [f"{name}{i}" for i, (name, *_) in enumerate(rows)]


def check(ours: Any, theirs: Any, arrays: list[np.ndarray]) -> None:
    """Texts, values and gradients, by inputs of floats other than signs and by parameters, are PyTorch's."""
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    wanted = [a.dtype.kind == "f" and not (abs(a) == 1).all() for a in arrays]
    xs = [minigrad.tensor(a, requires_grad=w) for a, w in zip(arrays, wanted, strict=True)]
    ys = [torch.tensor(a, requires_grad=w) for a, w in zip(arrays, wanted, strict=True)]
    out, expected = ours.double()(*xs), theirs.double()(*ys)
    np.testing.assert_allclose(out.detach().numpy(), expected.detach().numpy(), rtol=1e-12, atol=1e-14)
    (out * out).sum().backward()
    (expected * expected).sum().backward()
    for x, y in zip([*xs, *ours.parameters()], [*ys, *theirs.parameters()], strict=True):
        if x.requires_grad:
            np.testing.assert_allclose(x.grad.numpy(), y.grad.numpy(), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize(("name", "options"), ACTIVATIONS, ids=ids(ACTIVATIONS))
def test_activations(name: str, options: dict[str, Any]) -> None:
    x = np.random.default_rng(0).normal(0, 2, (3, 4))
    check(getattr(nn, name)(**options), getattr(torch.nn, name)(**options), [x])


def test_hardsigmoid() -> None:
    # PyTorch's gradient has 1/6 rounded to float32 even in float64, so it is compared with the definition.
    ours, theirs = nn.Hardsigmoid(), torch.nn.Hardsigmoid()
    assert repr(ours) == repr(theirs)
    a = np.random.default_rng(0).normal(0, 4, (3, 4))
    x = minigrad.tensor(a, requires_grad=True)
    out = ours(x)
    np.testing.assert_allclose(out.detach().numpy(), theirs(torch.tensor(a)).numpy(), rtol=1e-14)
    out.sum().backward()
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.numpy(), np.where(abs(a) < 3, 1 / 6, 0), rtol=1e-15)


@pytest.mark.parametrize(
    "name",
    ["ReLU", "ReLU6", "SiLU", "Mish", "ELU", "CELU", "SELU", "LeakyReLU", "Hardtanh", "Hardsigmoid", "Hardswish"],
)
def test_activations_in_place(name: str) -> None:
    layer, x = getattr(nn, name)(inplace=True), minigrad.tensor([-1.0, 0.5, 9.0])
    expected = getattr(nn, name)()(x)
    assert repr(layer) == repr(getattr(torch.nn, name)(inplace=True))
    assert layer(x) is x
    assert x.tolist() == expected.tolist()


def losses() -> list[tuple[str, dict[str, Any], list[np.ndarray]]]:
    rng = np.random.default_rng(1)
    x, y, z = rng.normal(0, 1, (3, 5, 4))
    p, q = rng.uniform(0.1, 0.9, (2, 5, 4))
    classes, signs = rng.integers(0, 4, 5), rng.choice([-1.0, 1.0], (5, 4))
    weight = rng.uniform(0.5, 2, 4)
    rows: list[tuple[str, dict[str, Any], list[np.ndarray]]] = [
        ("NLLLoss", {"weight": weight, "ignore_index": 1}, [x, classes]),
        ("CrossEntropyLoss", {"weight": weight, "label_smoothing": 0.1}, [x, classes]),
        ("MultiMarginLoss", {"margin": 0.5, "p": 2}, [x, classes]),
        ("MultiLabelSoftMarginLoss", {"weight": weight}, [x, (q > 0.5) * 1]),
        ("MultiLabelMarginLoss", {}, [x, np.array([[1, 3, -1, 0]] * 5)]),
        ("MSELoss", {}, [x, y]),
        ("L1Loss", {}, [x, y]),
        ("SmoothL1Loss", {"beta": 0.5}, [x, y]),
        ("HuberLoss", {"delta": 0.5}, [x, y]),
        ("BCELoss", {}, [p, q]),
        ("BCEWithLogitsLoss", {"pos_weight": weight}, [x, q]),
        ("KLDivLoss", {"log_target": True}, [x, y]),
        ("PoissonNLLLoss", {"full": True}, [x, 5 * q]),
        ("GaussianNLLLoss", {"full": True}, [x, y, p]),
        ("SoftMarginLoss", {}, [x, signs]),
        ("HingeEmbeddingLoss", {"margin": 0.5}, [x, signs.astype(np.int64)]),
        ("MarginRankingLoss", {"margin": 0.1}, [x, y, signs]),
        ("CosineEmbeddingLoss", {"margin": 0.1}, [x, y, signs[:, 0].astype(np.int64)]),
        ("TripletMarginLoss", {"margin": 2.0, "swap": True}, [x, y, z]),
        ("TripletMarginWithDistanceLoss", {"margin": 2.0}, [x, y, z]),
    ]
    return rows


LOSSES = losses()


@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides:UserWarning")  # PyTorch's, for KLDivLoss
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize(("name", "options", "arrays"), LOSSES, ids=ids(LOSSES))
def test_losses(name: str, options: dict[str, Any], arrays: list[np.ndarray], reduction: str) -> None:
    def made(library: Any, tensor: Any) -> Any:
        given = {k: tensor(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
        return getattr(library, name)(reduction=reduction, **given)

    check(made(nn, minigrad.tensor), made(torch.nn, torch.tensor), arrays)


def test_reductions_of_old_and_batchmean() -> None:
    assert nn.MSELoss(size_average=False).reduction == "sum"
    assert nn.L1Loss(reduce=False).reduction == "none"
    assert nn.KLDivLoss(reduction="batchmean").reduction == "batchmean"
    with pytest.raises(ValueError, match="MSELoss: reduction must be"):
        nn.MSELoss(reduction="batchmean")


def test_options_are_read_at_each_call() -> None:
    layer = nn.LeakyReLU()
    layer.negative_slope = 0.5
    assert layer(minigrad.tensor([-2.0])).tolist() == [-1.0]


@pytest.mark.parametrize("name", ["CosineSimilarity", "PairwiseDistance"])
def test_distances(name: str) -> None:
    x, y = np.random.default_rng(0).standard_normal((2, 3, 4))
    check(getattr(nn, name)(), getattr(torch.nn, name)(), [x, y])
