"""What users hang on optimisers: functions that run around steps and around saving and loading states."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Self

from ..handles import Hook, Hooks, RemovableHandle

_before_every_step, _after_every_step = Hooks(), Hooks()


def register_optimizer_step_pre_hook(hook: Hook) -> RemovableHandle:
    """Have ``hook(optimizer, args, kwargs)`` called before every step of every optimiser.

    It may return other arguments for the step, as ``(args, kwargs)``.
    """
    return _before_every_step.add(hook)


def register_optimizer_step_post_hook(hook: Hook) -> RemovableHandle:
    """Have ``hook(optimizer, args, kwargs)`` called after every step of every optimiser."""
    return _after_every_step.add(hook)


class Hookable:
    """Base of optimisers: it keeps their hooks, and runs them around `step`, whichever class defines it.

    The hooks are there before a subclass's own constructor, which need not call this class's.
    """

    _before_step: Hooks
    _after_step: Hooks
    _before_saving: Hooks
    _after_saving: Hooks
    _before_loading: Hooks
    _after_loading: Hooks
    _inside_step = False

    def __new__(cls, *_: Any, **__: Any) -> Self:
        """Make an instance without any hooks."""
        self = super().__new__(cls)
        self._before_step, self._after_step = Hooks(), Hooks()
        self._before_saving, self._after_saving = Hooks(), Hooks()
        self._before_loading, self._after_loading = Hooks(), Hooks()
        return self

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "step" in cls.__dict__:
            cls.step = _with_hooks(cls.step)  # type: ignore[attr-defined]

    def register_step_pre_hook(self, hook: Hook) -> RemovableHandle:
        """Have ``hook(optimizer, args, kwargs)`` called before each step.

        It may return other arguments for the step, as ``(args, kwargs)``.
        """
        return self._before_step.add(hook)

    def register_step_post_hook(self, hook: Hook) -> RemovableHandle:
        """Have ``hook(optimizer, args, kwargs)`` called after each step."""
        return self._after_step.add(hook)

    def register_state_dict_pre_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Have ``hook(optimizer)`` called before the state is taken, before all other hooks with `prepend`."""
        return self._before_saving.add(hook, first=prepend)

    def register_state_dict_post_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Have ``hook(optimizer, state_dict)`` called with the state taken; it may return another one."""
        return self._after_saving.add(hook, first=prepend)

    def register_load_state_dict_pre_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Have ``hook(optimizer, state_dict)`` called before a state is loaded; it may return another one."""
        return self._before_loading.add(hook, first=prepend)

    def register_load_state_dict_post_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Have ``hook(optimizer)`` called after a state was loaded."""
        return self._after_loading.add(hook, first=prepend)


def _with_hooks(step: Callable[..., Any]) -> Callable[..., Any]:
    """Return a step that runs the hooks, once where one class's step calls another one's."""

    @functools.wraps(step)
    def run(self: Hookable, *args: Any, **kwargs: Any) -> Any:
        hooked = self._before_step or self._after_step or _before_every_step or _after_every_step
        if not hooked or self._inside_step:
            return step(self, *args, **kwargs)
        self._inside_step = True
        try:
            return _run_with_hooks(step, self, args, kwargs)
        finally:
            self._inside_step = False

    return run


def _run_with_hooks(step: Callable[..., Any], self: Hookable, args: Any, kwargs: Any) -> Any:
    for hook in (*_before_every_step.all(), *self._before_step.all()):
        changed = hook(self, args, kwargs)
        if changed is None:
            continue
        if not isinstance(changed, tuple) or len(changed) != 2:
            raise RuntimeError(f"step: a hook before it must return None or (args, kwargs), got {changed!r}")
        args, kwargs = changed
    result = step(self, *args, **kwargs)
    for hook in (*self._after_step.all(), *_after_every_step.all()):
        hook(self, args, kwargs)
    return result
