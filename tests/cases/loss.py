"""Rows of softmax and the losses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .case import INF, LARGE, LINES, NAN, Array, Case, Draw, between, given, normal, view


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


FAMILIES = (softmaxes, losses)
