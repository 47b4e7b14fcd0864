"""How responses end that are made in the background."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tianji._core.requests.silent import SilentExchange
from tianji._core.sharing.revision import Revisions
from tianji.clock import ManualClock
from tianji.endpoints.background import SILENCE, Background, ended
from tianji.storage.location import parse
from tianji.storage.responses import Kept, find, keep
from tianji.storage.store import Store

BEGUN: dict[str, Any] = {
    "id": "resp_1",
    "background": True,
    "created_at": 7,
    "previous_response_id": "resp_0",
    "status": "in_progress",
    "error": None,
}


def test_an_answer_gets_the_name_that_it_was_promised_by() -> None:
    answer = BEGUN | {
        "id": "resp_2",
        "created_at": 9,
        "previous_response_id": None,
        "background": False,
        "status": "completed",
    }
    assert ended(BEGUN, 200, msgspec.json.encode(answer)) == BEGUN | {"status": "completed"}


def running(clock: ManualClock, response_id: str = "resp_1") -> Kept:
    now = datetime.fromtimestamp(clock.now(), UTC)
    return Kept(
        id=response_id,
        created_at=now,
        key="k",
        user_id=None,
        team_id=None,
        previous_id=None,
        input="[]",
        response=msgspec.json.encode(BEGUN).decode(),
        running=True,
        seen_at=now,
    )


async def test_one_whose_maker_is_silent_has_failed(tmp_path: Path) -> None:
    clock = ManualClock()
    store = Store(parse(f"sqlite:///{tmp_path}/a.db"), Revisions())
    background = Background(store, lambda work: work.close(), clock)
    kept = running(clock)
    await keep(await store.open(), kept)
    assert await background.looked_after(kept) == kept
    clock.advance(SILENCE.total_seconds())
    found = await background.looked_after(kept)
    assert msgspec.json.decode(found.response)["status"] == "failed"
    assert await find(await store.open(), "resp_1") == msgspec.structs.replace(found, seen_at=kept.seen_at)
    await store.close()


async def test_what_a_process_makes_has_failed_when_it_ends(tmp_path: Path) -> None:
    clock = ManualClock()
    store = Store(parse(f"sqlite:///{tmp_path}/a.db"), Revisions())
    background = Background(store, lambda work: work.close(), clock)
    heard: list[int] = []
    database = await store.open()
    for response_id in ("resp_1", "resp_2"):
        kept = running(clock, response_id)
        await keep(database, kept)
        listener = background.listener(kept) if response_id == "resp_1" else lambda *said: heard.append(said[0])
        background.start(kept, SilentExchange("/v1/responses", b"{}", None, listener))
        if response_id == "resp_1":
            listener(200, [], b"{}")  # it has ended before; how is said by what `begin` was given
    await store.close()
    assert (store.last_words, heard) == (set(), [])
    database = await store.open()
    first, second = await find(database, "resp_1"), await find(database, "resp_2")
    assert first is not None
    assert second is not None
    assert (first.running, second.running) == (True, False)
    assert msgspec.json.decode(second.response)["error"]["code"] == "server_error"
    await store.close()


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (429, b'{"error":{"code":"rate_limit_exceeded","message":"slow"}}', ("rate_limit_exceeded", "slow")),
        (500, b'{"error":"what"}', ("server_error", "status 500")),
        (0, b"", ("server_error", "The answer was cut off.")),
        (200, b"[]", ("server_error", "The answer was cut off.")),
    ],
)
def test_everything_else_is_a_failure(status: int, body: bytes, error: tuple[str, str]) -> None:
    found = ended(BEGUN, status, body)
    assert (found["id"], found["status"]) == ("resp_1", "failed")
    assert (found["error"]["code"], found["error"]["message"]) == error
