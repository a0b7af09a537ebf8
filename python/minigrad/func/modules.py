"""Modules as functions of their parameters and buffers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._contexts import Changing
from ..nn.module import Module
from ..ops.joining import stack
from ..tensor import Tensor


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: Mapping[str, Tensor] | Sequence[Mapping[str, Tensor]],
    args: Any = None,
    kwargs: Mapping[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Return what a module computes with other parameters and buffers, in place of its own.

    Parameters
    ----------
    module : Module
        It is as before when the call is over. The call is not for several threads on one module.
    parameter_and_buffer_dicts : mapping or sequence of mappings
        Tensors by their names in the module; names that are not given keep what they hold.
    args : tuple or any, optional
        The positional arguments, or the only one.
    kwargs : mapping, optional
        The keyword arguments.
    tie_weights : bool, default True
        A tensor that stands under several names takes its new value under all of them, whichever is given.
    strict : bool, default False
        Raise where a name of the module is not given.

    Returns
    -------
    Any
        What the module returns.

    Raises
    ------
    RuntimeError
        If a name is unknown, or under `strict` missing.
    ValueError
        If a name is given twice, or tied names are given different tensors.

    Examples
    --------
    >>> import minigrad
    >>> from minigrad.func import functional_call
    >>> layer = minigrad.nn.Linear(2, 1)
    >>> new = {"weight": minigrad.ones(1, 2), "bias": minigrad.zeros(1)}
    >>> functional_call(layer, new, minigrad.tensor([1.0, 2.0]))
    tensor([3.])
    """
    given = _united(parameter_and_buffer_dicts)
    places = _places(module, tie_weights)
    taken = _places_of(given, places)
    unknown, missing = given.keys() - places.keys(), [n for n in places if not set(places[n]) & taken.keys()]
    if unknown or (strict and missing):
        raise RuntimeError(f"functional_call: unknown names {sorted(unknown)}, names not given {sorted(missing)}")
    arguments = () if args is None else args if isinstance(args, tuple) else (args,)
    # Plain tensors in parameters' places, which setattr would refuse.
    make = [(vars(owner).__setitem__, name, given[n]) for (owner, name), n in taken.items()]
    undo = [(vars(owner).__setitem__, name, vars(owner)[name]) for owner, name in taken]
    with Changing(make, undo):
        return module(*arguments, **(kwargs or {}))


Place = tuple[Module, str]


def _united(dicts: Any) -> dict[str, Tensor]:
    """Return one dictionary, or several without common names, as one."""
    if isinstance(dicts, Mapping):
        return dict(dicts)
    if not isinstance(dicts, Sequence) or not all(isinstance(d, Mapping) for d in dicts):
        raise ValueError(f"functional_call: needs a dict from names to tensors, or several, got {type(dicts).__name__}")
    given: dict[str, Tensor] = {}
    for d in dicts:
        twice = sorted(given.keys() & d.keys())
        if twice:
            raise ValueError(f"functional_call: the names {twice} are given more than once")
        given.update(d)
    return given


def _places(module: Module, tied: bool) -> dict[str, list[Place]]:
    """Return by its name where each parameter and buffer stands; where `tied`, in all places of the same tensor."""
    held: dict[int, list[Place]] = {}
    own: dict[str, Place] = {}
    for prefix, owner in module.named_modules(remove_duplicate=False):
        for name, value in [*owner.named_parameters(recurse=False), *owner.named_buffers(recurse=False)]:
            own[f"{prefix}.{name}" if prefix else name] = (owner, name)
            held.setdefault(id(value), []).append((owner, name))
    return {n: held[id(vars(owner)[name])] if tied else [(owner, name)] for n, (owner, name) in own.items()}


def _places_of(given: Mapping[str, Tensor], places: Mapping[str, list[Place]]) -> dict[Place, str]:
    """Return for each place that gets a new tensor under which name that is given."""
    taken: dict[Place, str] = {}
    for n, value in given.items():
        for place in places.get(n, ()):
            first = taken.setdefault(place, n)
            if given[first] is not value:
                raise ValueError(
                    f"functional_call: {first!r} and {n!r} are tied, but are given different tensors; give one of them, or "
                    "say tie_weights=False"
                )
    return taken


def stack_module_state(models: Sequence[Module]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the parameters and the buffers of modules of one form, each stacked along a new first dimension.

    Parameters
    ----------
    models : sequence of Module
        Of one class and of the same shapes.

    Returns
    -------
    parameters, buffers : dict
        By their names. Parameters are new leaves that require gradients where all those stacked do.

    Raises
    ------
    RuntimeError
        If there are no modules, or they are of several classes.

    Examples
    --------
    >>> import minigrad
    >>> parameters, buffers = minigrad.func.stack_module_state([minigrad.nn.Linear(2, 1) for _ in range(3)])
    >>> parameters["weight"].shape
    minigrad.Size([3, 1, 2])
    """
    if len({type(m) for m in models}) != 1:
        raise RuntimeError(f"stack_module_state: needs modules of one class, got {[type(m).__name__ for m in models]}")
    parameters = _stacked([dict(m.named_parameters()) for m in models])
    return parameters, _stacked([dict(m.named_buffers()) for m in models])


def _stacked(states: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    result = {}
    for name in states[0]:
        parts = [state[name] for state in states]
        whole = stack([x.detach() for x in parts])
        result[name] = whole.requires_grad_() if all(x.requires_grad for x in parts) else whole
    return result
