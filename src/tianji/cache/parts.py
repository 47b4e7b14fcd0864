"""A request for embeddings, whose texts are kept one by one: what is known is not asked for again."""

from typing import Any, Final

import msgspec
from msgspec import Raw

from tianji._core.bodies.spans import ObjectSpans
from tianji._core.caching.memory import Answer, counted_usage
from tianji._core.caching.recall import Lookup
from tianji._core.streams.usage import Usage
from tianji.clock import SYSTEM
from tianji.errors import UpstreamProtocolError

_MEMBERS: Final = msgspec.json.Decoder(dict[str, Raw])
_LIST: Final = msgspec.json.Decoder(list[Raw])
_encode: Final = msgspec.json.Encoder().encode


class Division:
    """One request, part by part. A part is a text, or the numbers of its tokens.

    key: of the only part, else None
    """

    def __init__(self, lookup: Lookup, spans: ObjectSpans) -> None:
        self._lookup = lookup
        self._source = spans.source
        self._parts = parts_of(spans.get(b"input") or b'""')
        self._keys = [lookup.key_of(spans, b"input", bytes(part)) for part in self._parts]
        self._found: dict[str, Answer] = {}
        self.key = self._keys[0] if len(self._keys) == 1 else None

    def missing(self) -> list[str]:
        """Return the keys of which nothing is known."""
        return [key for key in dict.fromkeys(self._keys) if key not in self._found]

    def found(self, key: str, answer: Answer) -> None:
        """Take what is known."""
        self._found[key] = answer

    def rest(self) -> bytes | None:
        """Return the request without the parts that are known; None where there are none."""
        if not self._found:
            return None
        members = _MEMBERS.decode(self._source)
        members["input"] = Raw(_encode([self._parts[at] for at in self._unknown()]))
        return _encode(members)

    def whole(self, model_json: bytes) -> Answer | None:
        """Return the answer to a request of which everything is known."""
        if self._unknown():
            return None
        answers = [self._found[key] for key in self._keys]
        data = [placed(answer.body, at) for at, answer in enumerate(answers)]
        tokens = sum(map(_tokens, answers))
        members = {"object": "list", "data": data, "model": Raw(model_json), "usage": usage_of(tokens)}
        return Answer(
            _encode(members),
            model_json,
            streamed=False,
            shows_usage=False,
            stored_at=min(answer.stored_at for answer in answers),
            expires=0,
            usage=counted_usage(tokens, 0, -1, -1),
        )

    def completed(self, body: bytes, usage: Usage | None, keeps: bool) -> bytes:
        """Return what an upstream has answered with what was known; with `keeps` its parts are kept.

        It was asked for the rest, or for everything. Raises UpstreamProtocolError where it answered neither.
        """
        members = _MEMBERS.decode(body)
        items = listed(members.get("data"))
        places = list(range(len(self._parts))) if len(items) == len(self._parts) else self._unknown()
        if len(items) != len(places):
            if not self._found:
                return body
            raise UpstreamProtocolError(f"the upstream answered {len(items)} of {len(places)} texts")
        tokens = 0 if usage is None else max(0, usage.prompt_tokens)
        if keeps:
            self._keep([bytes(item) for item in items], places, tokens)
        if len(places) == len(self._parts):
            return body
        told = dict(zip(places, items, strict=True))
        rest = {at: self._found[key] for at, key in enumerate(self._keys) if at not in told}
        data = [placed(rest[at].body if at in rest else bytes(told[at]), at) for at in range(len(self._parts))]
        return _encode({**members, "data": data, "usage": usage_of(tokens + sum(map(_tokens, rest.values())))})

    def _unknown(self) -> list[int]:
        return [at for at, key in enumerate(self._keys) if key not in self._found]

    def _keep(self, items: list[bytes], places: list[int], tokens: int) -> None:
        """Keep each part, with its share of the tokens."""
        lookup = self._lookup
        cache, now = lookup.cache, SYSTEM.now()
        for number, (item, at) in enumerate(zip(items, places, strict=True)):
            share = tokens // len(items) + (number < tokens % len(items))
            answer = Answer(
                item,
                lookup.model_json,
                streamed=False,
                shows_usage=False,
                stored_at=now,
                expires=now + lookup.ttl if lookup.ttl else 0,
                usage=counted_usage(share, 0, -1, -1),
            )
            if cache.memory is not None:
                cache.memory.put(self._keys[at], answer)
            if cache.far is not None:
                cache.far.keep(self._keys[at], answer)


def parts_of(raw: bytes) -> list[Raw]:
    """Return the parts of an `input`: itself, where it is no list of texts or of lists."""
    if not raw.startswith(b"["):
        return [Raw(raw)]
    parts = _LIST.decode(raw)
    return parts if parts and bytes(parts[0])[:1] in (b'"', b"[") else [Raw(raw)]


def listed(raw: Raw | None) -> list[Raw]:
    """Return the elements of a list, none of anything else."""
    try:
        return [] if raw is None else _LIST.decode(raw)
    except msgspec.DecodeError:
        return []


def placed(item: bytes, at: int) -> dict[str, Any]:
    """Return an embedding as the answer's element number `at`."""
    return {**_MEMBERS.decode(item), "index": at}


def usage_of(tokens: int) -> dict[str, int]:
    """Return what was used as OpenAI says it for embeddings."""
    return {"prompt_tokens": tokens, "total_tokens": tokens}


def _tokens(answer: Answer) -> int:
    return 0 if answer.usage is None else max(0, answer.usage.prompt_tokens)
