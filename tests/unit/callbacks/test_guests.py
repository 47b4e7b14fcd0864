"""Accounts of callbacks that requests bring along."""

import asyncio
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.unit.callbacks.test_event import payload
from tests.unit.ledger.conftest import entry

from tianji.callbacks.guests import FORGOTTEN, MOST, PATIENCE, REQUEST, Guests
from tianji.callbacks.making import notice_of
from tianji.callbacks.sink import Delivery, Sink
from tianji.callbacks.teller import Teller
from tianji.config.loader import Loaded, load
from tianji.ledger.entry import Entry, Payload, Telling
from tianji.ledger.journal import Journal

THEIRS = {"langfuse_public_key": "pk-theirs", "langfuse_secret_key": "sk-canary", "langfuse_host": "https://theirs"}
HOUSE = {"LANGFUSE_PUBLIC_KEY": "pk", "LANGFUSE_SECRET_KEY": "of-the-house", "LANGFUSE_HOST": "http://house",
         "LANGSMITH_API_KEY": "of-the-house", "DD_API_KEY": "of-the-house", "DD_SITE": "dd"}  # fmt: skip


def loaded(
    folder: Path, callbacks: str = "[langfuse, datadog]", allow: str = "true", key: str = "sk-0123456789abcdef"
) -> Loaded:
    file = folder / "config.yaml"
    general = f"{{allow_client_side_credentials: {allow}, master_key: {key}}}"
    file.write_text(f"litellm_settings: {{success_callback: {callbacks}}}\ngeneral_settings: {general}\n")
    return load(file, HOUSE)


class World:
    def __init__(self, folder: Path, **settings: str) -> None:
        self.now = 0.0
        self.guests = Guests(loaded(folder, **settings), lambda: self.now)

    def of(self, **members: Any) -> Any:
        return self.guests.of(entry(1, payload=payload(**members)))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def authorization(sink: Sink, *events: Entry) -> tuple[str, str]:
    told = [notice_of(one) for one in events or (entry(1),)]
    (request,) = sink.write([notice.event for notice in told if notice is not None])
    return request.url.rpartition("/api/")[0], request.headers["authorization"]


def basic(pair: str) -> str:
    return "Basic " + b64encode(pair.encode()).decode()


@pytest.mark.parametrize(
    "members",
    [THEIRS, {"metadata": THEIRS}, {"litellm_metadata": THEIRS}, {"metadata": msgspec.json.encode(THEIRS).decode()}],
)
def test_a_request_is_told_to_the_account_that_it_names(world: World, members: dict[str, Any]) -> None:
    owner, kinds = world.of(**members)
    assert (owner[0], kinds) == (REQUEST, {"langfuse"})
    assert world.guests.fresh() == [owner]
    (sink,) = world.guests.sinks(owner)
    assert authorization(sink) == ("https://theirs", basic("pk-theirs:sk-canary"))
    assert (sink.hears, sink.owner, sink.patience, sink.lasting) == ({"success"}, owner, PATIENCE, False)
    assert "canary" not in sink.name
    assert world.of(**members)[0] == owner, "the same credentials are the same account"
    assert world.guests.fresh() == []


def test_the_account_is_told_instead_of_the_gateways_own(world: World) -> None:
    owner, kinds = world.of(**THEIRS)
    event = notice_of(entry(1, payload=payload(**THEIRS)), (owner, kinds))
    assert event is not None
    assert b"canary" not in event.wire
    (theirs,) = world.guests.sinks(owner)
    ours, other = (Sink(name, lambda _: (), kind=name) for name in ("langfuse", "datadog"))
    assert (theirs.wants(event), ours.wants(event), other.wants(event)) == (True, False, True)
    usual = notice_of(entry(2))
    assert usual is not None
    assert (theirs.wants(usual), ours.wants(usual)) == (False, True)


def test_whoever_has_callbacks_by_his_key_has_these_whatever_his_request_says(world: World) -> None:
    said = payload(**THEIRS)
    of_key = Payload(said.messages, said.response, said.request, telling=Telling(owner="key", muted=("datadog",)))
    event = notice_of(entry(1, key="k" * 64, payload=of_key), world.of(**THEIRS))
    assert event is not None
    assert event.audience.owner == ("key", "k" * 64)  # type: ignore[union-attr] # it has one
    assert Sink("langfuse", lambda _: ()).wants(event)
    muted = Payload(said.messages, said.response, said.request, telling=Telling(muted=("langfuse",)))
    quiet = notice_of(entry(1, payload=muted), world.of(**THEIRS))
    assert quiet is not None
    assert not any(sink.wants(quiet) for sink in world.guests.sinks(world.of(**THEIRS)[0]))


@pytest.mark.parametrize(
    "settings",
    [{"allow": "false"}, {"callbacks": "[datadog]"}],
    ids=["it is not allowed", "nobody is told by that callback"],
)
def test_credentials_of_a_request_may_count_for_nothing(tmp_path: Path, settings: dict[str, str]) -> None:
    assert World(tmp_path, **settings).of(**THEIRS) is None


@pytest.mark.parametrize(
    "members",
    [
        {"dd_api_key": "x", "dd_site": "theirs", "gcs_bucket_name": "theirs", "signoz_ingestion_endpoint": "http://x"},
        {"langfuse_public_key": "os.environ/SECRET"}, {"langfuse_public_key": "oidc/google"},
        {"langfuse_color": "red"}, {"langfuse_public_key": ["x"]}, {"metadata": "{", "a": "langfuse_"},
        {"metadata": {"deeper": THEIRS}},
    ],
)  # fmt: skip
def test_what_a_request_may_not_say_it_has_not_said(world: World, members: dict[str, Any]) -> None:
    assert world.of(**members) is None


def test_a_request_gets_no_credential_of_the_gateways_beside_its_own(world: World) -> None:
    for without in ("langfuse_secret_key", "langfuse_public_key"):
        half = {name: value for name, value in THEIRS.items() if name not in (without, "langfuse_host")}
        found = world.guests.sinks(world.of(**half)[0])
        shown = [b64decode(authorization(sink)[1].removeprefix("Basic ")).decode() for sink in found]
        assert not any("of-the-house" in pair.partition(":")[2] for pair in shown)
    homeless = {name: value for name, value in THEIRS.items() if name != "langfuse_host"}
    (sink,) = world.guests.sinks(world.of(**homeless)[0])
    assert authorization(sink) == ("http://house", basic("pk-theirs:sk-canary"))


def test_who_did_not_come_for_an_hour_is_forgotten_and_there_is_room_for_so_many(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    owners = [world.of(**THEIRS | {"langfuse_public_key": str(number)})[0] for number in range(MOST + 1)]
    assert not world.guests.sinks(owners[0])
    assert all(world.guests.sinks(owner) for owner in owners[1:])
    assert caplog.text.count("accounts of callbacks at a time") == 1
    assert "canary" not in caplog.text
    world.now += FORGOTTEN + 1
    assert not any(world.guests.sinks(owner) for owner in owners)


def test_what_is_kept_of_them_is_encrypted(world: World, tmp_path: Path) -> None:
    owner, _ = world.of(**THEIRS)
    kept = world.guests.kept()
    assert "canary" not in str(kept)
    again = World(tmp_path)
    again.guests.recall(kept)
    assert [sink.name for sink in again.guests.sinks(owner)] == [sink.name for sink in world.guests.sinks(owner)]
    other = World(tmp_path, key="sk-another-0123456789")
    other.guests.recall(kept)
    assert other.guests.sinks(owner) == ()


async def test_an_account_gets_its_events_once_over_a_restart(tmp_path: Path) -> None:
    folder, got = tmp_path / "journals", list[tuple[str, str]]()
    said = await asyncio.to_thread(loaded, tmp_path)

    def write() -> None:
        journal = Journal(folder)
        journal.append(entry(1, payload=payload(**THEIRS)))
        journal.append(entry(2, payload=payload()))
        journal.close()

    async def send(request: Delivery) -> int:
        batch = msgspec.json.decode(request.body)["batch"]
        got.extend((request.url, one["body"]["id"]) for one in batch if one["type"] == "generation-create")
        return 200

    async def away(request: Delivery) -> int:
        raise OSError("away")

    await asyncio.to_thread(write)
    house = Sink("langfuse", lambda events: [Delivery("http://house", msgspec.json.encode(
        {"batch": [{"type": "generation-create", "body": {"id": event.id}} for event in events]}))])  # fmt: skip
    for to_guests in (away, send):
        guests = Guests(said)
        sinks = guests.sinks

        async def owned(owner: tuple[str, str], sinks: Any = sinks) -> Any:
            return sinks(owner)

        teller = Teller(folder, send, owned=owned, send_checked=to_guests, sleep=lambda _: asyncio.Event().wait())
        teller.invite(guests)
        teller.adopt([house])
        await teller.round()
        await teller.outlets["langfuse"].flush()  # by which the guest is met
        await teller.round()
        theirs = next(outlet for name, outlet in teller.outlets.items() if name != "langfuse")
        if to_guests is send:
            await theirs.flush()
        await teller.round()
        for task in teller._tasks.values():
            task.cancel()
        await asyncio.gather(*teller._tasks.values(), return_exceptions=True)
        teller._lead.release()
    assert [url for url, _ in got] == ["http://house", "https://theirs/api/public/ingestion"]
    assert "sk-canary" not in (tmp_path / "callbacks.json").read_text()
