"""What follows from hooks: refusals, rules, headers, and streams as they are shown them."""

import logging
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji._core.requests.silent import SilentExchange
from tianji.errors import TianjiError, UpstreamProtocolError
from tianji.gateway.hooking.registered import HookFailed, HookRefused, refusal, registered
from tianji.gateway.hooking.rules import decide
from tianji.gateway.hooking.streams import Stream, text_of
from tianji.gateway.hooking.way import Pieces, Way
from tianji.hooks import CustomLogger
from tianji.hooks.standins import GuardrailRaisedException, HTTPException

HERE = Path(__file__).parent


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (HTTPException(status_code=418, detail="tea"), 418, "tea"),
        (HTTPException(status_code=400, detail={"error": "named", "n": 1}), 400, "named"),
        (HTTPException(status_code=400), 400, "None"),
        (ValueError("so"), 400, "so"),
        (ValueError(), 400, "ValueError"),
        (Exception("plain"), 400, "plain"),
        (GuardrailRaisedException("name", "raised"), 400, "raised"),
    ],
)
def test_what_refuses_and_how(error: Exception, status: int, message: str) -> None:
    found = refusal(error)
    assert found is not None
    assert (found.status, found.message) == (status, message)


@pytest.mark.parametrize("error", [KeyError("k"), RuntimeError("r"), HTTPException(status_code=200), AssertionError()])
def test_any_other_error_is_a_failure(error: Exception) -> None:
    assert refusal(error) is None


async def test_a_failure_is_logged_with_its_line_and_said_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    class Fails(CustomLogger):
        async def async_moderation_hook(self, data: Any) -> None:  # type: ignore[override]
            raise KeyError("secret")

    (hook,) = registered([("mine.fails", Fails())], HERE).of("async_moderation_hook")
    with caplog.at_level(logging.ERROR, "tianji.hooks"), pytest.raises(HookFailed) as caught:
        await hook({"data": {}, "more": 1})
    assert "secret" not in caught.value.message
    assert f"the hook mine.fails failed at {__file__}:" in caplog.text


def test_only_what_is_overridden_is_registered() -> None:
    assert not registered([("mine.nothing", CustomLogger())], HERE)


@pytest.mark.parametrize("said", [True, 1, {}, {"decision": True}, {"message": "no matter"}])
def test_a_rule_lets_pass(said: object) -> None:
    decide("mine.rule", lambda _: said, "text")


@pytest.mark.parametrize("said", [False, None, {"decision": False}])
def test_a_rule_refuses(said: object) -> None:
    with pytest.raises(HookRefused, match=r"the rule mine\.rule does not let this pass"):
        decide("mine.rule", lambda _: said, "text")
    with pytest.raises(HookRefused, match="why"):
        decide("mine.rule", lambda _: {"decision": False, "message": "why"}, "text")


def way() -> Way:
    operation: Any = SimpleNamespace(errors=None)
    return Way(SilentExchange("", b"", None), operation, b"id", compat=True)


@given(st.text(), st.text())
def test_no_header_breaks_out_of_its_line(name: str, value: str) -> None:
    one = way()
    refused = one.add([(name, value)])
    written = one._headers
    assert len(written) + len(refused) == 1
    assert not any(byte in pair for field in written for pair in field for byte in (b"\r", b"\n", b"\0"))


def test_a_header_takes_the_place_of_one_of_its_name_and_none_of_the_body() -> None:
    one = way()
    one.head(200, [(b"x-a", b"1"), (b"content-type", b"text/event-stream; charset=utf-8")])
    assert one.streams
    assert one.add([("X-A", 2), ("Content-Length", "7"), ("a b", "")]) == ["Content-Length", "a b"]
    assert one._headers == [(b"content-type", b"text/event-stream; charset=utf-8"), (b"x-a", b"2")]


async def test_pieces_come_together_and_an_end_is_an_end() -> None:
    pieces = Pieces()
    pieces.put(b"a", last=False)
    pieces.put(b"b", last=False)
    assert (pieces.size, await pieces.take(), pieces.size) == (2, (b"ab", False), 0)
    pieces.put(b"c", last=True)
    assert await pieces.whole(1) == b"c"
    pieces.put(b"cd", last=True)
    assert await pieces.whole(1) is None


# -- streams -----------------------------------------------------------------------------------------------------------


class Bytes:
    def __init__(self, data: bytes, size: int) -> None:
        self.left = [data[at : at + size] for at in range(0, len(data), size)]

    async def take(self) -> tuple[bytes, bool]:
        return self.left.pop(0), not self.left


async def passed(data: bytes, *targets: CustomLogger, size: int = 7) -> bytes:
    case: Any = SimpleNamespace(given=lambda **more: more)
    hooks = registered([(f"mine.{at}", target) for at, target in enumerate(targets)], HERE)
    return b"".join([chunk async for chunk in Stream(Bytes(data, size), hooks.of, case).out()])


class Twice(CustomLogger):
    async def async_post_call_streaming_iterator_hook(self, response: AsyncIterator[Any]) -> AsyncIterator[Any]:  # type: ignore[override]
        async for one in response:
            yield one
            yield one


class Numbers(CustomLogger):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    async def async_post_call_streaming_hook(self, response: str) -> Any:  # type: ignore[override]
        self.seen.append(response)
        return {"n": len(self.seen)} if response.endswith("!") else None


def chunk(text: str) -> bytes:
    return b"data: " + msgspec.json.encode({"choices": [{"delta": {"content": text}}]}) + b"\n\n"


@pytest.mark.parametrize("size", [1, 5, 1000])
async def test_hooks_follow_on_one_another_and_done_comes_last(size: int) -> None:
    numbers = Numbers()
    data = b": comment\n\n" + chunk("a") + chunk("b!") + b"data: [DONE]\n\n"
    found = await passed(data, Twice(), numbers, size=size)
    assert numbers.seen == ["a", "aa", "aab!", "aab!b!"]
    assert found == chunk("a") * 2 + b'data: {"n":3}\n\ndata: {"n":4}\n\n' + b"data: [DONE]\n\n"


async def test_events_that_have_names_keep_them() -> None:
    data = b'event: ping\ndata: {"type":"ping"}\n\nevent: x\ndata: {"type":"x","a":1}\n\n'
    assert await passed(data, Twice()) == b"".join(
        part + b"\n\n" for part in data.split(b"\n\n")[:-1] for _ in range(2)
    )


async def test_what_is_no_json_is_the_upstreams_fault() -> None:
    with pytest.raises(UpstreamProtocolError):
        await passed(b"data: {nonsense\n\n", Twice())


async def test_an_error_in_an_iterator_is_one_of_its_hook() -> None:
    class Fails(CustomLogger):
        async def async_post_call_streaming_iterator_hook(self, response: AsyncIterator[Any]) -> AsyncIterator[Any]:  # type: ignore[override]
            async for one in response:
                yield one
                raise KeyError("secret")

    with pytest.raises(TianjiError, match=r"mine\.1") as caught:
        await passed(chunk("a"), Twice(), Fails())
    assert isinstance(caught.value, HookFailed)


@pytest.mark.parametrize(
    ("piece", "text"),
    [
        ({"choices": [{"delta": {"content": "a"}}, {"text": "b"}]}, "ab"),
        ({"choices": [{"delta": {"content": None}}, None]}, ""),
        ({"type": "content_block_delta", "delta": {"type": "text_delta", "text": "c"}}, "c"),
        ({"type": "response.output_text.delta", "delta": "d"}, "d"),
        ({"type": "response.function_call_arguments.delta", "delta": "{}"}, ""),
        ({"candidates": [{"content": {"parts": [{"text": "e"}, {"functionCall": {}}]}}]}, "e"),
        ({"choices": []}, ""),
        ({"object": "x"}, ""),
    ],
)
def test_the_text_of_a_piece_of_any_form(piece: dict[str, Any], text: str) -> None:
    assert text_of(piece) == text
