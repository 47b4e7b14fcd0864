"""What a realtime model says to what a client says: events, in OpenAI's form, both the beta one and the general one.

https://platform.openai.com/docs/api-reference/realtime-server-events
"""

import itertools
from collections.abc import Callable, Iterator

import msgspec

from tianji.errors import InvalidRequest
from tianji.mock.faults import Faults
from tianji.mock.json import Json, decode
from tianji.mock.sockets.event import Event, members
from tianji.mock.text import count_words, generate, seed_of

EXPIRES = 4102444800  # 2100-01-01, so that the same request always gets the same answer
AUDIO_TOKENS = 7  # that each answer is said to have heard and spoken
CACHED_TOKENS = 3  # of the text that it is said to have had in its cache


class Dialogue:
    """One session. `listen` says what follows an event of the client."""

    def __init__(self, model: str, faults: Faults, *, beta: bool) -> None:
        self._model = model
        self._faults = faults
        self._beta = beta
        self._numbers = itertools.count(1)
        self._heard: list[str] = []
        self._transcribes = False
        self._answers: dict[str, Callable[[Event], Iterator[Event]]] = {
            "session.update": self._update,
            "conversation.item.create": self._item,
            "input_audio_buffer.append": lambda _: iter(()),
            "input_audio_buffer.commit": self._commit,
            "response.create": self._respond,
            "response.cancel": lambda _: iter(()),
        }

    def begin(self) -> Event:
        """Return the first event of a session."""
        return {"type": "session.created", "session": self._session({})}

    def listen(self, text: bytes) -> Iterator[Event]:
        """Yield the events that follow what a client said. Raises InvalidRequest and MalformedJSON."""
        event = members(text)
        kind = event.get("type")
        if kind not in self._answers:
            raise InvalidRequest(f"Unknown event type {kind!r}", param="type")
        return self._answers[kind](event)

    def numbered(self, event: Event) -> bytes:
        """Return an event as text, with an id of its own."""
        return msgspec.json.encode({"event_id": f"event_mock_{next(self._numbers)}", **event})

    def _session(self, own: Event) -> Event:
        return {"id": "sess_mock", "object": "realtime.session", "type": "realtime", "model": self._model, **own}

    def _update(self, event: Event) -> Iterator[Event]:
        session = event.get("session") or {}
        audio = (session.get("audio") or {}).get("input") or {}
        self._transcribes = bool(session.get("input_audio_transcription") or audio.get("transcription"))
        yield {"type": "session.updated", "session": self._session(session)}

    def _item(self, event: Event) -> Iterator[Event]:
        item = event.get("item") or {}
        self._heard += [part.get("text", "") for part in item.get("content") or ()]
        shown = {"id": f"item_mock_{len(self._heard)}", "object": "realtime.item", **item}
        for kind in ("created",) if self._beta else ("added", "done"):
            yield {"type": f"conversation.item.{kind}", "previous_item_id": None, "item": shown}

    def _commit(self, _: Event) -> Iterator[Event]:
        yield {"type": "input_audio_buffer.committed", "item_id": "item_mock_audio", "previous_item_id": None}
        if self._transcribes:
            yield {
                "type": "conversation.item.input_audio_transcription.completed",
                "item_id": "item_mock_audio",
                "content_index": 0,
                "transcript": "what was said",
                "usage": {
                    "type": "tokens",
                    "total_tokens": 13,
                    "input_tokens": 10,
                    "input_token_details": {"text_tokens": 0, "audio_tokens": 10},
                    "output_tokens": 3,
                },
            }

    def _respond(self, _: Event) -> Iterator[Event]:
        tokens, _cut = generate(seed_of(self._model, *self._heard), self._faults, None)
        number = next(self._numbers)
        place = {"response_id": f"resp_mock_{number}", "item_id": f"item_mock_answer_{number}"}
        at = {**place, "output_index": 0, "content_index": 0}
        text = "text" if self._beta else "output_text"
        yield {"type": "response.created", "response": self._response(place, "in_progress", None, None)}
        for token in tokens:
            yield {"type": f"response.{text}.delta", **at, "delta": token}
        yield {"type": f"response.{text}.done", **at, "text": "".join(tokens)}
        whole = self._response(place, "completed", "".join(tokens), self._usage(len(tokens)))
        yield {"type": "response.done", "response": whole}

    def _response(self, place: Event, status: str, text: str | None, usage: Event | None) -> Event:
        part = {"type": "text" if self._beta else "output_text", "text": text}
        item = {"id": place["item_id"], "object": "realtime.item", "type": "message", "role": "assistant"}
        output = [] if text is None else [{**item, "status": status, "content": [part]}]
        return {
            "id": place["response_id"],
            "object": "realtime.response",
            "status": status,
            "status_details": None,
            "output": output,
            "usage": usage,
        }

    def _usage(self, written: int) -> Event:
        said = sum(map(count_words, self._heard)) + CACHED_TOKENS
        return {
            "total_tokens": said + written + 2 * AUDIO_TOKENS,
            "input_tokens": said + AUDIO_TOKENS,
            "output_tokens": written + AUDIO_TOKENS,
            "input_token_details": {
                "text_tokens": said,
                "audio_tokens": AUDIO_TOKENS,
                "cached_tokens": CACHED_TOKENS,
                "cached_tokens_details": {"text_tokens": CACHED_TOKENS, "audio_tokens": 0},
            },
            "output_token_details": {"text_tokens": written, "audio_tokens": AUDIO_TOKENS},
        }


def client_secret(body: bytes) -> bytes:
    """Answer POST /realtime/client_secrets."""
    session = decode(body, Json).get("session") or {}
    shown = {"id": "sess_mock", "object": "realtime.session", **session}
    model = session.get("model")
    if session.get("type") == "transcription":
        model = session["audio"]["input"]["transcription"]["model"]
    return msgspec.json.encode({"value": f"ek_mock_{model or ''}", "expires_at": EXPIRES, "session": shown})


def session(body: bytes) -> bytes:
    """Answer POST /realtime/sessions, the beta form of the same."""
    asked = decode(body, Json)
    secret = {"value": f"ek_mock_{asked.get('model', '')}", "expires_at": EXPIRES}
    return msgspec.json.encode({"id": "sess_mock", "object": "realtime.session", **asked, "client_secret": secret})


def transcription_session(body: bytes) -> bytes:
    """Answer POST /realtime/transcription_sessions: its model is the one that writes down."""
    asked = decode(body, Json)
    secret = {"value": f"ek_mock_{asked['input_audio_transcription']['model']}", "expires_at": EXPIRES}
    about = {"id": "sess_mock", "object": "realtime.transcription_session"}
    return msgspec.json.encode({**about, **asked, "client_secret": secret})
