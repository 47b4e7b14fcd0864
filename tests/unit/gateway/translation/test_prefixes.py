"""Prefixes at Google: made once, when they come again, found by others, and never in the way."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tianji.clock import ManualClock
from tianji.errors import UpstreamConnectFailed
from tianji.gateway.translation.prefixes import PATIENCE, Prefixes, Shelf
from tianji.gateway.translation.translating import Shortened
from tianji.protocol.chat.request import Request
from tianji.protocol.chat.seam import Target
from tianji.protocol.gemini.outbound import GeminiOutbound

LONG = "word " * 1024
TARGET = Target(provider="gemini", model="gemini-2.5-flash")
START = "2023-11-14T22:13:20Z"  # of a ManualClock
END = "2023-11-14T23:13:20.123456789Z"
MADE = (200, {"name": "cachedContents/a", "expireTime": END})


class Google:
    """Answers in order, and again and again with the last; `hold` keeps it from answering."""

    def __init__(self, *answers: tuple[int, Any] | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str, Mapping[str, str], Any]] = []
        self.hold: asyncio.Event | None = None

    async def __call__(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        self.asked.append((method, url, headers, json.loads(body) if body else None))
        if self.hold is not None:
            await self.hold.wait()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer[0], json.dumps(answer[1]).encode()


def prefixes(google: Google, clock: ManualClock, **more: Any) -> Prefixes:
    shelf = Shelf("https://g", "/v1beta", "models/", "a=b", ((b"x-goog-api-key", b"k"),), more.get("sign"))
    return Prefixes(shelf, google, clock)


def ask(kept: Prefixes, question: str = "x", document: str = LONG) -> Shortened:
    mark = {"cache_control": {"type": "ephemeral"}}
    content = [{"type": "text", "text": document} | mark, {"type": "text", "text": question}]
    request = msgspec.convert({"model": "m", "messages": [{"role": "user", "content": content}]}, Request)
    return kept.shortened(request, GeminiOutbound(request, TARGET).body, TARGET)


def cached(found: Shortened) -> str | None:
    name: str | None = json.loads(found.body).get("cachedContent")
    return name


async def waited(found: Shortened) -> None:
    assert found.waits is not None
    await found.waits


async def test_one_is_made_when_it_comes_again() -> None:
    google = Google((200, {}), MADE)
    kept = prefixes(google, ManualClock(), sign=lambda target, body: [(b"authorization", b"Bearer t")])
    first = ask(kept)
    assert (cached(first), first.waits, google.asked) == (None, None, [])
    await waited(ask(kept, "y"))
    found = ask(kept, "z")
    assert (cached(found), found.waits) == ("cachedContents/a", None)
    assert json.loads(found.body)["contents"] == [{"role": "user", "parts": [{"text": "z"}]}]
    (got, listed, headers, _), (posted, made, _, body) = google.asked
    assert (got, listed) == ("GET", "https://g/v1beta/cachedContents?pageSize=1000&a=b")
    assert (headers["x-goog-api-key"], headers["authorization"]) == ("k", "Bearer t")
    assert (posted, made) == ("POST", "https://g/v1beta/cachedContents?a=b")
    assert (body["model"], body["ttl"], len(body["displayName"])) == ("models/gemini-2.5-flash", "3600s", 64)
    assert body["contents"] == [{"role": "user", "parts": [{"text": LONG}]}]


async def test_who_comes_together_waits_for_the_same_one() -> None:
    google = Google((200, {}), MADE)
    google.hold = asyncio.Event()
    kept = prefixes(google, ManualClock())
    ask(kept)
    waiting = [ask(kept, str(number)) for number in range(5)]
    gone, *others = [found.waits for found in waiting]
    gone.cancel()  # whose client left
    google.hold.set()
    await asyncio.gather(*others)
    assert len(google.asked) == 2
    assert cached(ask(kept)) == "cachedContents/a"


async def test_nobody_waits_for_ever() -> None:
    google, clock = Google((200, {}), MADE), ManualClock()
    google.hold = asyncio.Event()
    kept = prefixes(google, clock)
    ask(kept)
    found = ask(kept)
    clock.advance(PATIENCE)
    late = ask(kept)
    assert (late.waits, cached(late)) == (None, None)
    google.hold.set()
    await waited(found)
    assert cached(ask(kept)) == "cachedContents/a"


async def test_what_another_made_is_found() -> None:
    google, clock = Google((200, {}), MADE), ManualClock()
    first = prefixes(google, clock)
    ask(first)
    await waited(ask(first))
    name = google.asked[1][3]["displayName"]
    others = [{"displayName": "other", "name": "cachedContents/o", "expireTime": END}]
    over = {"displayName": name, "name": "cachedContents/over", "expireTime": START}
    there = {"displayName": name, "name": "cachedContents/b", "expireTime": END}
    pages = Google(
        (200, {"cachedContents": [*others, over], "nextPageToken": "p&2"}), (200, {"cachedContents": [there]})
    )
    second = prefixes(pages, clock)
    ask(second)
    await waited(ask(second))
    assert cached(ask(second)) == "cachedContents/b"
    assert [(method, url.partition("?")[2]) for method, url, _, _ in pages.asked] == [
        ("GET", "pageSize=1000&a=b"), ("GET", "pageSize=1000&pageToken=p%262&a=b"),
    ]  # fmt: skip


async def test_it_is_used_until_shortly_before_its_end_and_then_made_again() -> None:
    google, clock = Google((200, {}), MADE), ManualClock()
    kept = prefixes(google, clock)
    ask(kept)
    await waited(ask(kept))
    clock.advance(3539)
    assert cached(ask(kept)) == "cachedContents/a"
    clock.advance(2)
    again = ask(kept)
    assert cached(again) is None
    google.answers[:] = [(200, {}), (200, {"name": "cachedContents/c", "expireTime": "2023-11-15T01:00:00Z"})]
    await waited(again)
    assert cached(ask(kept)) == "cachedContents/c"


@pytest.mark.parametrize(
    ("answers", "pause"),
    [
        ([(403, {}), (400, {"error": {"message": "too small"}})], 3600),
        ([(200, {}), (429, {})], 60),
        ([UpstreamConnectFailed("away")], 60),
        ([(200, {}), (200, {"name": "a"})], 60),
        ([(200, {}), (200, {"expireTime": END})], 60),
        ([(200, "no object")], 60),
        ([(200, {"cachedContents": ["x"]})], 60),
        ([(200, {"cachedContents": 7})], 60),
    ],
)
async def test_what_cannot_be_made_is_not_tried_again_at_once(answers: list[Any], pause: float) -> None:
    google, clock = Google(*answers), ManualClock()
    kept = prefixes(google, clock)
    ask(kept)
    await waited(ask(kept))
    asked = len(google.asked)
    clock.advance(pause - 1)
    found = ask(kept)
    assert (cached(found), found.waits, len(google.asked)) == (None, None, asked)
    clock.advance(2)
    google.answers[:] = [(200, {}), (200, {"name": "cachedContents/d", "expireTime": "2024-11-15T01:00:00Z"})]
    ask(kept)
    await waited(ask(kept))
    assert cached(ask(kept)) == "cachedContents/d"


async def test_what_is_gone_is_made_again() -> None:
    google = Google((200, {}), MADE)
    kept = prefixes(google, ManualClock())
    ask(kept)
    await waited(ask(kept))
    found = ask(kept)
    assert found.lost is not None
    assert not found.lost(b'{"error":{"message":"quota"}}')
    assert cached(ask(kept)) == "cachedContents/a"
    assert found.lost(b'{"error":{"message":"CachedContent not found (or permission denied)"}}')
    google.answers[:] = [(200, {}), (200, {"name": "cachedContents/e", "expireTime": END})]
    await waited(ask(kept))
    assert cached(ask(kept)) == "cachedContents/e"


async def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tianji.gateway.translation.prefixes._MOST", 2)
    google = Google((200, {}), MADE)
    kept = prefixes(google, ManualClock())
    for number in range(3):
        ask(kept, document=f"{number} {LONG}")
    first = ask(kept, document=f"0 {LONG}")
    assert (first.waits, google.asked) == (None, [])  # it was forgotten
    await waited(ask(kept, document=f"2 {LONG}"))


_names = st.sampled_from(["cachedContents", "displayName", "name", "expireTime", "nextPageToken"])
_values = st.recursive(
    st.sampled_from([END, "0001-01-01T00:00:00", "9999-12-31T23:59:59", "2023"])
    | st.text(max_size=3)
    | st.none()
    | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=4),
    max_leaves=10,
)
_answers = st.binary(max_size=20) | _values.map(lambda value: json.dumps(value).encode())


@given(listed=_answers, made=_answers)
@example(listed=b"[" * 100_000, made=b"{}")
@example(listed=b"{}", made=b'{"name":"a","expireTime":"0001-01-01T00:00:00"}')
def test_whatever_google_answers_requests_go_on(listed: bytes, made: bytes) -> None:
    async def fetch(method: str, *_: Any) -> tuple[int, bytes]:
        return 200, listed if method == "GET" else made

    async def asked() -> Shortened:
        kept = Prefixes(Shelf("https://g", "/v1beta", "models/", "", (), None), fetch, ManualClock())
        ask(kept)
        ask(kept)
        making = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.wait(making)
        assert [task.exception() for task in making] == [None] * len(making)
        return ask(kept)

    found = asyncio.run(asked())
    assert LONG in found.body.decode() or cached(found) is not None
