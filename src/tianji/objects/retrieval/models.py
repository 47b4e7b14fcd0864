"""Models asked with what was found: requests that go the way of all, in the name of a client who waits."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from tianji._core.edges.exchange import Exchange
from tianji._core.edges.exchange import Handler as Compiled
from tianji._core.requests.silent import SilentExchange
from tianji.errors import Header
from tianji.objects.retrieval.stores import text_of

_BEFORE: Final = "Context:\n\n"
_LOOK: Final = 0.1  # seconds between two looks whether the client is still there
Answer = tuple[int, list[Header], bytes]
Json = dict[str, Any]


async def told(handler: Compiled, match: Any, client: Exchange, body: Json) -> Answer:
    """Return what is answered to a body that goes the way of all, as the client's; it ends when the client leaves."""
    ended: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def listen(status: int, headers: list[Header], answer: bytes) -> None:
        if not ended.done():
            ended.set_result((status, headers, answer))

    exchange = SilentExchange(client.path, msgspec.json.encode(body), client.identity, listen, client.headers)
    exchange.logins, exchange.pinned = client.logins, client.pinned
    handler(exchange, match)
    while not ended.done():
        await asyncio.wait({ended}, timeout=_LOOK)
        if client.gone and not ended.done():
            exchange.leave()
            return 499, [], b""
    client.account, client.call_id = exchange.account, exchange.call_id  # who answered, which is logged and kept
    return ended.result()


def with_context(messages: list[Json], at: int, results: Sequence[Json]) -> list[Json]:
    """Return messages with what was found before the one `at` a place; as they are where that is nothing.

    https://docs.litellm.ai/docs/completion/knowledgebase has the words.
    """
    texts = [text for text in map(text_of, results) if text]
    if not texts:
        return messages
    context = {"role": "user", "content": _BEFORE + "".join(f"{text}\n\n" for text in texts)}
    return [*messages[:at], context, *messages[at:]]


def with_fields(body: bytes, fields: Json) -> bytes:
    """Return an answer of chat whose messages have further fields of the provider's own."""
    said = msgspec.json.decode(body)
    for choice in said.get("choices") or ():
        own = choice["message"].get("provider_specific_fields") or {}
        choice["message"]["provider_specific_fields"] = {**own, **fields}
    return msgspec.json.encode(said)
