"""Whether a cache that nobody uses yet would work."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tianji.cache.plan import SEMANTIC, plan_of
from tianji.config.schema import Config
from tianji.errors import ConfigurationError
from tianji.lazy import load
from tianji.storage.valkey import Server

PATIENCE: Final = 5.0  # seconds


async def fault(config: Config, environ: Mapping[str, str]) -> str | None:
    """Say what is wrong with the server on which the cache of a configuration would keep answers; None where it works.

    It says no word of the server's, which may be anything that listens there.
    """
    plan = plan_of(config, environ)
    if plan is None or plan.type == "local":
        return None
    try:
        place: Any = (
            load("tianji.cache.semantic.building").vectors(plan, environ)
            if plan.type in SEMANTIC
            else load("tianji.cache.building").place(plan, environ, Path())
        )
    except ConfigurationError as error:
        return error.message
    return await _silence(place)


async def fault_of(server: Server) -> str | None:
    """Say what is wrong with a Redis or Valkey; None where it works. It says no word of the server's either."""
    return await _silence(load("tianji.cache.backends.valkey").ValkeyPlace(server))


async def _silence(place: Any) -> str | None:
    try:
        async with asyncio.timeout(PATIENCE):
            await place.ping()
    except place.failures as error:
        return f"the server does not work: {type(error).__name__}"
    finally:
        await place.aclose()
    return None
