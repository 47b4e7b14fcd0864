"""How an answer is written down beyond the memory of a worker: MessagePack, and nothing that runs when it is read."""

from typing import Final

import msgspec

from tianji._core.caching.memory import Answer, counted_usage

_VERSION: Final = 1


class _Stored(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """Times are seconds since 1970; tokens are -1 where the upstream did not say."""

    version: int
    body: bytes
    model: bytes
    streamed: bool
    shows_usage: bool
    stored_at: float
    expires: float
    tokens: tuple[int, int, int, int] | None  # prompt, completion; of these: cached, reasoning


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(_Stored).decode


def encoded(answer: Answer) -> bytes:
    """Return an answer as it is written down."""
    used = answer.usage
    tokens = None
    if used is not None:
        tokens = (used.prompt_tokens, used.completion_tokens, used.cached_tokens, used.reasoning_tokens)
    return _encode(
        _Stored(
            version=_VERSION,
            body=answer.body,
            model=answer.model_json,
            streamed=answer.streamed,
            shows_usage=answer.shows_usage,
            stored_at=answer.stored_at,
            expires=answer.expires,
            tokens=tokens,
        )
    )


def decoded(data: bytes | None) -> Answer | None:
    """Return what was written; None for nothing, and for what is not of this version."""
    if data is None:
        return None
    try:
        stored = _decode(data)
    except msgspec.DecodeError:
        return None
    if stored.version != _VERSION:
        return None
    return Answer(
        stored.body,
        stored.model,
        streamed=stored.streamed,
        shows_usage=stored.shows_usage,
        stored_at=stored.stored_at,
        expires=stored.expires,
        usage=None if stored.tokens is None else counted_usage(*stored.tokens),
    )
