"""A configuration with what the database adds to it, compiled; and whether a deployment would be part of it."""

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from tianji._core.limits.limiter import LimitTable
from tianji._core.routing.dice import Dice
from tianji._core.routing.health import HealthTable
from tianji._core.sharing.shm import SharedCounters
from tianji.config.additions import Additions, Stored, extend
from tianji.config.loader import Loaded
from tianji.errors import TianjiError, UpstreamConnectFailed
from tianji.gateway.additions.destinations import admissible
from tianji.gateway.additions.following import kept
from tianji.gateway.additions.stored_cache import with_cache
from tianji.gateway.additions.stored_coordination import with_coordination
from tianji.gateway.compiled.shared import Shared
from tianji.gateway.compiled.snapshot import Snapshot
from tianji.lazy import load

if TYPE_CHECKING:
    from tianji.routing.auto.distant import AsyncEmbed

LOG: Final = logging.getLogger("tianji.gateway")


def compose(loaded: Loaded, additions: Additions, make: Callable[[Loaded], Snapshot]) -> Snapshot:
    """Compile a configuration with what the database adds to it; without that where it cannot be compiled."""
    additions = kept(loaded, additions)
    if additions == Additions():
        return make(loaded)
    extended = extend(_with_settings(loaded, additions), additions, admissible(loaded.config, loaded.environment))
    for complaint in (*additions.unreadable, *extended.complaints(additions)):
        LOG.error("left out: %s", complaint)
    whole, unfit = with_cache(extended.loaded, additions.cache)
    whole, foreign = with_coordination(whole, additions.coordination)
    if additions.exports:
        whole = replace(whole, lent=replace(whole.lent, exports=additions.exports))
    for what, said in (("the cache", unfit), ("the server of limits", foreign)):
        if said is not None:
            LOG.error("left out: %s of the database: %s", what, said)
    try:
        return make(whole)
    except (TianjiError, ValueError) as error:
        LOG.error("what the database adds is left out, since nothing can be compiled with it: %s", error)
        return make(loaded)


def _with_settings(loaded: Loaded, additions: Additions) -> Loaded:
    if not additions.settings:
        return loaded
    found: Loaded
    found, objections = load("tianji.gateway.additions.stored_settings").with_settings(loaded, additions.settings)
    for (section, name), said in objections.items():
        LOG.error("left out: %s.%s of the database: %s", section, name, said)
    return found


def objection(loaded: Loaded, additions: Additions, stored: Stored) -> str | None:
    """Say why `stored`, which is one of `additions`, would be left out; None when it would serve."""
    return _tried(loaded, additions, stored)[1]


def trial(loaded: Loaded, additions: Additions, stored: Stored) -> tuple[Snapshot | None, str | None]:
    """Return the configuration with `stored` as its only addition beside credentials; else None and why it is none."""
    return _tried(loaded, Additions(models=(stored,), credentials=additions.credentials), stored)


def _tried(loaded: Loaded, additions: Additions, stored: Stored) -> tuple[Snapshot | None, str | None]:
    extended = extend(loaded, additions, admissible(loaded.config, loaded.environment))
    if stored.id in extended.left_out:
        return None, extended.left_out[stored.id]
    try:
        snapshot = Snapshot(extended.loaded, Shared(SharedCounters(), HealthTable(), LimitTable(16)), Dice(0), nobody)
    except (TianjiError, ValueError) as error:
        return None, str(error)
    wanted = {entry.id for entry in extended.loaded.config.model_list}
    served = {entry.id for pairs in snapshot.members.values() for entry, _ in pairs}
    if stored.id in wanted - served:
        return None, "; ".join(line for line in snapshot.dropped if stored.name in line)
    return (snapshot if stored.id in wanted else None), None


def tried_settings(loaded: Loaded, stored: Mapping[str, Mapping[str, object]]) -> dict[tuple[str, str], str]:
    """Return what of settings of the database would be left out, by section and name, and why.

    Where nothing could be compiled with them it is said under empty names.
    """
    objections: dict[tuple[str, str], str]
    whole, objections = load("tianji.gateway.additions.stored_settings").with_settings(loaded, stored)
    try:
        Snapshot(whole, Shared(SharedCounters(), HealthTable(), LimitTable(16)), Dice(0), nobody)
    except (TianjiError, ValueError) as error:
        return {**objections, ("", ""): str(error)}
    return objections


def nobody(_group: str) -> "AsyncEmbed":
    """Give what embeds texts where nothing is served: it fails."""
    return _embed_nothing


async def _embed_nothing(_texts: list[str]) -> list[list[float]]:
    raise UpstreamConnectFailed("nothing is served")
