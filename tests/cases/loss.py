"""Rows of softmax and the losses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .case import INF, LARGE, LINES, NAN, PRIVATE, Array, Case, Draw, between, given, normal, view


def softmaxes() -> Iterator[Case]:
    for name in ("softmax", "log_softmax"):
        for variant, (shape, dim) in LINES.items():
            yield view(name, variant, shape, dim)
            yield Case(
                f"{name}_grad",
                variant,
                lambda draw, s=shape: (normal(draw, s), between(-1, 1)(draw, s)),
                (dim,),
                large=shape == LARGE,
            )
        yield given(name, "far apart", [[1000.0, 0.0, -1000.0], [1e30, 0.0, 1.0]], attributes=(1,))
        yield given(name, "masked", [[-INF, 0.0, 1.0], [2.0, -INF, -INF]], attributes=(1,))
        yield given(name, "not a number", [[NAN, 0.0, 1.0], [2.0, 1.0, 0.0]], attributes=(1,))


REDUCTIONS = ("none", "mean", "sum")


def public_cross_entropy(lib: Any, x: Any, target: Any, ignored: int, smoothing: float, reduction: int) -> Any:
    return lib.nn.functional.cross_entropy(
        x, target, ignore_index=ignored, label_smoothing=smoothing, reduction=REDUCTIONS[reduction]
    )


def public_nll(lib: Any, x: Any, weight: Any, target: Any, ignored: int, reduction: int) -> Any:
    return lib.nn.functional.nll_loss(x, target, ignore_index=ignored, reduction=REDUCTIONS[reduction])


def nll(n: int, classes: int, variant: str, target: Any, attributes: tuple[Any, ...]) -> Iterator[Case]:
    ignored, _, reduction = attributes
    for kind, shape, each in (
        ("", (n, classes), ()),
        (", weights", (n, classes), (classes,)),
        (", pixels", (n, classes, 3), (classes,)),
    ):
        count = 3 * n if len(shape) == 3 else n

        def labels(draw: Draw, count: int = count) -> Array:
            return np.resize(target(draw), count)

        yield Case(
            "nll_loss",
            variant + kind,
            lambda draw, s=shape, w=each, t=labels: (normal(draw, s), normal(draw, w) if w else np.ones(()), t(draw)),
            (ignored, reduction),
            large=n > 10,
            public=PRIVATE if each else public_nll,
        )
        yield Case(
            "nll_loss_grad",
            variant + kind,
            lambda draw, g=() if reduction else (count,), w=each, t=labels: (normal(draw, g), normal(draw, w), t(draw)),
            (ignored, reduction, shape),
            large=n > 10,
        )


def losses() -> Iterator[Case]:
    for n, classes, kind in ((4, 5, ""), (1, 1, "one, "), (3, 2, "some ignored, "), (67, 130, "large, ")):
        for smoothing in (0.0, 0.1):
            for reduction in range(3):
                variant = f"{kind}{REDUCTIONS[reduction]}, smoothing {smoothing}"
                attributes = (1 if kind.startswith("some") else -100, smoothing, reduction)
                size = () if reduction else (n,)

                def target(draw: Draw, n: int = n, classes: int = classes) -> Array:
                    labels = draw.integers(0, classes, n)
                    labels[0] = 0  # no row ignores all labels
                    return labels

                yield Case(
                    "cross_entropy",
                    variant,
                    lambda draw, n=n, c=classes, t=target: (normal(draw, (n, c)), t(draw)),
                    attributes,
                    large=n > 10,
                    public=public_cross_entropy,
                )
                if not smoothing:
                    yield from nll(n, classes, variant, target, attributes)
                yield Case(
                    "cross_entropy_grad",
                    variant,
                    lambda draw, s=size, n=n, c=classes, t=target: (
                        normal(draw, s), between(0.1, 1)(draw, (n, c)), t(draw)
                    ),
                    attributes,
                    large=n > 10,
                )  # fmt: skip
    for reduction in range(3):
        settings: dict[str, Any] = {"smooth": False, "public": public_cross_entropy}
        attributes = (-100, 0.0, reduction)
        name = REDUCTIONS[reduction]
        yield given(
            "cross_entropy", f"far apart, {name}", [[1e3, 0.0, -1e3], [0.0, 1e3, 1.0]], np.array([2, 1]),
            attributes=attributes, **settings,
        )  # fmt: skip
        yield given(
            "cross_entropy", f"all ignored, {name}", [[1.0, 0.0]], np.array([-100]), attributes=attributes, **settings
        )
        yield Case(
            "cross_entropy", f"empty, {name}", lambda _: (np.zeros((0, 3)), np.zeros(0, np.int64)), attributes,
            **settings,
        )  # fmt: skip


def public_loss(name: str, parameter: str | None) -> Any:
    def call(lib: Any, x: Any, y: Any, reduction: int, *beta: float) -> Any:
        settings = {parameter: beta[0]} if parameter else {}
        return getattr(lib.nn.functional, name)(x, y, reduction=REDUCTIONS[reduction], **settings)

    return call


def apart_by(least: float) -> tuple[Any, Any]:
    """Return what draws x and y such that no difference is near 0 or 0.5, where losses bend."""

    def draw_x(draw: Draw, shape: Any) -> Array:
        return np.asarray(draw.choice([0.2, -0.2, 0.8, -0.8, 1.5], shape) + draw.uniform(-least, least, shape))

    return draw_x, lambda draw, shape: draw.uniform(-least, least, shape)


PROBABILITIES = (between(0.1, 0.9), between(0.05, 0.95))
POINTWISE = {
    "mse_loss": ((normal, normal), None, ()),
    "l1_loss": (apart_by(0.05), None, ()),
    "smooth_l1_loss": (apart_by(0.05), "beta", (0.5,)),
    "huber_loss": (apart_by(0.05), "delta", (0.5,)),
    "binary_cross_entropy": (PROBABILITIES, None, ()),
    "binary_cross_entropy_with_logits": ((normal, between(0, 1)), None, ()),
}
SHAPES = {"no dims": (), "empty": (0, 3), "one": (1,), "odd": (3, 5), "block and more": LARGE}


def pointwise_losses() -> Iterator[Case]:
    for name, ((draw_x, draw_y), parameter, beta) in POINTWISE.items():
        for reduction, kind in enumerate(REDUCTIONS):
            for variant, shape in SHAPES.items():
                yield Case(
                    name,
                    f"{variant}, {kind}",
                    lambda draw, s=shape, x=draw_x, y=draw_y: (x(draw, s), y(draw, s)),
                    (reduction, *beta),
                    large=shape == LARGE,
                    public=public_loss(name, parameter),
                )
                yield Case(
                    f"{name}_grad",
                    f"{variant}, {kind}",
                    lambda draw, s=shape, g=() if reduction else shape, x=draw_x, y=draw_y: (
                        normal(draw, g), x(draw, s), y(draw, s)
                    ),
                    (reduction, *beta),
                    large=shape == LARGE,
                )  # fmt: skip
        yield from singular_losses(name, beta, public_loss(name, parameter))
    for reduction, kind in enumerate(REDUCTIONS):
        for variant, shape in SHAPES.items():
            yield Case(
                "binary_cross_entropy_target_grad",
                f"{variant}, {kind}",
                lambda draw, s=shape, g=() if reduction else shape: (
                    normal(draw, g), *(p(draw, s) for p in PROBABILITIES)
                ),
                (reduction,),
                large=shape == LARGE,
            )  # fmt: skip


def singular_losses(name: str, beta: tuple[float, ...], public: Any) -> Iterator[Case]:
    settings: dict[str, Any] = {"attributes": (0, *beta), "public": public}
    if name == "binary_cross_entropy":
        yield given(name, "certain", [0.0, 1.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0], constant=(1,), **settings)
        return
    yield given(name, "equal", [0.0, 1.0, -2.0], [0.0, 1.0, -2.0], **settings)
    yield given(name, "at the bends", [0.5, -0.5, 0.0], [0.0, 0.0, 0.5], **settings)
    yield given(name, "far", [1e3, -1e3, 1e30], [0.0, 1.0, 0.5], **settings)
    yield given(name, "not a number", [NAN, 1.0], [0.0, NAN], **settings)
    if name.startswith("binary"):
        settings["public"] = PRIVATE  # PyTorch's loss of -inf is inf - inf
        yield given(name, "infinite", [INF, -INF, INF, -INF], [0.5, 0.5, 1.0, 0.0], constant=(1,), **settings)


FAMILIES = (softmaxes, losses, pointwise_losses)
