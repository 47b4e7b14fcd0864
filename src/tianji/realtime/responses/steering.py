"""Input that steers a response while it is made: the event `response.steer` of the Responses API over a WebSocket.

https://developers.openai.com/api/reference/resources/responses/methods/connect. What is accepted waits for the end of
the response and is then the input of another one, with the settings of the first, that nobody has to ask for. Where
the response waits for results of the client's tools, it waits for these, too, and goes before them.
"""

import os
from collections.abc import Callable
from itertools import count
from typing import Any, Final

from msgspec import Struct, field

Json = dict[str, Any]
KIND: Final = "response.steer"
MOST: Final = 32  # submissions that wait for one response
MOST_BYTES: Final = 4 * 1024 * 1024  # of them
_MEMBERS: Final = frozenset({"type", "role", "content"})
_PARTS: Final = frozenset({"input_text", "input_image", "input_file"})
_UNLIKE: Final = frozenset({"input", "generate", "response", "previous_response_id"})  # what a successor has its own of
_OWED: Final = {  # calls that the client answers: what that is called, and what it names besides the call
    "function_call": ("function_call_output", "name"),
    "custom_tool_call": ("custom_tool_call_output", None),
    "computer_call": ("computer_call_output", None),
    "shell_call": ("shell_call_output", None),
    "apply_patch_call": ("apply_patch_call_output", None),
}


class SteerRefusedError(Exception):
    """Why a submission cannot be taken, or what became of it: `code` as the vendor has it, and what to say."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class Steer(Struct, frozen=True):
    """One submission: its id, its input as it came, and the same as messages."""

    id: str
    given: object
    items: list[Json]
    size: int


class Target(Struct):
    """A response that may be steered: how it was asked for, and what waits for its end."""

    id: str
    stream_id: str | None
    asked: Json
    steers: list[Steer] = field(default_factory=list)


class Steering:
    """What steers the responses of one conversation."""

    def __init__(self, say: Callable[[Json, str | None], None]) -> None:
        self._say = say
        self._active: dict[str | None, Target] = {}  # by lane, as are the others
        self._waiting: dict[str | None, Target] = {}  # for what the client owes
        self._followed: dict[str | None, Target] = {}  # by a response that has not begun yet
        self._last: dict[str | None, str] = {}
        self._numbers = count()

    def begun(self, response_id: str, stream_id: str | None, asked: Json) -> None:
        """Hear that a response is being made: what it was to take along is in it."""
        self._followed.pop(stream_id, None)
        waiting = self._waiting.get(stream_id)
        if waiting is not None and asked.get("previous_response_id") == waiting.id:
            del self._waiting[stream_id]
        self._active[stream_id] = Target(response_id, stream_id, asked)

    def take(self, event: Json, size: int) -> None:
        """Take a submission, or say why not."""
        named, given = event.get("previous_response_id"), event.get("input")
        steer = Steer(f"steer_{os.urandom(12).hex()}", given, [], size)
        target = next((one for one in self._active.values() if one.id == named), None)
        try:
            steer.items.extend(messages_of(event))
            if target is None:
                over = named in self._last.values()
                raise SteerRefusedError(
                    "response_already_completed" if over else "response_not_found",
                    "previous_response_id names no response that is being made on this connection",
                )
            _check_place(target, size)
        except SteerRefusedError as refused:
            told = {"previous_response_id": named if isinstance(named, str) else "", "input": given}
            self._fail(told, refused, None if target is None else target.stream_id)
            return
        target.steers.append(steer)
        self._tell("accepted", {"steer": _named(steer, target)}, target.stream_id)

    def ended(self, stream_id: str | None, response: Json | None) -> Json | None:
        """Hear that the response of a lane is over, whole or None; the event that asks for what follows, or None."""
        followed = self._followed.pop(stream_id, None)
        if followed is not None:
            self._give_back(
                followed, SteerRefusedError("successor_creation_failed", "what should follow did not begin")
            )
        target = self._active.pop(stream_id, None)
        if target is None:
            return None
        self._last[stream_id] = target.id
        if not target.steers:
            return None
        if response is None or response.get("status") != "completed":
            self._give_back(target, SteerRefusedError("response_not_active", "the response was not completed"))
            return None
        owed = owed_by(response)
        if not owed:
            self._followed[stream_id] = target
            kept = {name: value for name, value in target.asked.items() if name not in _UNLIKE}
            return {**kept, "previous_response_id": target.id, "input": _items(target)}
        before = self._waiting.pop(stream_id, None)
        if before is not None:
            self._give_back(before, SteerRefusedError("successor_creation_failed", "another response came between"))
        self._waiting[stream_id] = target
        for steer in target.steers:
            about = {"steer": _named(steer, target), "reason": "waiting_for_required_input", "required_input": owed}
            self._tell("pending", about, stream_id)
        return None

    def with_what_waits(self, asked: Json, stream_id: str | None, items: list[Json]) -> list[Json]:
        """Return the input of a response that goes on where one has waited: what waits goes before it."""
        target = self._waiting.get(stream_id)
        if target is None or asked.get("previous_response_id") != target.id:
            return items
        return [*_items(target), *items]

    def leave(self) -> None:
        """Say nothing any more, and hold nothing: the connection is closed."""
        self._say = _unheard
        for held in (self._active, self._waiting, self._followed):
            held.clear()

    def _give_back(self, target: Target, refused: SteerRefusedError) -> None:
        for steer in target.steers:
            self._fail({**_named(steer, target), "input": steer.given}, refused, target.stream_id)

    def _fail(self, steer: Json, refused: SteerRefusedError, stream_id: str | None) -> None:
        error = {"type": "invalid_request_error", "code": refused.code, "message": refused.reason}
        self._tell("failed", {"steer": steer, "error": error}, stream_id)

    def _tell(self, what: str, about: Json, stream_id: str | None) -> None:
        self._say({"type": f"{KIND}.{what}", "sequence_number": next(self._numbers), **about}, stream_id)


def messages_of(event: Json) -> list[Json]:
    """Return the input of a submission as messages of the user. Raises SteerRefusedError for what may not steer."""
    given = event.get("input")
    if event.keys() - {"type", "previous_response_id", "input"}:
        raise SteerRefusedError("invalid_input", "the event takes previous_response_id and input, and nothing else")
    if isinstance(given, str) and given:
        return [{"type": "message", "role": "user", "content": given}]
    if not isinstance(given, list) or not given:
        raise SteerRefusedError("invalid_input", "input: expected a text, or messages")
    for item in given:
        content = item.get("content") if isinstance(item, dict) else None
        parts = [] if isinstance(content, str) else content
        if (
            not isinstance(item, dict)
            or item.keys() - _MEMBERS
            or item.get("type", "message") != "message"
            or item.get("role") != "user"
            or not isinstance(parts, list)
            or not all(isinstance(part, dict) and part.get("type") in _PARTS for part in parts)
        ):
            raise SteerRefusedError("invalid_input", "input: expected messages of the user with texts, images, files")
    return given


def owed_by(response: Json) -> list[Json]:
    """Return what the client has to answer before a response can be continued: stubs without the answers."""
    owed: list[Json] = []
    for item in response.get("output") or ():
        kind = item.get("type")
        if kind in _OWED:
            answer, named = _OWED[kind]
            owed.append({"type": answer, "call_id": item.get("call_id")} | ({named: item.get(named)} if named else {}))
        elif kind == "tool_search_call" and item.get("execution") == "client":
            owed.append({"type": "tool_search_output", "call_id": item.get("call_id"), "execution": "client"})
        elif kind == "mcp_approval_request":
            owed.append({"type": "mcp_approval_response", "approval_request_id": item.get("id")})
    return owed


def _check_place(target: Target, size: int) -> None:
    """Raise SteerRefusedError where a response cannot be steered, or not any more."""
    asked = target.asked
    if asked.get("conversation") or asked.get("context_management"):
        reason = "a response of a conversation, or with automatic compaction, is not steered"
        raise SteerRefusedError("steering_not_supported", reason)
    if len(target.steers) >= MOST or size + sum(steer.size for steer in target.steers) > MOST_BYTES:
        raise SteerRefusedError("too_many_pending_steers", f"{MOST} submissions wait for a response at the most")


def _unheard(_event: Json, _stream_id: str | None) -> None:
    """Nobody is there to hear it."""


def _items(target: Target) -> list[Json]:
    return [item for steer in target.steers for item in steer.items]


def _named(steer: Steer, target: Target) -> Json:
    return {"id": steer.id, "previous_response_id": target.id}
