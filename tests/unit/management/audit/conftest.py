"""An office with a database of either kind, whose configuration keeps the log."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from msgspec.structs import replace

from tianji._core.requests.silent import SilentExchange
from tianji._core.sharing.revision import Revisions
from tianji.auth.identity import Identity, Role
from tianji.clock import ManualClock
from tianji.config.schema import Config, Settings
from tianji.gateway.beforehand.own_requests import NO_MATCH
from tianji.management import desk
from tianji.management.office import Office
from tianji.storage.location import Location
from tianji.storage.store import Store
from tianji.storage.tables import ABOUT, AUDIT_LOG

CLOCK = ManualClock(datetime(2026, 11, 26, 12, tzinfo=UTC).timestamp())
NOW = datetime.fromtimestamp(CLOCK.now(), UTC)
BOSS = Identity(role=Role.PROXY_ADMIN, user_id="boss", key="of-boss")
ANN = Identity(role=Role.INTERNAL_USER, user_id="ann", key="of-ann")
KEPT = replace(Config(), litellm_settings=Settings(store_audit_logs=True))


@pytest.fixture
async def office(migrated: Location) -> AsyncIterator[Office]:
    store = Store(migrated, Revisions())
    yield Office(store=store, config=lambda: KEPT, groups=dict, salt=lambda: "a salt", clock=CLOCK)
    await store.close()


async def done(office: Office, function: desk.Function, by: Identity = BOSS, on_behalf: str = "") -> object:
    """What a request of somebody comes to that is served by `function`."""
    headers = [(b"litellm-changed-by", on_behalf.encode())] if on_behalf else []
    exchange = SilentExchange("", b"", by, headers=headers)
    return await desk.done(office, function, exchange, NO_MATCH)  # type: ignore[arg-type]


async def entries(office: Office) -> list[dict[str, Any]]:
    """The log, the oldest first, without what is different each time."""
    async with (await office.store.open()).reading() as connection:
        rows = (await connection.execute(sa.select(AUDIT_LOG).order_by(AUDIT_LOG.c.number))).mappings().all()
    return [{name: value for name, value in row.items() if name not in ("id", "number", *ABOUT)} for row in rows]
