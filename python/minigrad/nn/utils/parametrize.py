"""Parameters that are computed from others: a module's attribute becomes what other modules make of what is learned."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ContextDecorator
from typing import Any

from ..._contexts import Changes, Context, Entries, entry, innermost
from ...grad_mode import no_grad
from ...tensor import Tensor
from ..containers import ModuleDict, ModuleList
from ..module import Module
from ..parameter import Parameter

__all__ = [
    "ParametrizationList",
    "cached",
    "is_parametrized",
    "register_parametrization",
    "remove_parametrizations",
    "type_before_parametrizations",
]

_caches: Entries = []


class cached(Context, ContextDecorator):  # noqa: N801
    """Compute each parametrised tensor once in this context, however often it is read.

    Examples
    --------
    >>> import minigrad
    >>> from minigrad.nn.utils import parametrizations, parametrize
    >>> layer = parametrizations.weight_norm(minigrad.nn.Linear(2, 2))
    >>> with parametrize.cached():
    ...     layer.weight is layer.weight
    True
    """

    def _changes(self) -> Changes:
        known = innermost(_caches)
        return None, *entry(_caches, {} if known is None else known)


class ParametrizationList(ModuleList):
    """The modules that make one tensor, in their order, and the tensors that they make it of.

    Parameters
    ----------
    modules : sequence of Module
        At least one.
    original : Tensor
        The parameter or buffer as it was.
    unsafe : bool, default False
        Whether shape and dtype may change.

    Attributes
    ----------
    original : Parameter or Tensor
        What the first module gets; ``original0``, ``original1``, ... where its ``right_inverse`` returns several.
    """

    def __init__(self, modules: Sequence[Module], original: Tensor, unsafe: bool = False) -> None:
        if not modules:
            raise ValueError("ParametrizationList: needs at least one module")
        super().__init__(modules)
        self.unsafe = unsafe
        form = (original.shape, original.dtype)
        inverse = self._inverse(original, needed=False)
        self.is_tensor = isinstance(inverse, Tensor)
        self.ntensors = len(inverse)
        if isinstance(inverse, Tensor):
            _put(original, inverse, "original")
            self.ntensors = 1
            _register(self, "original", original)
        else:
            for i, tensor in enumerate(inverse):
                kind = Parameter(tensor, original.requires_grad) if isinstance(original, Parameter) else tensor
                _register(self, f"original{i}", kind)
        if not unsafe:
            _check_form(self(), form)

    def _inverse(self, value: Any, needed: bool) -> Any:
        """Return what the modules would make `value` of: a tensor or a sequence of tensors."""
        with no_grad():
            for module in reversed(list(self)):
                if hasattr(module, "right_inverse"):
                    value = module.right_inverse(value)
                elif needed:
                    raise RuntimeError(f"right_inverse: parametrization {type(module).__name__} does not have it")
        tensors = [value] if isinstance(value, Tensor) else value
        if not isinstance(tensors, list | tuple) or not all(isinstance(t, Tensor) for t in tensors):
            raise ValueError(
                f"right_inverse: must return a tensor or a sequence of tensors, got {type(value).__name__}"
            )
        return value

    def originals(self) -> list[Tensor]:
        """Return what the first module gets."""
        names = ["original"] if self.is_tensor else [f"original{i}" for i in range(self.ntensors)]
        return [getattr(self, name) for name in names]

    def right_inverse(self, value: Tensor) -> None:
        """Let the originals be such that the modules make `value`.

        Raises
        ------
        RuntimeError
            If a module has no ``right_inverse``.
        ValueError
            If what it returns does not fit the originals.
        """
        inverse = self._inverse(value, needed=True)
        tensors = [inverse] if isinstance(inverse, Tensor) else list(inverse)
        if len(tensors) != self.ntensors or isinstance(inverse, Tensor) != self.is_tensor:
            raise ValueError(f"right_inverse: must return {self.ntensors} tensors, got {len(tensors)}")
        for original, tensor in zip(self.originals(), tensors, strict=True):
            _put(original, tensor, "right_inverse")

    def forward(self) -> Tensor:
        """Return what the modules make of the originals."""
        first, *others = self
        x = first(*self.originals())
        for module in others:
            x = module(x)
        return x


def _put(original: Tensor, value: Tensor, name: str) -> None:
    """Let a tensor, which stays the same object for optimisers' sake, hold what another one does."""
    if original.dtype is not value.dtype:
        raise ValueError(f"{name}: right_inverse must keep the dtype {original.dtype}, got {value.dtype}")
    if value is not original:
        original.data = value.detach()


def _register(module: Module, name: str, tensor: Tensor) -> None:
    if isinstance(tensor, Parameter):
        module.register_parameter(name, tensor)
    else:
        module.register_buffer(name, tensor)


def _check_form(value: Any, form: tuple[Any, Any]) -> None:
    if not isinstance(value, Tensor):
        raise ValueError(f"parametrization: must return a tensor, got {type(value).__name__}")  # noqa: TRY004
    if (value.shape, value.dtype) != form:
        raise ValueError(
            f"parametrization: may not change shape and dtype {tuple(form[0])}, {form[1]} to {tuple(value.shape)}, "
            f"{value.dtype}, unless with unsafe=True"
        )


# ----------------------------------------------------------------------------------------------------------------------
# A module with parametrised tensors has a class of its own, made from the one it had, with properties of their names.


def _rebuild(base: type[Module], names: list[str]) -> Module:
    """Return a module of a class made from `base`, without attributes, for copies."""
    module = base.__new__(base)
    _change_class(module)
    for name in names:
        _add_property(module, name)
    return module


def _reduce(module: Any) -> tuple[Any, ...]:
    names = list(module.parametrizations)
    return _rebuild, (type_before_parametrizations(module), names), dict(vars(module))


def _change_class(module: Module) -> None:
    base = type(module)
    parts = {"__doc__": base.__doc__, "__reduce__": _reduce, "_parametrized": True}
    module.__class__ = type(f"Parametrized{base.__name__}", (base,), parts)


def _add_property(module: Module, name: str) -> None:
    def read(self: Any) -> Any:
        known = innermost(_caches)
        if known is None:
            return self.parametrizations[name]()
        key = (id(self), name)
        if key not in known:
            known[key] = self.parametrizations[name]()
        return known[key]

    def write(self: Any, value: Tensor) -> None:
        self.parametrizations[name].right_inverse(value)

    setattr(type(module), name, property(read, write))


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Let a module make a parameter or buffer of another one.

    Parameters
    ----------
    module : Module
        The module whose attribute it is.
    tensor_name : str
        The attribute. From now on, reading it computes ``parametrization(original)``, and assigning to it sets the
        original by ``right_inverse``. The original is ``module.parametrizations[tensor_name].original``, under which name
        the state has it, too.
    parametrization : Module
        From the original, or several, to the tensor. If it has a method ``right_inverse(tensor)``, the original starts as
        what that returns; where that are several tensors, they are ``original0``, ``original1``, ... A further one gets
        what those before it return.
    unsafe : bool, default False
        Whether shape and dtype may change.

    Returns
    -------
    Module
        The same module.

    Raises
    ------
    ValueError
        If there is no such parameter or buffer, or what the parametrization returns does not fit.

    Examples
    --------
    >>> import minigrad
    >>> from minigrad.nn.utils.parametrize import register_parametrization
    >>> class Symmetric(minigrad.nn.Module):
    ...     def forward(self, x):
    ...         return x.triu() + x.triu(1).T
    >>> layer = register_parametrization(minigrad.nn.Linear(3, 3), "weight", Symmetric())
    >>> bool((layer.weight == layer.weight.T).all())
    True
    >>> [name for name, _ in layer.named_parameters()]
    ['bias', 'parametrizations.weight.original']
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        chain = module.parametrizations[tensor_name]
        before = getattr(module, tensor_name)
        if not unsafe:
            _check_form(parametrization(before), (before.shape, before.dtype))
        chain.append(parametrization)
        chain.unsafe = chain.unsafe or unsafe
        return module
    if tensor_name not in module._parameters and tensor_name not in module._buffers:
        raise ValueError(
            f"register_parametrization: {type(module).__name__} has no parameter or buffer {tensor_name!r}"
        )
    chain = ParametrizationList([parametrization], getattr(module, tensor_name), unsafe)
    delattr(module, tensor_name)
    if not is_parametrized(module):
        _change_class(module)
        module.parametrizations = ModuleDict()
    _add_property(module, tensor_name)
    module.parametrizations[tensor_name] = chain
    return module


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Return whether a module has a parametrised tensor, or one of this name.

    Examples
    --------
    >>> import minigrad
    >>> from minigrad.nn.utils import parametrizations, parametrize
    >>> layer = parametrizations.weight_norm(minigrad.nn.Linear(2, 2))
    >>> parametrize.is_parametrized(layer, "weight"), parametrize.is_parametrized(layer, "bias")
    (True, False)
    """
    chains = vars(module).get("parametrizations")
    if not isinstance(chains, ModuleDict):
        return False
    return len(chains) > 0 if tensor_name is None else tensor_name in chains


def type_before_parametrizations(module: Module) -> type[Module]:
    """Return the class of a module as it was before any parametrization.

    Examples
    --------
    >>> import minigrad
    >>> from minigrad.nn.utils import parametrizations, parametrize
    >>> layer = parametrizations.weight_norm(minigrad.nn.Linear(2, 2))
    >>> parametrize.type_before_parametrizations(layer) is minigrad.nn.Linear
    True
    """
    return type(module).__bases__[0] if "_parametrized" in vars(type(module)) else type(module)


def remove_parametrizations(module: Module, tensor_name: str, leave_parametrized: bool = True) -> Module:
    """Let a parametrised tensor be a plain parameter or buffer again.

    Parameters
    ----------
    module : Module
        The module whose attribute it is.
    tensor_name : str
        The attribute.
    leave_parametrized : bool, default True
        Whether it keeps the value that the parametrization made, rather than becoming the original.

    Returns
    -------
    Module
        The same module.

    Raises
    ------
    ValueError
        If the tensor is not parametrised, or its original would be several tensors.

    Examples
    --------
    >>> import minigrad
    >>> from minigrad.nn.utils import parametrizations, parametrize
    >>> layer = parametrizations.weight_norm(minigrad.nn.Linear(2, 2))
    >>> parametrize.remove_parametrizations(layer, "weight")
    Linear(in_features=2, out_features=2, bias=True)
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"remove_parametrizations: {type(module).__name__} has none of {tensor_name!r}")
    chain = module.parametrizations[tensor_name]
    value = getattr(module, tensor_name)
    if chain.is_tensor:
        original = chain.original
        if leave_parametrized:
            _put(original, value, "remove_parametrizations")
    elif leave_parametrized:
        original = Parameter(value.detach()) if value.requires_grad else value
    else:
        raise ValueError(f"remove_parametrizations: {tensor_name!r} is made of several tensors and cannot become them")
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]
    _register(module, tensor_name, original)
    if not is_parametrized(module):
        del module.parametrizations
        module.__class__ = type_before_parametrizations(module)
    return module
