"""Calling a module, and the hooks that run when it is called and when its gradients are computed."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from ..grad_mode import is_grad_enabled
from ..handles import Hook, Hooks, RemovableHandle
from ._backward_hooks import BackwardHooks


class CallHooks:
    """What runs at a module's calls.

    Attributes
    ----------
    before, after : Hooks
        Of the call; a hook takes the module, the positional and the keyword arguments, and behind the call the result.
    backward_before, backward : Hooks
        Of the gradients of the results, and of those of the arguments.
    """

    __slots__ = ("after", "backward", "backward_before", "before")

    def __init__(self) -> None:
        self.before, self.after, self.backward_before, self.backward = Hooks(), Hooks(), Hooks(), Hooks()

    def __bool__(self) -> bool:
        return bool(self.before or self.after or self.backward_before or self.backward)


#: The hooks of all modules. It becomes `Module._call_hooks`, which is otherwise None, when the first one is registered.
EVERYWHERE = CallHooks()


class _Before:
    """A hook that runs before `forward`."""

    def __init__(self, hook: Hook, with_kwargs: bool) -> None:
        self.hook, self.with_kwargs = hook, with_kwargs

    def __call__(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self.with_kwargs:
            new = self.hook(module, args, kwargs)
            if new is None:
                return args, kwargs
            if not isinstance(new, tuple) or len(new) != 2:
                raise RuntimeError(f"forward pre-hook: must return None or a pair (args, kwargs), got {new!r}")
            return new
        new = self.hook(module, args)
        return args if new is None else new if isinstance(new, tuple) else (new,), kwargs


class _After:
    """A hook that runs behind `forward`; with `always`, also where that raises."""

    def __init__(self, hook: Hook, with_kwargs: bool, always: bool) -> None:
        self.hook, self.with_kwargs, self.always = hook, with_kwargs, always

    def __call__(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> Any:
        new = self.hook(module, args, kwargs, result) if self.with_kwargs else self.hook(module, args, result)
        return result if new is None else new


class Calls:
    """A module as something that is called."""

    # None as long as there are no hooks, so that a call does not look for them.
    _call_hooks: CallHooks | None = None
    forward: Callable[..., Any]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return what ``forward`` makes of the arguments."""
        if self._call_hooks is not None:
            return self._call_with_hooks(args, kwargs)
        return self.forward(*args, **kwargs) if kwargs else self.forward(*args)

    def _call_with_hooks(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not EVERYWHERE:
            Calls._call_hooks = None  # the last hook of all modules was removed
        hooks = [h for h in (EVERYWHERE, vars(self).get("_call_hooks")) if h]
        after: list[Any] = [hook for h in hooks for hook in h.after.all()]
        waiting = [hook for hook in after if hook.always]
        result = None
        try:
            for before in [hook for h in hooks for hook in h.before.all()]:
                args, kwargs = before(self, args, kwargs)
            backward = BackwardHooks.of(self, hooks) if is_grad_enabled() else None
            if backward is not None:
                args = backward.watch_inputs(args)
            result = self.forward(*args, **kwargs)
            for hook in after:
                if hook in waiting:
                    waiting.remove(hook)
                result = hook(self, args, kwargs, result)
            return result if backward is None else backward.watch_outputs(result)
        except Exception:
            for hook in waiting:
                result = _run_quietly(hook, self, args, kwargs, result)
            raise

    def _own_hooks(self) -> CallHooks:
        """Return the module's hooks; from now on it looks for them."""
        hooks = self.__dict__.get("_call_hooks")
        if hooks is None:
            hooks = self.__dict__["_call_hooks"] = CallHooks()
        return hooks

    def register_forward_pre_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Run a hook before each call of ``forward``.

        Parameters
        ----------
        hook : callable
            Takes the module and the tuple of its positional arguments. What it returns takes their place, a tuple or
            the only one; None leaves them.
        prepend : bool, default False
            Whether it runs before the hooks that are there, rather than behind them.
        with_kwargs : bool, default False
            Whether it takes the dictionary of keyword arguments as well, and returns a pair of both.

        Returns
        -------
        RemovableHandle
            Whose ``remove()`` takes the hook away.

        Examples
        --------
        >>> import minigrad
        >>> layer = minigrad.nn.Tanh()
        >>> handle = layer.register_forward_pre_hook(lambda module, args: (0 * args[0],))
        >>> layer(minigrad.ones(2))
        tensor([0., 0.])
        """
        return self._own_hooks().before.add(_checked(hook, _Before(hook, with_kwargs)), first=prepend)

    def register_forward_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """Run a hook behind each call of ``forward``.

        Parameters
        ----------
        hook : callable
            Takes the module, the tuple of its positional arguments and the result. What it returns takes the result's
            place; None leaves it.
        prepend : bool, default False
            Whether it runs before the hooks that are there, rather than behind them.
        with_kwargs : bool, default False
            Whether it takes the dictionary of keyword arguments as well, behind the positional ones.
        always_call : bool, default False
            Whether it runs where ``forward`` raises, too.

        Returns
        -------
        RemovableHandle
            Whose ``remove()`` takes the hook away.

        Examples
        --------
        >>> import minigrad
        >>> layer = minigrad.nn.Tanh()
        >>> with layer.register_forward_hook(lambda module, args, out: out + 1):
        ...     layer(minigrad.zeros(2))
        tensor([1., 1.])
        """
        return self._own_hooks().after.add(_checked(hook, _After(hook, with_kwargs, always_call)), first=prepend)

    def register_full_backward_pre_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Run a hook before the module's gradients are computed.

        Parameters
        ----------
        hook : callable
            Takes the module and the tuple of the gradients of its results. What it returns, a tuple as long, takes
            their place; None leaves them.
        prepend : bool, default False
            Whether it runs before the hooks that are there, rather than behind them.

        Returns
        -------
        RemovableHandle
            Whose ``remove()`` takes the hook away.
        """
        return self._own_hooks().backward_before.add(hook, first=prepend)

    def register_full_backward_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Run a hook when the gradients of the module's arguments have been computed.

        Parameters
        ----------
        hook : callable
            Takes the module, the tuple of the gradients of its positional arguments, None for what is no tensor, and
            that of the gradients of its results. What it returns, a tuple as long as the former, takes their place; None
            leaves them. Where no argument requires a gradient, it runs with None for each of them when the gradients of
            the results are there.
        prepend : bool, default False
            Whether it runs before the hooks that are there, rather than behind them.

        Returns
        -------
        RemovableHandle
            Whose ``remove()`` takes the hook away.

        Examples
        --------
        >>> import minigrad
        >>> layer = minigrad.nn.Linear(2, 1)
        >>> handle = layer.register_full_backward_hook(lambda module, grads, out_grads: print(out_grads))
        >>> layer(minigrad.ones(1, 2)).sum().backward()
        (tensor([[1.]]),)
        """
        return self._own_hooks().backward.add(hook, first=prepend)


def _checked(hook: Any, wrapped: Hook) -> Hook:
    """Return the wrapped hook, or the hook itself where it cannot be called, which `Hooks.add` tells."""
    return wrapped if callable(hook) else hook


def _run_quietly(hook: Hook, module: Any, args: Any, kwargs: Any, result: Any) -> Any:
    try:
        return hook(module, args, kwargs, result)
    except Exception as error:  # noqa: BLE001  (the one that is on its way matters more)
        warnings.warn(f"forward hook: with always_call it raised {error!r}, silenced for forward's own", stacklevel=2)
        return result


def _everywhere() -> CallHooks:
    Calls._call_hooks = EVERYWHERE
    return EVERYWHERE


def register_module_forward_pre_hook(hook: Hook) -> RemovableHandle:
    """Run a hook before each call of any module; see `Module.register_forward_pre_hook`."""
    return _everywhere().before.add(_checked(hook, _Before(hook, False)))


def register_module_forward_hook(
    hook: Hook, *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Run a hook behind each call of any module; see `Module.register_forward_hook`."""
    return _everywhere().after.add(_checked(hook, _After(hook, with_kwargs, always_call)))


def register_module_full_backward_pre_hook(hook: Hook) -> RemovableHandle:
    """Run a hook before the gradients of any module are computed; see `Module.register_full_backward_pre_hook`."""
    return _everywhere().backward_before.add(hook)


def register_module_full_backward_hook(hook: Hook) -> RemovableHandle:
    """Run a hook when the gradients of any module's arguments are there; see `Module.register_full_backward_hook`."""
    return _everywhere().backward.add(hook)
