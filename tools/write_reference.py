"""Write the reference pages from the records and the running package; ``--check`` compares them instead.

`docs/operations.md` lists every primitive as its record has it. `docs/singular-points.md` gives values and derivatives
where an operation has a kink, a tie, a zero or an infinite derivative: each row of `singular_points.ROWS` is run. A test
holds the committed pages against what this makes.

Usage: ``python tools/write_reference.py [--check]``
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Iterator
from inspect import isfunction
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

# ---- Operations ------------------------------------------------------------------------------------------------------

OPERATIONS_HEADER = """\
# Operations

<!-- Written by tools/write_reference.py from the records; do not edit. -->

Every primitive: the operations that have rules of their own, and of which all others are composed. Public functions
have PyTorch's names; what they take and return stands in their docstrings.

- **Relation**: how the Jacobian is populated, as 《反向传播算法实现》 sorts operations. With broadcasting, one element may
  go to many places.
- **Forward**: where the rule of forward mode comes from. *elementwise*: the vjp rule, applied to the tangent. *linear*,
  *multilinear*: the operation itself, run on the tangents. *own rule*: it is written in the record.
- **By**: the inputs that it can be differentiated by.
- **Keeps**: the arrays that the rules read and a node therefore keeps, if the input in brackets wants a gradient.

[singular-points.md](singular-points.md) tells what happens at kinks, ties, zeros and infinities.
"""
TABLE_HEADER = "| name | equation | source | relation | forward | by | keeps |\n|---|---|---|---|---|---|---|"


def cell(text: str) -> str:
    """Return text that a cell of a table can hold."""
    return text.replace("|", "\\|") or "–"


def holders(primitive: Any) -> list[str]:
    """Return the modules of operations in which a primitive's function has a name."""
    modules = [m for name, m in sys.modules.items() if name.startswith("minigrad.ops.")]
    return [
        m.__name__ for m in modules if any(getattr(v, "primitive", None) is primitive for v in list(vars(m).values()))
    ]


def by_module() -> dict[str, list[Any]]:
    """Return the primitives of each module, in the order of their records.

    A rule knows its module. A record without rules in Python belongs to the module of the one before it, if that one names it.
    """
    from minigrad.primitive import registry

    modules: dict[str, list[Any]] = {}
    current = ""
    for primitive in registry.values():
        rules = [rule for rule, _ in filter(None, (*primitive.vjp, *primitive.jvp)) if isfunction(rule)]
        names = [rules[0].__globals__["__name__"]] if rules else holders(primitive)
        current = current if current in names else names[0]
        modules.setdefault(current.removeprefix("minigrad."), []).append(primitive)
    return modules


def forward_text(primitive: Any) -> str:
    """Return where the tangents of a primitive come from."""
    if not primitive.differentiable:
        return ""
    return primitive.structure or "own rule"


def kept_text(primitive: Any) -> str:
    """Return the inputs and outputs that rules read, with the inputs whose rules do."""
    arrays = primitive.inputs + primitive.outputs
    texts = []
    for slot, name in enumerate(arrays):
        readers = [primitive.inputs[i] for i in primitive.readers(slot)]
        if readers:
            texts.append(f"{name} ({', '.join(readers)})")
    return ", ".join(texts)


def operation_line(primitive: Any) -> str:
    """Return the row of one primitive."""
    by = ", ".join(x for x, rule in zip(primitive.inputs, primitive.vjp, strict=True) if rule is not None)
    view = " (a view)" if primitive.view else ""
    cells = (
        f"`{primitive.name}`{view}",
        primitive.equation,
        primitive.source,
        primitive.relation,
        forward_text(primitive),
        by,
        kept_text(primitive),
    )
    return f"| {' | '.join(map(cell, cells))} |"


def variadic_lines() -> Iterator[str]:
    """Yield the rows of the operations with any number of inputs or outputs, which are linear and keep nothing."""
    from minigrad.ops import joining
    from minigrad.primitive import MANY_TO_MANY, Variadic

    for record in vars(joining).values():
        if isinstance(record, Variadic):
            cells = (f"`{record.name}`", record.equation, record.source, MANY_TO_MANY, "linear", "every input", "")
            yield f"| {' | '.join(map(cell, cells))} |"


def operations_page() -> str:
    """Return docs/operations.md."""
    modules = by_module()
    count = sum(map(len, modules.values()))
    lines = [OPERATIONS_HEADER, f"There are {count} primitives with a fixed number of inputs.", ""]
    for module, primitives in modules.items():
        lines += [f"## {module}", "", TABLE_HEADER, *map(operation_line, primitives), ""]
    lines += ["## Any number of inputs or outputs", "", TABLE_HEADER, *variadic_lines(), ""]
    return "\n".join(lines)


# ---- Singular points -------------------------------------------------------------------------------------------------

POINTS_HEADER = """\
# Singular points

<!-- Written by tools/write_reference.py, which runs tools/singular_points.py; do not edit. -->

What every operation gives at kinks, ties, zeros, infinities and NaN, in float64, rounded to six digits; what is smaller
than 1e-12 is shown as 0. All of it is computed when this page is made. The rules behind it stand in
[kinks.md](kinks.md).

- **vjp**: the gradient for a cotangent of 1 for every element, `;` between the inputs.
- **jvp**: the tangent of the output for tangents of 1.
- **second**: the vjp of the vjp; both cotangents are 1. For a vector it is the Hessian of the sum, times ones. The jvp of
  the vjp and the vjp of the jvp agree with it; where one does not, it is added
  (only where the value is NaN or stands alone, and for infinity in a norm of order below 1).
- **jvp of jvp**: the second derivative along tangents of 1, forward mode over forward mode.
- **PyTorch**: what PyTorch 2.13 gives instead, where it differs. The reasons stand below the tables.
"""
POINTS_TABLE = """\
| operation | at | value | vjp | jvp | second | jvp of jvp | PyTorch |
|---|---|---|---|---|---|---|---|"""


def outcome(compute: Callable[[], Any]) -> str:
    """Return what a computation gives, as text: a tensor, a tuple of tensors, or the name of its exception."""
    from singular_points import shown

    try:
        result = compute()
    except (RuntimeError, IndexError, ValueError) as error:
        return type(error).__name__
    several = result if isinstance(result, tuple) else (result,)
    return shown(tuple((x + 0.0).tolist() for x in several))


def derivatives(row: Any, point: tuple[Any, ...]) -> dict[str, str]:
    """Return value, derivatives, and second derivatives in all four pairs of modes, at one point."""
    import minigrad
    from minigrad.autograd.functional import jvp, vjp

    def f(*xs: Any) -> Any:
        return row.call(minigrad, *xs)

    def pull(g: Callable[..., Any], *xs: Any) -> Any:
        out = g(*xs)
        ones = tuple(map(minigrad.ones_like, out)) if isinstance(out, tuple) else minigrad.ones_like(out)
        return vjp(g, xs, ones, create_graph=True)[1]

    def push(g: Callable[..., Any], *xs: Any) -> Any:
        return jvp(g, xs, tuple(map(minigrad.ones_like, xs)), create_graph=True)[1]

    def first(g: Callable[..., Any], rule: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *xs: rule(g, *xs)

    inputs = tuple(minigrad.tensor(x, dtype=minigrad.float64, requires_grad=True) for x in point)
    functions = {
        "value": f,
        "vjp": first(f, pull),
        "jvp": first(f, push),
        "vjp of vjp": first(first(f, pull), pull),
        "jvp of vjp": first(first(f, pull), push),
        "vjp of jvp": first(first(f, push), pull),
        "jvp of jvp": first(first(f, push), push),
    }
    return {name: outcome(lambda g=g: g(*inputs)) for name, g in functions.items()}


def point_line(row: Any, point: tuple[Any, ...]) -> str:
    """Return the line of one point."""
    from singular_points import PYTORCH, shown

    at = shown(point)
    d = derivatives(row, point)
    second = d["vjp of vjp"]
    second += "".join(f" ({mode}: {d[mode]})" for mode in ("jvp of vjp", "vjp of jvp") if d[mode] != second)
    pytorch = PYTORCH.get(row.operation, {}).get(at, "")
    cells = (f"`{row.operation}`", at, d["value"], d["vjp"], d["jvp"], second, d["jvp of jvp"])
    return f"| {' | '.join([*map(cell, cells), pytorch.replace('|', chr(92) + '|')])} |"


def singular_points_page() -> str:
    """Return docs/singular-points.md."""
    from singular_points import REASONS, ROWS

    lines = [POINTS_HEADER]
    for section in dict.fromkeys(row.section for row in ROWS):
        rows = [row for row in ROWS if row.section == section]
        lines += [f"## {section}", "", POINTS_TABLE]
        lines += [point_line(row, point) for row in rows for point in row.points]
        lines += [""]
    lines += ["## Why PyTorch differs", "", "| operation | reason |", "|---|---|"]
    lines += [f"| {', '.join(f'`{name}`' for name in names)} | {reason} |" for reason, names in REASONS.items()]
    return "\n".join([*lines, ""])


# ---- Writing and checking --------------------------------------------------------------------------------------------

PAGES: dict[str, Callable[[], str]] = {
    "docs/operations.md": operations_page,
    "docs/singular-points.md": singular_points_page,
}


def difference(path: str) -> str:
    """Return how the committed page differs from the one made now; empty if it does not."""
    committed = ROOT / path
    old = committed.read_text(encoding="utf-8") if committed.exists() else ""
    made = PAGES[path]().splitlines()
    return "\n".join(difflib.unified_diff(old.splitlines(), made, f"{path} committed", "made now", lineterm=""))


def main() -> int:
    """Write or check all pages."""
    if "--check" not in sys.argv[1:]:
        for path, make in PAGES.items():
            (ROOT / path).write_text(make(), encoding="utf-8")
        return 0
    differences = [text for path in PAGES if (text := difference(path))]
    print("\n".join(differences))
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
