"""Mail to people about their account and their keys."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from tianji._core.sharing.revision import Revisions
from tianji.alerts.transports.mail import SENDGRID, Letter, Mailer, mailer_of
from tianji.auth.identity import MASTER
from tianji.callbacks.post import Post
from tianji.callbacks.sink import Delivery
from tianji.config.schema import Config, GeneralSettings, Settings
from tianji.management import desk
from tianji.management.keys import rotation, writing
from tianji.management.office import Office
from tianji.management.people import users
from tianji.management.postman import Postman
from tianji.storage.location import parse
from tianji.storage.store import Store

MAILED = Settings(callbacks=("sendgrid_email",))
ENVIRON = {
    "SENDGRID_API_KEY": "SG.1", "SENDGRID_SENDER_EMAIL": "from@x.org", "PROXY_BASE_URL": "https://proxy/",
    "EMAIL_SUPPORT_CONTACT": "help@x.org", "EMAIL_LOGO_URL": "https://x/logo.png", "EMAIL_SIGNATURE": "<p>Bye</p>",
    "EMAIL_SUBJECT_KEY_CREATED": "Your key is ready",
}  # fmt: skip


class Bag(Postman):
    """Keeps letters."""

    def __init__(self) -> None:
        super().__init__()
        self.letters: list[Letter] = []
        self.urls: list[str] = []

    def send(self, mailer: Mailer, letter: Letter) -> None:
        self.letters.append(letter)
        if callable(mailer):
            self.urls.append(mailer(letter).url)


class World:
    def __init__(self, folder: Path) -> None:
        self.bag = Bag()
        self.config = Config(litellm_settings=MAILED)
        self.environ = dict(ENVIRON)
        self.office = Office(
            store=Store(parse(f"sqlite:///{folder}/t.db"), Revisions()), config=lambda: self.config,
            groups=dict, salt=lambda: "sk-salt-1234567890abcdef", environ=lambda: self.environ,
            postman=self.bag,
        )  # fmt: skip

    async def do(self, function: Any, **body: Any) -> Any:
        exchange: Any = SimpleNamespace(
            identity=MASTER, query=b"", body=msgspec.json.encode(body), headers=[], peer=None
        )
        return await desk._write(self.office, function, exchange, SimpleNamespace(params={}))

    def taken(self) -> list[Letter]:
        found, self.bag.letters = self.bag.letters, []
        return found


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    yield made
    await made.office.store.close()


async def test_who_is_made_a_user_is_invited_where_that_is_wanted(world: World) -> None:
    await world.do(users.new, user_id="u", user_email="u@x.org", send_invite_email=True, auto_create_key=False)
    (letter,) = world.taken()
    assert (letter.to, letter.subject) == (("u@x.org",), "Welcome")
    assert "Sign in: https://proxy/ui" in letter.text
    assert letter.html.startswith('<p><img src="https://x/logo.png" alt=""></p>\n<p>')
    assert letter.html.endswith("Questions? help@x.org</p><p>Bye</p>")
    assert world.bag.urls == [SENDGRID]
    await world.do(users.new, user_id="v", user_email="v@x.org")
    await world.do(users.new, user_id="w", send_invite_email=True)
    assert world.taken() == []


async def test_the_owner_of_a_key_is_told_it(world: World) -> None:
    await world.do(users.new, user_id="u", user_email="u@x.org", auto_create_key=False)
    made = await world.do(writing.generate, user_id="u", key_alias="mine", send_invite_email=True)
    (letter,) = world.taken()
    assert (letter.to, letter.subject) == (("u@x.org",), "Your key is ready")
    assert made["key"] in letter.text
    assert "You have a key mine" in letter.text
    world.environ["EMAIL_INCLUDE_API_KEY"] = "false"
    replaced = await world.do(rotation.regenerate, key=made["key"])
    (letter,) = world.taken()
    assert letter.subject == "Your API key was replaced"
    assert replaced["key"] not in letter.text + letter.html
    assert "[Key hidden for security" in letter.text
    await world.do(writing.generate, user_id="u")
    await world.do(writing.generate, send_invite_email=True)
    assert world.taken() == [], "nobody asked for it, or it is nobody's"


async def test_nobody_is_told_of_what_was_not_stored(world: World) -> None:
    await world.do(users.new, user_id="u", user_email="u@x.org", auto_create_key=False)
    with pytest.raises(Exception, match="already exists"):
        await world.do(users.new, user_id="u", user_email="other@x.org", send_invite_email=True)
    assert world.taken() == []


async def test_letters_are_brought_beside_what_they_come_of(monkeypatch: pytest.MonkeyPatch) -> None:
    brought: list[str] = []
    there = asyncio.Event()

    async def send(_post: Post, request: Delivery) -> int:
        brought.append(msgspec.json.decode(request.body)["personalizations"][0]["subject"])
        await there.wait()
        return 202

    monkeypatch.setattr(Post, "send", send)
    postman, mailer = Postman(), mailer_of(ENVIRON)
    assert mailer is not None
    for subject in ("one", "two"):
        postman.send(mailer, Letter(("u@x.org",), subject, "text"))
    assert brought == []
    there.set()
    assert postman._round is not None
    await postman._round
    assert brought == ["one", "two"]


@pytest.mark.parametrize(
    ("config", "environ", "written"),
    [
        (Config(), ENVIRON, False),
        (Config(litellm_settings=MAILED), {}, False),
        (Config(general_settings=GeneralSettings(alerting=("email",))), ENVIRON, True),
        (Config(litellm_settings=Settings(callbacks=("smtp_email",))), ENVIRON, False),
    ],
)
async def test_a_service_of_mail_has_to_be_named(
    world: World, config: Config, environ: dict[str, str], written: bool
) -> None:
    world.config, world.environ = config, environ
    await world.do(users.new, user_id="u", user_email="u@x.org", send_invite_email=True)
    assert bool(world.taken()) == written
