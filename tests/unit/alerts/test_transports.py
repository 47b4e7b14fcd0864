"""What is sent over each channel, how often it is tried, and what is told together."""

import asyncio
import smtplib
from collections.abc import Callable
from datetime import UTC
from email.message import EmailMessage
from typing import Any, Self
from zoneinfo import ZoneInfo

import msgspec
import pytest
from tests.unit.alerts.conftest import NOW, settings

from tianji.alerts.alert import Alert
from tianji.alerts.claims import Claims
from tianji.alerts.office import Office
from tianji.alerts.post import MOST, TRIES, Box, Mailing
from tianji.alerts.settings import settings_of
from tianji.alerts.transports import chat
from tianji.alerts.transports.mail import RESEND, SENDGRID, Letter, Smtp, mailer_of
from tianji.callbacks.sink import Delivery
from tianji.config.lent import Lent
from tianji.config.schema import Config, GeneralSettings
from tianji.config.schema.alerting import AlertTypeConfig

SLACK = "https://hooks.example.com/all"
ALERT = Alert(
    kind="budget_alerts", text="key <!channel> & co: crossed", event={"event": "budget_crossed"}, people=("a@x.org",)
)


def body(channel: str, url: str, text: str = "one\ntwo <!here>") -> Any:
    return msgspec.json.decode(chat.delivery(channel, url, text).body)


def test_each_chat_has_its_form_and_nobody_is_mentioned() -> None:
    assert body("slack", SLACK) == {"text": "one\ntwo &lt;!here&gt;"}
    card = body("ms_teams", "https://x.example.com")["attachments"][0]
    assert card["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert (card["content"]["type"], card["content"]["version"]) == ("AdaptiveCard", "1.4")
    assert card["content"]["body"] == [{"type": "TextBlock", "text": "one\n\ntwo <!here>", "wrap": True}]
    told = body("discord", "https://x.example.com", "@everyone" + "x" * 3000)
    assert len(told["content"]) == 2000
    assert told["allowed_mentions"] == {"parse": []}


@pytest.mark.parametrize(
    ("url", "member"),
    [
        ("https://discord.com/api/webhooks/1/x", "content"),
        ("https://discordapp.com/api/webhooks/1/x", "content"),
        ("https://discord.com/api/webhooks/1/x/slack", "text"),
        ("https://acme.webhook.office.com/x", "attachments"),
        ("https://notdiscord.com/x", "text"),
    ],
)
def test_the_address_says_whose_form_it_is(url: str, member: str) -> None:
    assert member in body("slack", url)


def test_a_text_says_what_kind_of_alert_it_is_and_when() -> None:
    text = chat.text_of(
        Alert(kind="llm_too_slow", text="slow", facts={"team": "t", "models": ["a", "b"]}), 3, NOW, UTC, "http://me"
    )
    assert text.split("\n") == [
        "Alert type: llm_too_slow", "Level: Low", "Timestamp: 12:00:00", "", "slow", "(3 like this one)", "team: t",
        "models: a, b", "Proxy URL: http://me",
    ]  # fmt: skip
    assert chat.text_of(Alert(kind="daily_reports", text="report"), 1, NOW, UTC, "") == "report"


# -- mail -------------------------------------------------------------------------------------------------------------

LETTER = Letter(("a@x.org",), "High: over\r\nBcc: evil@x.org", "a <b>\nc")


@pytest.mark.parametrize(
    ("environ", "url", "shape"),
    [
        (
            {"SENDGRID_API_KEY": "sg", "RESEND_API_KEY": "re", "SENDGRID_SENDER_EMAIL": "me@x"},
            SENDGRID,
            "personalizations",
        ),
        ({"RESEND_API_KEY": "re", "SMTP_HOST": "h"}, RESEND, "subject"),
    ],
)
def test_services_of_mail_are_asked_in_their_form(environ: dict[str, str], url: str, shape: str) -> None:
    mailer = mailer_of(environ)
    assert callable(mailer)
    request = mailer(LETTER)
    assert request.url == url
    assert request.headers["authorization"].startswith("Bearer ")
    told = msgspec.json.decode(request.body)
    assert shape in told
    assert "a &lt;b&gt;<br>\\nc" in request.body.decode()


def test_the_callbacks_may_say_which_of_them_sends() -> None:
    environ = {"SENDGRID_API_KEY": "sg", "RESEND_API_KEY": "re", "SMTP_HOST": "h"}
    assert isinstance(mailer_of(environ, ["smtp_email"]), Smtp)
    own = mailer_of(environ, ["resend_email"])
    assert callable(own)
    assert own(LETTER).url == RESEND


class Server:
    """Stands for smtplib's: it remembers what it was told."""

    def __init__(self) -> None:
        self.said: list[Any] = []

    def __call__(self, host: str, port: int, **_options: Any) -> "Server":
        self.said.append((host, port))
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_rest: object) -> None:
        self.said.append("quit")

    def starttls(self, context: object) -> None:
        assert context is not None
        self.said.append("starttls")

    def login(self, user: str, password: str) -> None:
        self.said.append((user, password))

    def send_message(self, message: EmailMessage) -> None:
        self.said.append(message)


def test_smtp_begins_tls_and_signs_in(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server()
    monkeypatch.setattr(smtplib, "SMTP", server)
    mailer = mailer_of({"SMTP_HOST": "h", "SMTP_USERNAME": "me@x.org", "SMTP_PASSWORD": "secret"})
    assert isinstance(mailer, Smtp)
    assert "secret" not in repr(mailer)
    mailer.send(LETTER)
    address, tls, login, message, end = server.said
    assert (address, tls, login, end) == (("h", 587), "starttls", ("me@x.org", "secret"), "quit")
    assert (message["To"], message["From"], message["Bcc"]) == ("a@x.org", "me@x.org", None)


def test_smtp_over_tls_needs_no_word_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server()
    monkeypatch.setattr(smtplib, "SMTP_SSL", server)
    mailer = mailer_of({"SMTP_HOST": "h", "SMTP_PORT": "465", "SMTP_SENDER_EMAIL": "me@x.org"})
    assert isinstance(mailer, Smtp)
    mailer.send(LETTER)
    assert server.said[0] == ("h", 465)
    assert "starttls" not in server.said
    assert mailer_of({}) is None


# -- the post ---------------------------------------------------------------------------------------------------------


class Wire:
    """Answers requests with statuses, or raises."""

    def __init__(self, *answers: int | Exception) -> None:
        self.answers = list(answers)
        self.got: list[Delivery] = []
        self.slept: list[float] = []

    async def send(self, request: Delivery) -> int:
        self.got.append(request)
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def send_checked(self, request: Delivery) -> int:
        return await self.send(request)

    def adopt(self, config: Config) -> None:
        """Nothing is judged here."""

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


@pytest.mark.parametrize(
    ("answers", "tries", "told"),
    [((200,), 1, 1), ((204,), 1, 1), ((500, OSError(), 429, 200), 4, 1), ((400,), 1, 0), ((500,) * 9, TRIES, 0)],
)
async def test_what_may_help_is_tried_again_and_not_for_ever(answers: Any, tries: int, told: int) -> None:
    wire = Wire(*answers)
    box = Box("slack", wire.send, wire.sleep)
    box.put(Delivery(SLACK, b"{}"))
    await box.flush()
    assert (len(wire.got), box.told, box.lost, len(box)) == (tries, told, 1 - told, 0)
    assert wire.slept == [1.0, 2.0, 4.0, 8.0][: tries - 1]


async def test_a_failure_is_logged_without_the_address(caplog: pytest.LogCaptureFixture) -> None:
    wire = Wire(403)
    box = Box("slack", wire.send, wire.sleep)
    box.put(Delivery(f"{SLACK}/secret", b"{}"))
    await box.flush()
    assert "an alert could not be delivered over slack: status 403" in caplog.text
    assert "hooks" not in caplog.text


async def test_what_waits_is_bounded() -> None:
    wire = Wire()
    box = Box("slack", wire.send, wire.sleep)
    for number in range(MOST + 3):
        box.put(Delivery(SLACK, b"%d" % number))
    await box.flush()
    assert (box.lost, box.told, wire.got[0].body) == (3, MOST, b"3")


async def test_letters_go_over_their_server() -> None:
    sent: list[Letter] = []

    class Own(Smtp, frozen=True):
        def send(self, letter: Letter) -> None:
            sent.append(letter)

    own = Own("h", 1, "me@x", None, None, starts_tls=False, implicit_tls=False, timeout=1)
    box = Box("email", Wire().send)
    box.put(Mailing(own, LETTER))
    await box.flush()
    assert sent == [LETTER]


# -- claims -----------------------------------------------------------------------------------------------------------


class Store:
    """What `set` of a client of Valkey answers."""

    def __init__(self) -> None:
        self.known: set[str] = set()
        self.lasting: list[int] = []
        self.fault: Exception | None = None

    async def set(self, key: str, _value: str, *, nx: bool, px: int) -> bool | None:
        assert nx
        self.lasting.append(px)
        if self.fault is not None:
            raise self.fault
        fresh = key not in self.known
        self.known.add(key)
        return True if fresh else None

    async def aclose(self) -> None:
        self.known.clear()


async def test_something_is_told_once_until_its_time_is_over() -> None:
    now = [NOW]
    claims = Claims(lambda: now[0])
    assert await claims.take("a", 60)
    assert not await claims.take("a", 60)
    assert await claims.take("b", 60)
    now[0] += 61
    assert await claims.take("a", 60)


async def test_of_all_machines_one_tells_and_each_does_when_the_store_is_away() -> None:
    store = Store()
    first, second, third = (Claims(lambda: NOW) for _ in range(3))
    for claims in (first, second, third):
        claims.share(store)
    assert await first.take("a", 60)
    assert not await second.take("a", 60)
    assert store.lasting == [60_000, 60_000], "milliseconds, after which somebody may tell again"
    store.fault = ConnectionError()
    assert await third.take("a", 60)
    assert not await third.take("a", 60)
    await first.close()
    assert store.known == set()


# -- the office -------------------------------------------------------------------------------------------------------


class World:
    def __init__(self, **general: Any) -> None:
        environ = {"SLACK_WEBHOOK_URL": SLACK, "WEBHOOK_URL": "https://events.example.com"}
        environ["PAGERDUTY_API_KEY"] = "pager-key"
        self.now = NOW
        self.wire = Wire()
        self.claims = Claims(self.time)
        mailer = mailer_of({"RESEND_API_KEY": "re"})
        self.office = Office(settings(environ, **general), self.claims, self.wire, mailer, self.time)

    def time(self) -> float:
        return self.now

    async def sent(self, *alerts: Alert) -> list[tuple[str, Any]]:
        for alert in alerts:
            await self.office.take(alert)
        self.office.flush()
        await asyncio.gather(*(box.flush() for box in self.office._boxes.values()))
        got, self.wire.got = self.wire.got, []
        return [(request.url, msgspec.json.decode(request.body)) for request in got]


@pytest.fixture
async def office() -> Any:
    made: list[World] = []

    def make(**general: Any) -> World:
        made.append(World(**general))
        return made[-1]

    yield make
    for world in made:
        await world.office.close(1)


Make = Callable[..., World]


async def test_an_alert_goes_over_every_channel_that_takes_it(office: Make) -> None:
    world = office(alerting=("slack", "webhook", "email"))
    assert sorted(url for url, _ in await world.sent(ALERT)) == [RESEND, "https://events.example.com", SLACK]
    assert [url for url, _ in await world.sent(Alert(kind="llm_too_slow", text="x"))] == [SLACK]


async def test_who_is_called_out_is_told_why_and_nobody_else_is(office: Make) -> None:
    world = office(alerting=("slack", "pagerduty"))
    call = Alert(kind="llm_exceptions", text="60 have failed", page={"recent_errors": [{"model": "m"}]})
    ((url, body),) = await world.sent(call)
    assert url == "https://events.pagerduty.com/v2/enqueue"
    assert (body["routing_key"], body["event_action"]) == ("pager-key", "trigger")
    assert body["payload"]["severity"] == "critical"
    assert body["payload"]["custom_details"] == {"recent_errors": [{"model": "m"}]}
    assert [url for url, _ in await world.sent(ALERT)] == [SLACK], "what is no reason to call is told as ever"


async def test_types_have_addresses_of_their_own(office: Make) -> None:
    urls = {"budget_alerts": ("https://a.example.com", "https://b.example.com"), "slow": "https://c.example.com"}
    world = office(alert_to_webhook_url=urls)
    assert {url for url, _ in await world.sent(ALERT)} == {"https://a.example.com", "https://b.example.com"}
    assert [url for url, _ in await world.sent(Alert(kind="llm_too_slow", text="x"))] == ["https://c.example.com"]
    assert [url for url, _ in await world.sent(Alert(kind="db_exceptions", text="x"))] == [SLACK]


async def test_times_are_those_of_the_configured_zone(office: Make) -> None:
    await asyncio.to_thread(ZoneInfo, "Europe/Berlin")  # which is read once
    ((_, said),) = await office(timezone="Europe/Berlin").sent(Alert(kind="llm_too_slow", text="x"))
    assert "Timestamp: 13:00:00" in said["text"].split("\n")


async def test_an_address_that_hangs_costs_no_other_one_anything(office: Make) -> None:
    slow, quick = "https://slow.example.com", "https://quick.example.com"
    world = office(alert_to_webhook_url={"budget_alerts": (slow, quick)})
    arrived, over = asyncio.Event(), asyncio.Event()

    async def send(request: Delivery) -> int:
        if request.url == slow:
            await over.wait()
        arrived.set()
        return 200

    world.wire.send = send  # type: ignore[method-assign]
    await world.office.take(ALERT)
    world.office.flush()
    await asyncio.wait_for(arrived.wait(), 30)
    over.set()


async def test_an_address_that_the_database_names_is_judged_before_it_is_asked(office: Make) -> None:
    world = office()
    checked: list[str] = []

    async def send_checked(request: Delivery) -> int:
        checked.append(request.url)
        return 200

    world.wire.send_checked = send_checked  # type: ignore[method-assign]
    theirs = "http://169.254.169.254/theirs"
    general = GeneralSettings(alerting=("slack",), alert_to_webhook_url={"slow": theirs})
    lent = Lent(addresses=frozenset({theirs}))
    named = settings_of(Config(general_settings=general), {"SLACK_WEBHOOK_URL": SLACK}, lent)
    assert named is not None
    world.office.adopt(named, None)
    assert [url for url, _ in await world.sent(ALERT, Alert(kind="llm_too_slow", text="x"))] == [SLACK]
    assert checked == [theirs]
    variable = Lent(variables={"SLACK_WEBHOOK_URL": theirs})
    named = settings_of(Config(general_settings=GeneralSettings(alerting=("slack",))), {}, variable)
    assert named is not None
    assert named.foreign == {theirs}


async def test_types_that_nobody_wants_are_not_told(office: Make) -> None:
    world = office(alert_types=("slow",))
    assert await world.sent(ALERT) == []
    assert len(await world.sent(Alert(kind="llm_too_slow", text="x"))) == 1
    usual = office()
    assert await usual.sent(Alert(kind="new_virtual_key_created", text="x")) == []


async def test_what_was_told_is_not_told_again(office: Make) -> None:
    world = office()
    keyed = Alert(kind="budget_alerts", text="x", key="k", ttl=100)
    assert len(await world.sent(keyed)) == 1
    assert await world.sent(keyed) == []
    world.now += 101
    assert len(await world.sent(keyed)) == 1


async def test_what_is_alike_and_comes_together_is_told_together(office: Make) -> None:
    alerts = [Alert(kind="llm_exceptions", text=f"failure {number}", alike="d") for number in range(50)]
    ((_, told),) = await office().sent(*alerts)
    assert "failure 0\n(50 like this one)" in told["text"]


async def test_a_digest_is_told_once_in_its_interval(office: Make) -> None:
    world = office(alert_type_config={"llm_exceptions": AlertTypeConfig(digest=True, digest_interval=100)})
    for number in range(5):
        assert await world.sent(Alert(kind="llm_exceptions", text=f"failure {number}", alike="d")) == []
        world.now += 10
    world.now += 50
    ((_, told),) = await world.sent()
    assert "failure 0" in told["text"]
    assert "alerts collected: 5" in told["text"]


async def test_what_waits_at_the_end_is_sent(office: Make) -> None:
    world = office()
    await world.office.take(ALERT)
    await world.office.close(30)
    assert [request.url for request in world.wire.got] == [SLACK]


async def test_what_cannot_be_delivered_is_counted_and_alerts_nobody(office: Make) -> None:
    world = office()
    world.wire.answers = [403]
    assert len(await world.sent(ALERT)) == 1
    assert world.office.undelivered() == {"alerting slack": 1}
    assert await world.sent() == []
