"""Who is told of the log: all that is stored, in its order, however often a destination is away."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from msgspec.structs import replace
from tests.unit.management.audit.conftest import NOW, done, entries

from tianji._core.sharing.revision import Revisions
from tianji.callbacks.sink import Delivery
from tianji.clock import ManualClock
from tianji.config.schema import Config, Settings
from tianji.errors import Unacceptable
from tianji.management import schedule
from tianji.management.audit.herald import RETRY, Herald
from tianji.management.audit.positions import LEASE
from tianji.management.desk import Call
from tianji.management.office import Office
from tianji.management.schedule import Schedule
from tianji.storage.store import Store
from tianji.storage.tables import TEAMS

CODE = """
from litellm.integrations.custom_logger import CustomLogger
from litellm.types.utils import StandardAuditLogPayload

HEARD = []


class Mine(CustomLogger):
    async def async_log_audit_log_event(self, audit_log: StandardAuditLogPayload) -> None:
        HEARD.append(audit_log)
        if audit_log["object_id"] == "bad":
            raise KeyError("no")


class Other(CustomLogger):
    def log_success_event(self, kwargs, response_obj, start_time, end_time):
        pass


mine, silent = Mine(), Other()
"""


class Ears:
    """A destination that keeps what it is sent, and answers with what `status` says."""

    def __init__(self) -> None:
        self.heard: list[Delivery] = []
        self.status: Any = lambda _request: 200

    async def __call__(self, request: Delivery) -> int:
        status = self.status(request)
        if status is None:
            raise OSError("nobody there")
        if status < 300:
            self.heard.append(request)
        return int(status)

    def ids(self) -> list[str]:
        return [one["object_id"] for request in self.heard for one in told(request)]


def told(request: Delivery) -> list[dict[str, Any]]:
    found = msgspec.json.decode(request.body)
    return found if isinstance(found, list) else [found]


def heard_by(office: Office, *names: str, folder: Path | None = None, **params: Any) -> Office:
    """The same office, whose configuration names these."""
    config = replace(
        Config(),
        litellm_settings=Settings(store_audit_logs=True, audit_log_callbacks=names),
        callback_settings={"hook": {"callback_type": "generic_api", "endpoint": "http://ears/log", **params}},
    )
    clock = ManualClock(NOW.timestamp())
    return replace(office, config=lambda: config, folder=lambda: folder or Path(), clock=clock)


def herald_of(office: Office, ears: Ears) -> Herald:
    return Herald(office, NOW.timestamp() - 60, ears)


async def team(office: Office, *names: str) -> None:
    async def make(call: Call) -> None:
        for name in names:
            await call.insert(TEAMS, team_id=name)

    await done(office, make)


async def tell(herald: Herald) -> None:
    await herald.round()
    await herald.settle()


async def test_what_was_stored_is_told_once(office: Office) -> None:
    office, ears = heard_by(office, "hook"), Ears()
    herald = herald_of(office, ears)
    await team(office, "a", "b")
    await tell(herald)
    await tell(herald)
    await team(office, "c")
    assert ears.ids() == ["a", "b"], "nobody tells it before the next round"
    await tell(herald)
    assert ears.ids() == ["a", "b", "c"]
    (first, *_), (stored, *_) = told(ears.heard[0]), await entries(office)
    assert first.keys() == {
        "id", "updated_at", "changed_by", "changed_by_api_key", "action", "table_name", "object_id", "before_value",
        "updated_values",
    }  # fmt: skip
    assert (first["updated_at"], first["changed_by"], first["before_value"]) == (NOW.isoformat(), "boss", None)
    assert msgspec.json.decode(first["updated_values"]) == stored["updated_values"]


async def test_what_fails_is_told_nobody(office: Office) -> None:
    office, ears = heard_by(office, "hook"), Ears()
    herald = herald_of(office, ears)

    async def fail(call: Call) -> None:
        await call.insert(TEAMS, team_id="gone")
        await tell(herald)  # while it is under way
        raise Unacceptable("no")

    await tell(herald)
    with pytest.raises(Unacceptable):
        await done(office, fail)
    await tell(herald)
    assert ears.ids() == []


async def test_a_destination_that_is_away_is_told_later_and_stops_nobody(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    office, ears = heard_by(office, "hook", "webhook"), Ears()
    office = replace(office, environ=lambda: {"GENERIC_LOGGER_ENDPOINT": "http://other/log"})
    herald, clock = herald_of(office, ears), office.clock
    assert isinstance(clock, ManualClock)
    for status in (None, 503, 429):
        ears.status = lambda request, status=status: status if "ears" in request.url else 200
        await team(office, f"at-{status}")
        await tell(herald)
        await tell(herald)  # it is too early
        clock.advance(RETRY.total_seconds())
    assert ears.ids() == ["at-None", "at-503", "at-429"], "the other one was told at once"
    assert caplog.text.count("does not take entries") == 1
    ears.status = lambda _: 200
    await tell(herald)
    assert ears.ids()[3:] == ["at-None", "at-503", "at-429"]


async def test_what_is_refused_is_passed_over_alone(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    office, ears = heard_by(office, "hook"), Ears()
    ears.status = lambda request: 400 if b'"object_id":"bad"' in request.body else 200
    herald = herald_of(office, ears)
    await team(office, "a", "b", "bad", "c", "d")
    await tell(herald)
    await tell(herald)
    assert ears.ids() == ["a", "b", "c", "d"]
    assert caplog.text.count("refused the entry") == 1


async def test_two_machines_tell_each_entry_once(office: Office) -> None:
    office, ears = heard_by(office, "hook", log_format="single"), Ears()
    one, other = herald_of(office, ears), herald_of(office, ears)
    await tell(one)
    for number in range(5):
        await team(office, *(f"{number}-{part}" for part in range(20)))
        await asyncio.gather(tell(one), tell(other))
    await tell(one)
    assert sorted(ears.ids()) == sorted(f"{number}-{part}" for number in range(5) for part in range(20))


async def test_who_dies_while_telling_is_stood_in_for(office: Office) -> None:
    office, ears = heard_by(office, "hook"), Ears()
    dying, other, clock = herald_of(office, ears), herald_of(office, ears), office.clock
    assert isinstance(clock, ManualClock)
    await team(office, "a")
    begun = asyncio.Event()

    async def forever(_request: Delivery) -> int:
        begun.set()
        await asyncio.Event().wait()
        return 200

    dying._send = forever
    await dying.round()
    await begun.wait()
    (task,) = dying.under_way
    task.cancel()
    await asyncio.wait({task})
    await tell(other)
    assert ears.ids() == []
    clock.advance(LEASE.total_seconds())
    await tell(other)
    assert ears.ids() == ["a"]


async def test_a_new_destination_begins_when_it_is_named(office: Office) -> None:
    clock = ManualClock(NOW.timestamp())
    await team(replace(office, clock=clock), "before")
    clock.advance(120)
    later = heard_by(office, "hook")
    later = replace(later, clock=clock)
    ears = Ears()
    herald = Herald(later, clock.now(), ears)
    await team(later, "since")
    clock.advance(5)
    await tell(herald)
    assert ears.ids() == ["since"]


async def test_code_of_the_operators_own_hears_of_each(
    office: Office, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "conf"
    await asyncio.to_thread(folder.mkdir)
    await asyncio.to_thread((folder / "audit_hooks.py").write_text, CODE)
    names = ("audit_hooks.mine", "audit_hooks.silent", "nobody.there", "langfuse")
    office = heard_by(office, *names, folder=folder)
    herald = herald_of(office, Ears())
    await team(office, "a", "bad", "c")
    await tell(herald)
    found = herald._heard["audit_hooks.mine"].hook
    assert found is not None
    heard = found.__globals__["HEARD"]  # type: ignore[attr-defined]
    assert [one["object_id"] for one in heard] == ["a", "bad", "c"]
    assert all(isinstance(one["updated_values"], str) for one in heard)
    assert "callback audit_hooks.mine failed at" in caplog.text
    assert "callback audit_hooks.silent: override async_log_audit_log_event" in caplog.text
    assert "callback nobody.there: there is no nobody.py" in caplog.text
    assert "callback langfuse:" in caplog.text
    assert list(herald._heard) == ["audit_hooks.mine"]


async def test_many_are_told_in_parts(office: Office) -> None:
    office, ears = heard_by(office, "hook"), Ears()
    herald = herald_of(office, ears)
    await team(office, *(f"{number:04}" for number in range(1100)))
    most = 0

    def status(request: Delivery) -> int:
        nonlocal most
        most = max(most, len(told(request)))
        return 200

    ears.status = status
    await tell(herald)
    assert len(set(ears.ids())) == 1100
    assert most <= 512


async def test_the_log_forgets_nobody_who_waits(office: Office) -> None:
    """Rows that are dropped meanwhile are not told; what comes after them is."""
    office, ears = heard_by(office, "hook"), Ears()
    herald = herald_of(office, ears)
    await tell(herald)
    await team(office, "a", "b")
    async with (await office.store.open()).writing() as connection:
        await connection.execute(sa.text("DELETE FROM audit_log WHERE object_id = 'a'"))
    await team(office, "c")
    await tell(herald)
    assert ears.ids() == ["b", "c"]
    assert timedelta(0) < RETRY < LEASE


async def test_a_worker_that_begins_tells_what_was_left(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was never asked anything, so it has not opened the database."""
    ears, heard = Ears(), asyncio.Event()

    async def post(_herald: Herald, request: Delivery) -> int:
        status = await ears(request)
        heard.set()
        return status

    monkeypatch.setattr(schedule, "LOOK", 0.001)
    monkeypatch.setattr(schedule, "UNASKED", 0)
    monkeypatch.setattr(Herald, "_post", post)
    await team(office, "left")
    store = Store(office.store.location, Revisions())
    begun = Schedule(replace(heard_by(office, "hook"), store=store))
    begun.start()
    await asyncio.wait_for(heard.wait(), 20)
    await begun.stop()
    await store.close()
    assert ears.ids() == ["left"]


@pytest.mark.parametrize("said", [{"audit_log_callbacks": ["hook"]}, {"store_audit_logs": True}])
async def test_without_both_settings_nothing_is_opened(
    office: Office, said: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "LOOK", 0.001)
    config = replace(Config(), litellm_settings=Settings(**said))
    looked = asyncio.Event()

    def look() -> Config:
        looks.append(None)
        if len(looks) > 20:
            looked.set()
        return config

    looks: list[None] = []
    idle = Schedule(replace(office, config=look))
    idle.start()
    await asyncio.wait_for(looked.wait(), 20)
    await idle.stop()
    assert office.store.connected is None
    assert idle._herald is None
