"""What requests to Google begin with and may have cached: the part up to a `cache_control` mark.

https://ai.google.dev/api/caching. A request that refers to cached content has no instruction, tools or tool
configuration of its own, since these were cached with it, so the whole of them belongs to the prefix. A conversation is
cut within what the user says before the first answer: what grows with each turn would have to be cached anew with each,
at the price of all its tokens.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from itertools import takewhile
from typing import Any, Final

import msgspec
from msgspec import Struct

from tianji.protocol.chat.request import Message, Part, Request
from tianji.protocol.chat.seam import Target
from tianji.protocol.gemini.contents import contents_of

Json = dict[str, Any]
LEAST: Final = 1024
"""Tokens that a prefix has to have where the catalogue does not know better."""
USUAL_LIFE: Final = 3600
"""Seconds that a prefix is kept where its mark does not say; LiteLLM's."""
_LONGEST_LIFE: Final = 24 * 3600
_BYTES_A_TOKEN: Final = 4
_TTL: Final = re.compile(r"(\d{1,6})([smh])")
_UNITS: Final[Mapping[str, int]] = {"s": 1, "m": 60, "h": 3600}
_WITH_IT: Final = ("systemInstruction", "tools", "toolConfig")
_ANSWERS: Final = frozenset({"assistant", "tool", "function"})
_SAYS: Final = frozenset({"user"})


class Prefix(Struct, frozen=True):
    """A request in two parts. kept: what cachedContents gets of it, without a model; rest: what is sent with its name.

    name: the same for the same `kept`; life: seconds for which its mark wants it kept
    """

    kept: Json
    rest: Json
    name: str
    life: int

    def naming(self, cached: str) -> bytes:
        """Return the body of a request that refers to it by the name that Google gave it."""
        return msgspec.json.encode(self.rest | {"cachedContent": cached})


def prefix_of(request: Request, body: bytes, target: Target) -> Prefix | None:
    """Return the longest prefix of a request that is marked and long enough; `body` is how the request is written.

    None where there is none, or the request names one of its own.
    """
    marks = [*_marks(request)]
    if not marks:
        return None
    written: Json = msgspec.json.decode(body)
    if "cachedContent" in written:
        return None
    shared = {name: written[name] for name in _WITH_IT if name in written}
    least = target.facts.get("prompt_cache_min_tokens")
    for head, tail in _cuts(request.messages):
        rest = contents_of(tail, target).turns
        if rest[0]["role"] != "user":
            continue
        kept = shared | ({"contents": contents_of(head, target).turns} if head else {})
        text = msgspec.json.encode(kept, order="deterministic")
        if len(text) // _BYTES_A_TOKEN < (least if isinstance(least, int) else LEAST):
            return None
        others = {name: value for name, value in written.items() if name not in shared}
        return Prefix(kept, others | {"contents": rest}, hashlib.sha256(text).hexdigest(), _life(marks))
    return None


def _marks(request: Request) -> Iterator[Json]:
    """Yield the marks of tools and messages."""
    for tool in request.tools or ():
        if tool.cache_control is not None:
            yield tool.cache_control
    for message in request.messages:
        if message.cache_control is not None:
            yield message.cache_control
        for part in message.content if isinstance(message.content, list) else ():
            if part.cache_control is not None:
                yield part.cache_control


def _cuts(messages: list[Message]) -> Iterator[tuple[list[Message], list[Message]]]:
    """Yield what lies before a cut and what behind it, the longest first; the last cut has nothing before it.

    Before it is only what the user says, since the instruction goes with the prefix wherever it stands.
    """
    begun = [*takewhile(lambda message: message.role not in _ANSWERS, messages)]
    later = messages[len(begun) :]
    said = [one for message in begun if message.role in _SAYS for one in _parts(message)]
    for place in range(len(said) - 1, 0, -1):
        if said[place - 1].cache_control is not None:
            yield [Message(role="user", content=said[:place])], [Message(role="user", content=said[place:]), *later]
    if said:
        yield [], [Message(role="user", content=said), *later]


def _parts(message: Message) -> list[Part]:
    """Return what a message says in parts; a mark of the message is one of its last part."""
    if isinstance(message.content, list):
        parts = message.content
    else:
        parts = [Part(type="text", text=message.content)] if message.content else []
    if message.cache_control is not None and parts:
        return [*parts[:-1], msgspec.structs.replace(parts[-1], cache_control=message.cache_control)]
    return parts


def _life(marks: list[Json]) -> int:
    """Return how long the marks want a prefix to be kept: as long as the longest of them."""
    wanted = [
        int(found[1]) * _UNITS[found[2]] for mark in marks if (found := _TTL.fullmatch(str(mark.get("ttl") or "")))
    ]
    return min(max(wanted), _LONGEST_LIFE) if wanted else USUAL_LIFE
