"""Hooks on and off: whatever happens inside the `with`, none is left after it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, cast

from torch import nn

from .attention import attend
from .layer_patch import LayerPatch
from .parameter import standing_in
from .sites import PROJECTIONS


@contextmanager
def hooked(plans: Iterable[LayerPatch]) -> Iterator[None]:
    """The plans act on their modules' forwards inside this context."""
    fused: dict[nn.Module, dict[str, LayerPatch]] = {}
    with ExitStack() as stack:
        for plan in plans:
            site = plan.site
            if site.part in PROJECTIONS:
                fused.setdefault(site.module, {})[site.part] = plan
            elif site.part is not None:
                stack.enter_context(standing_in(site.module, site.part, plan))
            else:
                _hook(stack, site.module, plan)
        for module, parts in fused.items():
            hook = cast(Callable[..., Any], partial(_attention_hook, parts))
            stack.callback(module.register_forward_hook(hook, with_kwargs=True).remove)
        yield


def _hook(stack: ExitStack, module: nn.Module, plan: LayerPatch) -> None:
    if plan.changes_input:
        before = cast(Callable[..., Any], partial(_before, plan))
        stack.callback(module.register_forward_pre_hook(before, with_kwargs=True).remove)
    after = cast(Callable[..., Any], partial(_after, plan))
    stack.callback(module.register_forward_hook(after, with_kwargs=True).remove)


def _before(plan: LayerPatch, module: nn.Module, args: Any, kwargs: Any) -> Any:
    if args:
        return (plan.before(args[0]), *args[1:]), kwargs
    first = next(iter(kwargs))
    return args, {**kwargs, first: plan.before(kwargs[first])}


def _after(plan: LayerPatch, module: nn.Module, args: Any, kwargs: Any, out: Any) -> Any:
    return plan.after(args[0] if args else next(iter(kwargs.values())), out)


def _attention_hook(
    parts: dict[str, LayerPatch], module: nn.Module, args: Any, kwargs: Any, out: Any
) -> Any:
    query = args[0] if args else kwargs["query"]
    if not any(plan.acts(query) for plan in parts.values()):
        return out
    attended = attend(cast(nn.MultiheadAttention, module), parts, args, kwargs)
    return type(out)(attended) if isinstance(out, tuple) else attended[0]
