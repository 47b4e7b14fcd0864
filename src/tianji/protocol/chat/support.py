"""What an upstream lacks, and what becomes of a request that asks for it: refused, dropped, or sent all the same."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from tianji.errors import InvalidRequest, UnsupportedParams, UpstreamProtocolError
from tianji.protocol.chat.request import FunctionCall, Request, ToolCall
from tianji.protocol.chat.seam import Target
from tianji.protocol.scrub import scrub

T = TypeVar("T")
_EXCERPT = 200  # characters of an answer that cannot be read which an error shows


def refuse(target: Target, name: str, why: str) -> None:
    """Raise UnsupportedParams for `name`, unless what the upstream lacks is to be dropped: then return."""
    if not target.drop_params:
        raise UnsupportedParams(
            f"{target.provider} model {target.model!r} does not take this {name!r}: {why}. "
            "Remove it, or set drop_params: true to have it removed.",
            param=name,
        )


def lacking(request: Request, target: Target, unsupported: frozenset[str]) -> dict[str, Any]:
    """Return the members of `unsupported` that go to the upstream as they are, because `allowed` names them.

    Raises UnsupportedParams for the first of the others that is set, unless they are to be dropped.
    """
    sent: dict[str, Any] = {}
    for name in sorted(unsupported):
        value = getattr(request, name)
        if value is None:
            continue
        if name in target.allowed:
            sent[name] = value
        else:
            refuse(target, name, "it has no such parameter")
    return sent


def unreadable(target: Target, why: str, payload: bytes) -> UpstreamProtocolError:
    """Make the error for an answer that breaks the protocol; it shows the beginning, without what looks secret."""
    message = f"{target.provider} sent an answer that cannot be read: {why}"
    return UpstreamProtocolError(message, excerpt=excerpt_of(payload), payload=payload[: 4 * _EXCERPT])


def decoded(payload: bytes, kind: type[T], target: Target) -> T:
    """Read what an upstream sent. Raises UpstreamProtocolError."""
    try:
        return msgspec.json.decode(payload, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise unreadable(target, str(error), payload) from error


def excerpt_of(payload: bytes, secrets: Iterable[str] = ()) -> str:
    """Return the beginning of an answer that an error shows, without what looks secret or is one of `secrets`."""
    return scrub(payload[: 4 * _EXCERPT].decode("utf-8", "replace"), secrets)[:_EXCERPT]


def decoded_object(text: str) -> dict[str, Any] | None:
    """Return the JSON object that a text holds, None for any other text."""
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return None
    return value if isinstance(value, dict) else None


def without_none(members: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members that have a value."""
    return {name: value for name, value in members.items() if value is not None}


def function_of(call: ToolCall, upstream: str) -> FunctionCall:
    """Return what a call calls. Raises InvalidRequest where it is no function, which is all that `upstream` knows."""
    if call.function is None:
        raise InvalidRequest(
            f"A tool call of type {call.type!r} is in the messages; {upstream} calls functions only.", param="messages"
        )
    return call.function


def may_be_forced(target: Target) -> bool:
    """Tell whether a model can be forced to call a tool, for all that the catalogue knows."""
    return target.facts.get("supports_forced_tool_use") is not False
