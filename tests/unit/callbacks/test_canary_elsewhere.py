"""Whoever hears of requests and is no destination of events hears no credential either, nor what is not for him."""

import asyncio
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.fakes.bills import Bills, Mavvrik, Ternary, Vantage
from tests.unit.alerts.conftest import NOW, settings
from tests.unit.callbacks.billing.test_exports import AWS
from tests.unit.callbacks.test_event import notice
from tests.unit.callbacks.vendors.test_canary import ENTRIES, EVENTS, SAID, SECRET, holds
from tests.unit.metrics.conftest import World

from tianji.alerts.alert import Alert
from tianji.alerts.claims import Claims
from tianji.alerts.office import Office
from tianji.alerts.rules import requests
from tianji.alerts.rules.paging import Paging
from tianji.alerts.transports.mail import SERVICES, mailer_of
from tianji.callbacks.billing.charges import charges
from tianji.callbacks.billing.export import EXPORTS, Answer, Export, Page, Told
from tianji.callbacks.own import own_sinks
from tianji.callbacks.sink import Delivery, Given, Sink
from tianji.config import loader
from tianji.config.schema.alerting import CHANNELS, AlertingArgs
from tianji.hooks.code import find
from tianji.lazy import load
from tianji.ledger.posting import post
from tianji.ledger.rows import sheet_of
from tianji.storage.engine import Database
from tianji.storage.location import parse
from tianji.storage.migration import migrate

HOOK = "https://hooks.example.com/all"
PLACES = {
    "SLACK_WEBHOOK_URL": HOOK, "MS_TEAMS_WEBHOOK_URL": HOOK, "DISCORD_WEBHOOK_URL": HOOK, "WEBHOOK_URL": HOOK,
    "PAGERDUTY_API_KEY": "k", "SENDGRID_API_KEY": "k", "SENDGRID_SENDER_EMAIL": "a@x.org",
}  # fmt: skip


def alerts(litellm: dict[str, Any]) -> list[Alert]:
    """All that the rules of requests say of the entries: each is slow, or failed, has no price, and is for somebody."""
    wording = settings(litellm=litellm).wording
    paging, args = Paging(), AlertingArgs(failure_threshold=1)
    found: list[Alert] = []
    for entry in ENTRIES:
        one = msgspec.structs.replace(entry, deployment_id="d", items=())
        found += [*requests.hear(one, 0.01, wording), requests.tracked(one), *paging.hear(one, NOW, args)]
    return [msgspec.structs.replace(alert, people=("b@x.org",)) for alert in found]


async def alerted(channel: str, litellm: dict[str, Any]) -> list[str]:
    """What goes out over a channel."""
    sent: list[str] = []

    class Sending:
        async def send(self, request: Delivery) -> int:
            assert not holds(request, SECRET)
            sent.append(request.body.decode())
            return 200

        send_checked = send

        def adopt(self, _config: object) -> None:
            pass

    mailer = mailer_of(PLACES, SERVICES)
    office = Office(
        settings(PLACES, alerting=(channel,), litellm=litellm), Claims(lambda: NOW), Sending(), mailer, lambda: NOW
    )
    for alert in alerts(litellm):
        await office.take(alert)
    await office.close(30)
    return sent


@pytest.mark.parametrize("channel", CHANNELS)
async def test_no_channel_of_alerts_is_told_a_credential(channel: str) -> None:
    sent = "\n".join(await alerted(channel, {}))
    assert sent
    assert SECRET not in sent
    # events and calls for help name what happened, and say nothing of it
    assert (SAID in sent) == (channel not in ("webhook", "pagerduty"))


@pytest.mark.parametrize("channel", CHANNELS)
async def test_a_channel_is_told_nothing_that_was_said_where_nobody_is(channel: str) -> None:
    hushed = {"turn_off_message_logging": True, "redact_messages_in_exceptions": True}
    assert SAID not in "\n".join(await alerted(channel, hushed))


def test_numbers_for_prometheus_say_nothing_of_it() -> None:
    world = World()
    world.hear(ENTRIES)
    text = world.text()
    assert list(text_string_to_metric_families(text))
    assert SECRET not in text
    assert SAID not in text


CODE = """
from litellm.integrations.custom_logger import CustomLogger

class Heard(CustomLogger):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.all = []

    async def async_log_success_event(self, kwargs, response_obj, start_time, end_time):
        self.all.append(repr(kwargs) + repr(response_obj))

    async_log_failure_event = async_log_success_event

loud = Heard()
bare = Heard(turn_off_message_logging=True)
"""


async def test_code_of_ones_own_is_told_no_credential(tmp_path: Path) -> None:
    sinks, problems = await asyncio.to_thread(_own, tmp_path)
    assert problems == []
    for sink in sinks:
        assert sink.tell is not None
        assert await sink.tell([event.shown(bare=sink.bare) for event in EVENTS if sink.wants(notice(event))]) == 0
    loud, bare = ["".join(await asyncio.to_thread(_heard, tmp_path, name)) for name in ("loud", "bare")]
    assert SAID in loud
    assert SECRET not in loud + bare
    assert SAID not in bare


def _own(folder: Path) -> tuple[list[Sink], list[str]]:
    (folder / "mine.py").write_text(CODE)
    file = folder / "config.yaml"
    file.write_text("litellm_settings: {callbacks: [mine.loud, mine.bare]}")
    return own_sinks(loader.load(file, {}).config, folder)


def _heard(folder: Path, name: str) -> list[str]:
    found: list[str] = find(folder, f"mine.{name}").all
    assert found
    return found


PROGRAMS: dict[str, tuple[dict[str, str], type[Bills] | None]] = {
    "cloudzero": ({"CLOUDZERO_API_KEY": "k", "CLOUDZERO_CONNECTION_ID": "c"}, None),
    "focus": (AWS, None),
    "vantage": ({"VANTAGE_API_KEY": "vntg_tkn", "VANTAGE_INTEGRATION_TOKEN": "accss_crdntl/1"}, Vantage),
    "ternary": ({"TERNARY_API_KEY": "tk", "TERNARY_CONNECTION_ID": "conn/1"}, Ternary),
    "mavvrik": ({"MAVVRIK_API_KEY": "mav", "MAVVRIK_API_ENDPOINT": "https://bills/tenant",
                 "MAVVRIK_CONNECTION_ID": "conn/1"}, Mavvrik),
}  # fmt: skip
BASES = {"vantage": "VANTAGE_BASE_URL", "ternary": "TERNARY_BASE_URL"}
DAY = date(2026, 3, 1)


@pytest.fixture(scope="module")
def billed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the entries come to in the books."""
    location = parse(f"sqlite:///{tmp_path_factory.mktemp('bills')}/t.db")
    migrate(location)

    async def summed() -> Any:
        database = Database(location)
        async with database.writing() as connection:
            await post(connection, sheet_of(ENTRIES))
        async with database.reading() as connection:
            found = await charges(connection, DAY)
        await database.close()
        return found

    return asyncio.run(summed())


@pytest.mark.parametrize("name", sorted(EXPORTS))
async def test_no_program_for_bills_is_told_a_credential(name: str, billed: Any) -> None:
    environ, kind = PROGRAMS[name]
    fake = None if kind is None else kind()
    export: Export = load(EXPORTS[name]).build(Given(name, {}, environ | {BASES.get(name, "-"): Bills.base}))
    asked: list[Delivery] = []

    async def ask(request: Delivery) -> Answer:
        asked.append(request)
        if fake is None:
            return Answer(200, {}, b"")
        return Answer(*fake.handle(request.method, request.url, dict(request.headers), request.body))

    async def note(_told: Told) -> None:
        pass

    await export.tell(Page(DAY, billed, Told(), ask, note))
    assert asked
    for request in asked:
        assert not holds(request, SECRET)
        assert not holds(request, SAID)
    assert any(holds(request, "gpt-4o") for request in asked), "what is billed would be heard"
