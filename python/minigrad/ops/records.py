"""How the records and docstrings of elementwise functions are made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._methods import method
from ..primitive import ELEMENTWISE, ONE_TO_MANY, ONE_TO_ONE, Primitive, Rule, kernel_primitive
from ..tensor import Tensor

ARTICLE = "《反向传播算法实现》"
DEFINITION = "definition"


def unary(name: str, equation: str, vjp: Rule | None, source: str = DEFINITION, **record: Any) -> Callable[..., Tensor]:
    """Make a function of one tensor, which is also a method and an in-place one."""
    rules = None if vjp is None else {"x": vjp}
    record.setdefault("promotion", "float")
    function = kernel_primitive(
        name,
        equation=f"out = {equation}",
        source=source,
        relation=ONE_TO_ONE,
        structure=ELEMENTWISE,
        vjp=rules,
        **record,
    )
    return method(function, in_place=True)


def binary(
    name: str, equation: str, x: Rule | None, y: Rule | None, source: str = DEFINITION, **record: Any
) -> Callable[..., Tensor]:
    """Make a function of two tensors that broadcast."""
    rules = None if x is None or y is None else {"x": x, "y": y}
    return kernel_primitive(
        name,
        equation=f"out = {equation}",
        source=source,
        relation=ONE_TO_MANY,
        structure=ELEMENTWISE,
        vjp=rules,
        **record,
    )


def _docstring(p: Primitive, summary: str, call: str, result: str) -> str:
    """Return a public function's docstring, from its record."""
    unary = len(p.inputs) == 1
    converted = "; integers become floats of the default dtype" if p.promotion == "float" else ""
    return f"""{summary}

    Parameters
    ----------
    {"input : Tensor" if unary else "input, other : Tensor or number"}
        Of any shape{"" if unary else ", which must broadcast"}{converted}.

    Returns
    -------
    Tensor
        Of the {"same" if unary else "broadcast"} shape.

    Raises
    ------
    {"TypeError" if unary else "RuntimeError"}
        If {"`input` is not a tensor of numbers" if unary else "the shapes do not broadcast"}.

    Notes
    -----
    {p.equation}{"" if p.source == DEFINITION else f"; {p.source}"}.

    Examples
    --------
    >>> import minigrad
    >>> {call}
    {result}
    """


def document(texts: dict[Callable[..., Any], tuple[str, str, str]]) -> None:
    """Give functions that records made their docstrings."""
    for function, (summary, call, result) in texts.items():
        function.__doc__ = _docstring(function.primitive, summary, call, result)  # type: ignore[attr-defined]
