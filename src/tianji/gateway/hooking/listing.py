"""Hooks that hide models from lists. They make none unreachable: a key's own models are what it may use."""

from collections.abc import Awaitable, Callable, Collection

from tianji.gateway.hooking.case import caller
from tianji.gateway.hooking.registered import Registered
from tianji.hooks.roles import LISTING_HOOKS

Narrow = Callable[[object, str, Collection[str]], Awaitable[frozenset[str]]]
"""Takes who asks, on which path, and names of models; returns those that he is shown."""


def narrowing(registered: Registered) -> Narrow:
    """Return what asks the hooks, one after another. It raises HookRefused and HookFailed."""

    async def narrow(identity: object, path: str, names: Collection[str]) -> frozenset[str]:
        shown = list(names)
        for hook in registered.of(LISTING_HOOKS[0]):
            said = await hook({"user_api_key_dict": caller(identity, path), "model_names": tuple(shown)})
            if said is not None:
                kept = frozenset(map(str, said))
                shown = [name for name in shown if name in kept]
        return frozenset(shown)

    return narrow
