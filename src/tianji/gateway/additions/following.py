"""Hears when what the database adds to the configuration has changed, and reads it again."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Literal, get_args

import msgspec

from tianji.auth.tags import MODELS
from tianji.config.additions import Additions
from tianji.config.environment import is_true, lookup
from tianji.config.loader import Loaded
from tianji.errors import TianjiError
from tianji.lazy import load
from tianji.storage.store import Store

LOOK: Final = 0.1  # seconds between two looks whether something changed
PATIENCE: Final = 10.0  # seconds that the start waits for a database that hangs; one that is away says so sooner
REST: Final = 1.0  # seconds until the database is asked again after it did not answer

log = logging.getLogger("tianji.gateway")
Kind = Literal[
    "models",
    "pass_through_endpoints",
    "guardrails",
    "prompts",
    "mcp",
    "cache_settings",
    "coordination_redis",
    "settings",
]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
_FIELDS: Final[Mapping[Kind, tuple[str, ...]]] = {
    "models": ("models", "credentials", "fallbacks", "unreadable"),
    "pass_through_endpoints": ("endpoints",),
    "guardrails": ("guardrails",),
    "prompts": ("prompts",),
    "mcp": ("mcp_servers",),
    "cache_settings": ("cache",),
    "coordination_redis": ("coordination",),
    "settings": ("settings", "exports"),
}
_NOTHING: Final = Additions()
Adopt = Callable[[Additions], Awaitable[None]]


def keeps(loaded: Loaded, kind: Kind) -> bool:
    """Whether the database adds this to the configuration: `store_model_in_db`, or STORE_MODEL_IN_DB."""
    general = loaded.config.general_settings
    environ = loaded.environment
    wanted = general.store_model_in_db or is_true(
        environ.get("STORE_MODEL_IN_DB") or lookup(environ, "STORE_MODEL_IN_DB")
    )
    return wanted and (general.supported_db_objects is None or kind in general.supported_db_objects)


def follows(loaded: Loaded) -> bool:
    """Whether the database adds anything at all."""
    return any(keeps(loaded, kind) for kind in KINDS)


def kept(loaded: Loaded, additions: Additions) -> Additions:
    """Return what of all that the database adds is wanted."""
    unwanted = (name for kind in KINDS if not keeps(loaded, kind) for name in _FIELDS[kind])
    return msgspec.structs.replace(additions, **{name: getattr(_NOTHING, name) for name in unwanted})


class Following:
    """One worker's ear. `adopt` is told all that is added, again whenever it is another."""

    def __init__(self, store: Store, wanted: Callable[[], bool], salt: Callable[[], str | None], adopt: Adopt) -> None:
        self._store = store
        self._wanted = wanted
        self._salt = salt
        self._adopt = adopt
        self._known = Additions()
        self._seen: int | None = None  # the head of changes when it was read last
        self._reading = asyncio.Lock()
        self._looked = asyncio.Event()  # for the first time
        self._task: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Read what there is, and follow from now on. A database that does not answer soon keeps no worker waiting."""
        self._task = asyncio.get_running_loop().create_task(self._follow())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._looked.wait(), PATIENCE)

    def end(self) -> None:
        """Follow no more."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def catch_up(self) -> bool:
        """Read what changed, if something did; False when it could not be read, and will be later."""
        if not self._wanted() or self._store.empty:
            return True
        if self._seen is not None:
            head, tags = self._store.revisions.since(self._seen)
            if tags is not None and MODELS not in tags:
                self._seen = head
                return True
        try:
            await self._read()
        except (TianjiError, ValueError) as error:
            log.error("models of the database are not in force as they stand there, and will be: %s", error)
            return False
        return True

    async def _follow(self) -> None:
        while True:
            done = await self.catch_up()
            self._looked.set()
            await asyncio.sleep(LOOK if done else REST)

    async def _read(self) -> None:
        async with self._reading:
            head = self._store.revisions.head  # first: what changes while it is read is read again
            additions: Additions = await load("tianji.storage.additions").read(await self._store.open(), self._salt())
            if additions != self._known:
                await self._adopt(additions)
                self._known = additions
            self._seen = head
