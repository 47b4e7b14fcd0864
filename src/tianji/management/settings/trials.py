"""Whether destinations and channels of alerts that a configuration or a key names take what they are sent."""

import asyncio
import uuid
from typing import Final

import httpx

from tianji._core.upstreams.http1 import Timeouts
from tianji.alerts.alert import Alert
from tianji.alerts.settings import Settings, settings_of
from tianji.alerts.transports import chat, events
from tianji.alerts.transports.mail import SERVICES, Letter, mailer_of
from tianji.callbacks.event import LogEvent
from tianji.callbacks.lent import checking
from tianji.callbacks.making import event_of
from tianji.callbacks.owners import Owners
from tianji.callbacks.settings import sinks_of
from tianji.callbacks.sink import Delivery, Sink
from tianji.callbacks.variables import owned
from tianji.callbacks.vendors import ALIASES
from tianji.clock import SYSTEM
from tianji.egress.client import open_client
from tianji.egress.connector import Check
from tianji.errors import TianjiError, Unacceptable
from tianji.ledger.entry import FAILURE, SUCCESS, Entry, Payload
from tianji.management.desk import Call, Row
from tianji.storage.tables import KEYS, USERS

TOTAL: Final = 10.0  # seconds in which a test event has to arrive
_LIMITS: Final = Timeouts(connect=5.0, between_chunks=TOTAL)
_CHANNELS: Final = {"slack_budget_alerts": "slack"}  # other names of channels
_EVENT: Final = {
    "spend": 1.0, "max_budget": 0.0, "soft_budget": None, "token": "litellm-test", "customer_id": None,
    "user_id": "default_user_id", "team_id": None, "team_alias": None, "organization_id": None, "user_email": None,
    "key_alias": None, "projected_exceeded_date": None, "projected_spend": None, "event": "budget_crossed",
    "event_group": "user", "event_message": "This is a test of litellm-test",
}  # fmt: skip


async def service(call: Call) -> Row:
    """Send an event to a destination, or a message over a channel of alerts, and say what came of it."""
    name = call.query.get("service", "")
    if not name:
        raise Unacceptable("say which destination is to be tried: ?service=", param="service")
    if (told := await _try_channel(call, name)) is not None:
        return told
    sinks, problems = sinks_of(call.config, call.office.environ(), call.office.fleet.lent())
    meant = {name, ALIASES.get(name, name)}
    sink = next((one for one in sinks if meant & {one.name, one.kind}), None)
    if sink is None:
        said = next((problem for problem in problems if problem.startswith(f"callback {name}:")), None)
        raise Unacceptable(
            said or f"callback {name[:80]!r} is not in the configuration; add it to callbacks", param="service"
        )
    check = checking(call.config) if sink.foreign else None
    await _send(sink, _test_event(SUCCESS if SUCCESS in sink.hears else FAILURE), check)
    return {"status": "success", "message": f"{name} took a test event; look for litellm-test there"}


def _test_event(status: str) -> LogEvent:
    call = uuid.uuid4().hex
    now = int(SYSTEM.now() * 1_000_000)
    said = b'[{"role":"user","content":"This is a test of litellm-test"}]'
    entry = Entry(
        request_id=f"{call}-0", call_id=call, started_at=now, ended_at=now, status=status, model="litellm-test",
        model_group="litellm-test", provider="openai", key="litellm-test", end_user="litellm-test",
        payload=Payload(said, b'{"choices":[{"message":{"role":"assistant","content":"It works."}}]}', b"{}"),
        error_class="Test" if status == FAILURE else None, error_message="a test" if status == FAILURE else None,
    )  # fmt: skip
    event = event_of(entry)
    if event is None:
        raise TypeError("a test event is told")
    return event


async def _send(sink: Sink, event: LogEvent, check: Check | None) -> None:
    try:
        async with asyncio.timeout(TOTAL), open_client(_LIMITS, check=check) as client:
            for request in sink.write([event.shown(bare=sink.bare, hidden=sink.hidden)]):
                await _ask(client, request if sink.complete is None else await sink.complete(request))
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, TianjiError, ValueError) as error:
        said = error.message if isinstance(error, TianjiError) else f"{type(error).__name__} {error}".strip()
        raise Unacceptable(f"{sink.name} did not take a test event: {said}", param="service") from error


async def _ask(client: httpx.AsyncClient, request: Delivery) -> None:
    answer = await client.request(request.method, request.url, content=request.body, headers=dict(request.headers))
    if not request.accepts(answer.status_code):
        raise ValueError(f"it answered with status {answer.status_code}")


async def _try_channel(call: Call, name: str) -> Row | None:
    """Send a message over a channel of alerts, and say so; None where it is none of the configuration's."""
    channel = _CHANNELS.get(name, name)
    settings = settings_of(call.config, call.office.environ(), call.office.fleet.lent())
    if settings is None or channel not in settings.channels or channel == "pagerduty":  # nobody is called out for it
        return None
    alert = Alert(kind="budget_alerts", text=str(_EVENT["event_message"]), event=_EVENT)
    try:
        if channel == "email":
            await _mail(call, alert)
        for request in _messages(channel, settings, alert, call.now.timestamp()):
            check = checking(call.config) if request.url in settings.foreign else None
            async with asyncio.timeout(TOTAL), open_client(_LIMITS, check=check) as client:
                await _ask(client, request)
    except (httpx.HTTPError, httpx.InvalidURL, TianjiError, ValueError, OSError) as error:
        said = error.message if isinstance(error, TianjiError) else f"{type(error).__name__} {error}".strip()
        raise Unacceptable(f"{channel} did not take a test message: {said}", param="service") from error
    return {"status": "success", "message": f"{channel} took a test message; look for litellm-test there"}


def _messages(channel: str, settings: Settings, alert: Alert, now: float) -> list[Delivery]:
    if channel == "webhook":
        told = None if settings.webhook is None else events.delivery(settings.webhook, alert)
        found = [] if told is None else [told]
    else:
        text = chat.text_of(alert, 1, now, settings.zone, settings.base_url)
        found = [chat.delivery(channel, url, text) for url in settings.addresses(channel, alert.kind)]
    if not found and channel != "email":
        raise ValueError("it has no address; see docs/callbacks.md for the variable that says it")
    return found


async def _mail(call: Call, alert: Alert) -> None:
    environ = call.office.environ()
    named = [name for name in call.config.litellm_settings.callbacks if name in SERVICES]
    user = await call.one(USERS, user_id=call.caller.user_id)
    to = environ.get("TEST_EMAIL_ADDRESS") or (user or {}).get("user_email")
    mailer = mailer_of(environ, named or SERVICES)
    if mailer is None or not to:
        raise ValueError("set a service of mail, and TEST_EMAIL_ADDRESS to whom it goes")
    letter = Letter((to,), "A test of alerts", alert.text)
    if not callable(mailer):
        await asyncio.to_thread(mailer.send, letter)
        return
    async with asyncio.timeout(TOTAL), open_client(_LIMITS) as client:
        await _ask(client, mailer(letter))


async def key(call: Call) -> Row:
    """Send an event to each destination that the caller's own key names, and say what came of it."""
    row = await call.one(KEYS, token=call.caller.key)
    names = [one.name for one in owned((row or {}).get("metadata") or {})]
    if not names:
        return {"key": "healthy", "logging_callbacks": None}
    sinks = await Owners(call.office.store, call.office.fleet.loaded()).sinks(("key", call.caller.key))
    faults = [] if len(sinks) >= len(names) else ["one of them cannot be built as it is; the gateway's log says why"]
    for sink in sinks:
        try:
            await _send(sink, _test_event(SUCCESS if SUCCESS in sink.hears else FAILURE), checking(call.config))
        except Unacceptable as error:
            faults.append(error.message)
    well = f"each has taken a test event; look for litellm-test in {', '.join(names)}"
    state = "unhealthy" if faults else "healthy"
    told = {"callbacks": names, "status": state, "details": "; ".join(faults) or well}
    return {"key": state, "logging_callbacks": told}
