"""What keys and teams have of callbacks, out of the database."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.unit.callbacks.test_event import told

from tianji._core.sharing.revision import Revisions
from tianji.callbacks.owners import REMEMBERED, Owners
from tianji.callbacks.variables import CLOSED, MASK, PURPOSE, as_params, masked, owned
from tianji.config.loader import Loaded, load
from tianji.storage.location import parse
from tianji.storage.store import Store
from tianji.storage.tables import TEAMS
from tianji.storage.vault import Vault

SALT = "salt-for-tests-0123456789"
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def langfuse(**variables: Any) -> dict[str, Any]:
    return {"callback_name": "langfuse", "callback_vars": {"langfuse_public_key": "pk", **variables}}


class World:
    def __init__(self, folder: Path) -> None:
        self.now = 0.0
        self.environ = {"TIANJI_SALT_KEY": SALT, "LANGFUSE_SECRET_KEY": "of-the-house", "LANGFUSE_HOST": "http://house"}
        self.file = folder / "config.yaml"
        self.file.write_text("litellm_settings: {default_team_settings: [{team_id: d, success_callback: [langfuse],"
                             " langfuse_public_key: pk}]}")  # fmt: skip
        self.store = Store(parse(f"sqlite:///{folder}/t.db"), Revisions())
        self.owners = Owners(self.store, self.loaded(), lambda: self.now)

    def loaded(self) -> Loaded:
        return load(self.file, self.environ)

    async def keep(self, **metadata: Any) -> None:
        database = await self.store.open()
        async with database.writing() as connection:
            await connection.execute(sa.delete(TEAMS))
            values = {"team_id": "t", "metadata": metadata, "created_at": NOW, "updated_at": NOW}
            await connection.execute(sa.insert(TEAMS).values(**values))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await asyncio.to_thread(World, tmp_path)
    yield made
    await made.store.close()


async def test_what_a_team_has(world: World) -> None:
    secret = CLOSED + Vault(SALT, PURPOSE).close("of-the-team", "langfuse_secret")
    await world.keep(logging=[langfuse(langfuse_secret=secret, langfuse_host="http://theirs", color="red")])
    (sink,) = await world.owners.sinks(("team", "t"))
    assert (sink.name, sink.owner, sink.kind) == ("team t langfuse", ("team", "t"), "langfuse")
    (request,) = sink.write([told(1)])
    assert request.url.startswith("http://theirs/")
    assert request.headers["authorization"] == "Basic " + b64encode(b"pk:of-the-team").decode()


async def test_what_a_team_says_of_its_bucket_is_where_its_events_go(world: World) -> None:
    variables = {"gcs_bucket_name": "theirs/folder"}
    await world.keep(logging=[{"callback_name": "gcs_bucket", "callback_vars": variables}])
    (sink,) = await world.owners.sinks(("team", "t"))
    (request,) = sink.write([told(1)])
    assert "/b/theirs/o?uploadType=media&name=folder%2F" in request.url


async def test_who_names_a_host_gets_no_secret_of_the_house(world: World, caplog: pytest.LogCaptureFixture) -> None:
    await world.keep(logging=[langfuse(langfuse_host="http://theirs")])
    for _ in range(2):
        assert await world.owners.sinks(("team", "t")) == ()
        world.now += REMEMBERED
    assert caplog.text.count("callbacks of team t: callback langfuse: set LANGFUSE_SECRET_KEY") == 1
    await world.keep(logging=[langfuse()])
    (sink,) = await world.owners.sinks(("team", "t"))
    (request,) = sink.write([told(1)])
    assert request.url.startswith("http://house/")


async def test_what_was_closed_under_another_salt(world: World, caplog: pytest.LogCaptureFixture) -> None:
    other = CLOSED + Vault("another", PURPOSE).close("secret", "langfuse_secret")
    await world.keep(logging=[langfuse(langfuse_secret=other, langfuse_host="http://theirs")])
    assert await world.owners.sinks(("team", "t")) == ()
    assert "langfuse_secret cannot be read" in caplog.text


async def test_it_is_looked_up_now_and_then(world: World) -> None:
    await world.keep(logging=[langfuse()])
    assert len(await world.owners.sinks(("team", "t"))) == 1
    await world.keep()
    assert len(await world.owners.sinks(("team", "t"))) == 1
    world.now += REMEMBERED
    assert await world.owners.sinks(("team", "t")) == ()


async def test_the_older_form_and_that_of_the_file(world: World) -> None:
    variables = {"langfuse_public_key": "old"}
    await world.keep(callback_settings={"failure_callback": ["langfuse", "nowhere"], "callback_vars": variables})
    (sink,) = await world.owners.sinks(("team", "t"))
    assert sink.hears == {"failure"}
    (of_file,) = await world.owners.sinks(("team", "d"))
    assert of_file.hears == {"success"}
    assert await world.owners.sinks(("key", "unknown")) == ()


def test_what_is_shown_holds_no_secret() -> None:
    metadata = {"logging": [langfuse(langfuse_secret="canary")], "a": 1, "callback_settings": {
        "callback_vars": {"dd_api_key": "canary", "dd_site": "s"}}}  # fmt: skip
    shown = masked(metadata)
    assert "canary" not in str(shown)
    assert shown["logging"][0]["callback_vars"] == {"langfuse_public_key": "pk", "langfuse_secret": MASK}
    assert masked({}) == {}


@pytest.mark.parametrize("metadata", [{"logging": 5}, {"logging": [5, {}]}, {"callback_settings": 5}, {}])
def test_what_cannot_be_read_is_left_out(metadata: dict[str, Any]) -> None:
    assert owned(metadata) == ()


@pytest.mark.parametrize(
    ("account", "said"),
    [("/etc/passwd", "as JSON"), ('{"type": "authorized_user"}', "no service account")],
)
def test_a_credential_of_a_team_is_no_file_of_the_machine(account: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        as_params({"gcs_path_service_account": account})
    kept = as_params({"gcs_path_service_account": '{"type": "service_account", "token_uri": "http://evil"}'})
    assert kept == {"gcs_path_service_account": '{"type":"service_account"}'}
