"""Between a client that speaks OpenAI's realtime API and Google's Live API, event by event.

https://platform.openai.com/docs/api-reference/realtime-client-events, https://ai.google.dev/api/live

Google sets a conversation up once, so that waits for the client's first event: where it is `session.update`, the setup
holds what it says. Google answers by itself when a turn ends, so `response.create` need not be said.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import msgspec

from tianji.protocol.gemini.live.answer import Answer, Event
from tianji.protocol.gemini.live.setup import detects_turns, setup_of, takes_as_it_comes
from tianji.protocol.gemini.live.usage import realtime_usage
from tianji.protocol.loose import list_of, object_of

Json = dict[str, Any]
Said = tuple[bool, bytes]  # whether it goes upstream, and a message
MOST_CALLS: Final = 256  # calls of tools whose names are remembered for their results
MOST_WAITING: Final = 10 << 20  # bytes of messages that wait until Google is ready
SOUND: Final = "audio/pcm;rate=24000"
_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode
_IGNORED: Final = frozenset({
    "response.create", "response.cancel", "input_audio_buffer.clear", "conversation.item.truncate",
    "conversation.item.delete", "output_audio_buffer.clear",
})  # fmt: skip


class Interpreter:
    """One conversation. `model`: as Google calls it; `shown`: as the client does."""

    def __init__(self, model: str, shown: str, *, names_calls: bool = True) -> None:
        """`names_calls`: results of tools carry the id of their call, which Vertex AI does not take."""
        self._model = model
        self._shown = shown
        self._names_calls = names_calls
        self._as_it_comes = takes_as_it_comes(model)
        self._named = _new("sess")
        self._session: Json = {}
        self._speaking = False  # the client, where it says itself when it does
        self._setup: Json | None = None
        self._ready = False
        self._updated = False
        self._waiting: deque[bytes] = deque()
        self._waiting_size = 0
        self._calls: dict[str, str] = {}
        self._answer: Answer | None = None
        self._usage: Json | None = None
        self._heard: list[str] = []
        self._takes: Mapping[str, Callable[[Json], Iterator[Event | bytes]]] = {
            "session.update": self._update,
            "input_audio_buffer.append": self._append,
            "input_audio_buffer.commit": self._commit,
            "conversation.item.create": self._item,
        }

    def begin(self) -> list[Said]:
        """Return what is said before anybody has said something."""
        return [self._to_client({"type": "session.created", "session": self._described()})]

    def __call__(self, upstream: bool, message: bytes) -> list[Said]:
        """Return what follows a message of the upstream, or of the client, and to whom it goes."""
        try:
            event = _decode(message)
        except (msgspec.DecodeError, RecursionError):
            return [] if upstream else [self._complaint("The event is no JSON object", None)]
        return self._from_upstream(event) if upstream else self._from_client(event)

    # -- what the client says ------------------------------------------------------------------------------------------

    def _from_client(self, event: Json) -> list[Said]:
        kind = event.get("type")
        take = self._takes.get(kind) if isinstance(kind, str) else None
        said: list[Said] = []
        if take is None:
            if kind in _IGNORED:
                return []
            return [self._complaint(f"Unknown event type {str(kind)[:64]!r}", "type")]
        if self._setup is None:
            self._setup = setup_of(object_of(event.get("session")) if kind == "session.update" else {}, self._model)
            said.append((True, _encode({"setup": self._setup})))
        for one in take(event):
            if isinstance(one, bytes):
                said += self._when_ready(one)
            else:
                said.append(self._to_client(one))
        return said

    def _when_ready(self, message: bytes) -> list[Said]:
        if self._ready:
            return [(True, message)]
        self._waiting_size += len(message)
        if self._waiting_size > MOST_WAITING:
            return [self._complaint("too much was said before the conversation was set up", None)]
        self._waiting.append(message)
        return []

    def _update(self, event: Json) -> Iterator[Event | bytes]:
        self._session = {**self._session, **object_of(event.get("session"))}
        if self._updated or self._ready:  # Google sets a conversation up once
            yield {"type": "session.updated", "session": self._described()}
        self._updated = True

    def _append(self, event: Json) -> Iterator[Event | bytes]:
        if not self._speaking and not detects_turns(self._setup or {}):
            self._speaking = True
            yield _encode({"realtimeInput": {"activityStart": {}}})
        yield _encode({"realtimeInput": {"audio": {"mimeType": SOUND, "data": event.get("audio") or ""}}})

    def _commit(self, _: Json) -> Iterator[Event | bytes]:
        yield {"type": "input_audio_buffer.committed", "item_id": _new("item"), "previous_item_id": None}
        self._speaking = False
        over: Json = {"audioStreamEnd": True} if detects_turns(self._setup or {}) else {"activityEnd": {}}
        yield _encode({"realtimeInput": over})

    def _item(self, event: Json) -> Iterator[Event | bytes]:
        item = dict(object_of(event.get("item")))
        shown = {"id": _new("item"), "object": "realtime.item", "status": "completed", **item}
        yield {"type": "conversation.item.added", "previous_item_id": None, "item": shown}
        yield {"type": "conversation.item.done", "previous_item_id": None, "item": shown}
        if item.get("type") == "function_call_output":
            yield _encode({"toolResponse": {"functionResponses": [self._result(item)]}})
            return
        parts = [part for one in list_of(item.get("content")) if (part := _part(object_of(one))) is not None]
        role = "model" if item.get("role") == "assistant" else "user"
        if parts and self._as_it_comes:
            yield from _as_it_comes(role, parts)
        elif parts:
            turns = [{"role": role, "parts": parts}]
            yield _encode({"clientContent": {"turns": turns, "turnComplete": role == "user"}})

    def _result(self, item: Json) -> Json:
        call, output = str(item.get("call_id") or ""), item.get("output")
        found: Json = {"name": self._calls.get(call, ""), "response": _response(output)}
        return {"id": call, **found} if self._names_calls and call else found

    # -- what Google says ----------------------------------------------------------------------------------------------

    def _from_upstream(self, event: Json) -> list[Said]:
        said: list[Said] = []
        usage = realtime_usage(event.get("usageMetadata"))
        if usage is not None:
            self._usage = usage
        if "setupComplete" in event:
            self._ready = True
            if self._updated:
                said.append(self._to_client({"type": "session.updated", "session": self._described()}))
            said += ((True, message) for message in self._waiting)
            self._waiting.clear()
        said += map(self._to_client, self._content(object_of(event.get("serverContent"))))
        said += map(self._to_client, self._tools(object_of(event.get("toolCall"))))
        return said

    def _content(self, content: Mapping[str, Any]) -> Iterator[Event]:
        if heard := object_of(content.get("inputTranscription")).get("text"):
            self._heard.append(str(heard))
        parts = object_of(content.get("modelTurn")).get("parts")
        spoken = object_of(content.get("outputTranscription")).get("text")
        if isinstance(parts, list) or spoken:
            yield from self._transcript()
            if self._answer is None:
                self._answer = Answer(_new("resp"), _new("item"))
                yield from self._answer.begin()
            for part in list_of(parts):
                yield from self._answer.part(object_of(part))
            if spoken:
                yield from self._answer.transcript(str(spoken))
        if content.get("turnComplete") or content.get("interrupted"):
            yield from self._transcript()
            yield from self._end("cancelled" if content.get("interrupted") else "completed")

    def _transcript(self) -> Iterator[Event]:
        """Yield what was heard, once it is whole: when the model begins to answer."""
        if self._heard:
            text, self._heard = "".join(self._heard), []
            kind = "conversation.item.input_audio_transcription.completed"
            yield {"type": kind, "item_id": _new("item"), "content_index": 0, "transcript": text}

    def _tools(self, call: Mapping[str, Any]) -> Iterator[Event]:
        calls = [one for one in list_of(call.get("functionCalls")) if isinstance(one, dict)]
        if not calls:
            return
        yield from self._transcript()
        if self._answer is None:
            self._answer = Answer(_new("resp"), _new("item"))
            yield from self._answer.begin()
        for one in calls:
            name, own = str(one.get("name") or ""), str(one.get("id") or "") or _new("call")
            if len(self._calls) >= MOST_CALLS:
                del self._calls[next(iter(self._calls))]
            self._calls[own] = name
            yield from self._answer.call(_new("item"), own, name, _encode(one.get("args") or {}).decode())
        yield from self._end("completed")

    def _end(self, status: str) -> Iterator[Event]:
        answer, usage = self._answer, self._usage
        self._answer = self._usage = None
        if answer is None and usage is not None:  # nothing was said, and that has its price, too
            answer = Answer(_new("resp"), _new("item"))
            yield from answer.begin()
        if answer is not None:
            yield from answer.end(status, usage)

    # -- forms ---------------------------------------------------------------------------------------------------------

    def _described(self) -> Json:
        own = {"id": self._named, "object": "realtime.session", "type": "realtime", "model": self._shown}
        return {**self._session, **own}

    def _to_client(self, event: Event) -> Said:
        return False, _encode({"event_id": _new("event"), **event})

    def _complaint(self, message: str, param: str | None) -> Said:
        return self._to_client({"type": "error", "error": _told(message, param)})


def _as_it_comes(role: str, parts: list[Json]) -> Iterator[Event | bytes]:
    """Yield a message for a model that takes no turns once a conversation has begun."""
    if role == "model":
        reason = "This model takes no messages of the assistant in a conversation: put them into the instructions."
        yield {"type": "error", "error": _told(reason, "item.role")}
        return
    data = [part["inlineData"] for part in parts if "inlineData" in part]
    for one in data:
        yield _encode({"realtimeInput": {"audio" if one["mimeType"].startswith("audio/") else "video": one}})
    if text := "\n".join(part["text"] for part in parts if "text" in part):
        yield _encode({"realtimeInput": {"text": text}})


def _told(message: str, param: str | None) -> Json:
    return {"type": "invalid_request_error", "code": None, "message": message, "param": param, "event_id": None}


def _part(content: Mapping[str, Any]) -> Json | None:
    kind = content.get("type")
    if kind in ("input_text", "text", "output_text") and isinstance(content.get("text"), str):
        return {"text": content["text"]}
    if kind == "input_audio" and isinstance(content.get("audio"), str):
        return {"inlineData": {"mimeType": SOUND, "data": content["audio"]}}
    url = content.get("image_url")
    if kind == "input_image" and isinstance(url, str) and url.startswith("data:") and ";base64," in url:
        mime, _, data = url.removeprefix("data:").partition(";base64,")
        return {"inlineData": {"mimeType": mime, "data": data}}
    return None


def _response(output: object) -> Json:
    """Return the result of a tool as the object that Google wants."""
    try:
        found = msgspec.json.decode(output) if isinstance(output, str) else output
    except (msgspec.DecodeError, RecursionError):
        found = output
    return found if isinstance(found, dict) else {"result": found}


def _new(kind: str) -> str:
    return f"{kind}_{os.urandom(10).hex()}"
