"""What those say over WebSockets who hold no conversation in OpenAI's realtime form or in Google's.

OpenAI's Responses API (https://developers.openai.com/api/docs/guides/websocket-mode), Deepgram's and AssemblyAI's
recognition of speech as it is spoken, ElevenLabs' reading of text as it is written. Sound lasts a second a message.
"""

from collections.abc import Callable, Iterator

import msgspec

from tianji.errors import InvalidRequest
from tianji.mock.answers.responses import ResponsesRequest, responses
from tianji.mock.faults import Faults
from tianji.mock.sockets.event import Event, members


class Sockets:
    """One of them. `listen` says what follows a message of the client; `over`: nothing does any more."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._seconds = 0
        self.over = False

    def begin(self) -> Event | None:
        """Return what is said first."""
        return None

    def listen(self, text: bytes) -> Iterator[Event]:
        """Yield what follows. Raises InvalidRequest and MalformedJSON."""
        raise NotImplementedError

    def numbered(self, event: Event) -> bytes:
        """Return a message as text."""
        return msgspec.json.encode(event)


class Responding(Sockets):
    """Each `response.create` has the events of a stream; what may be continued is what was made on this socket."""

    def __init__(self, faults: Faults) -> None:
        super().__init__(faults)
        self._made: set[str] = set()

    def listen(self, text: bytes) -> Iterator[Event]:
        """Yield the events of a response."""
        asked = members(text)
        if asked.get("type") != "response.create":
            raise InvalidRequest(f"Unknown event type {asked.get('type')!r}", param="type")
        previous = asked.get("previous_response_id")
        if previous is not None and previous not in self._made:
            error = {
                "type": "invalid_request_error",
                "code": "previous_response_not_found",
                "message": f"Previous response with id {previous!r} not found.",
                "param": "previous_response_id",
            }
            yield {"type": "error", "status": 400, "error": error}
            return
        request = msgspec.convert({**asked, "stream": True}, ResponsesRequest)
        for framed in responses(request, self._faults).events or ():
            event = members(framed.partition(b"data: ")[2])
            if event["type"] == "response.completed":
                self._made.add(event["response"]["id"])
            yield event


class Deepgram(Sockets):
    """https://developers.deepgram.com/reference/speech-to-text/listen-streaming."""

    def listen(self, text: bytes) -> Iterator[Event]:
        """Yield a result for each piece of sound, and at the end what there was in all."""
        if not text.startswith(b"{"):
            alternatives = [{"transcript": "what was said", "confidence": 1.0}]
            start, self._seconds = self._seconds, self._seconds + 1
            yield {"type": "Results", "start": start, "duration": 1.0, "channel": {"alternatives": alternatives}}
        elif members(text).get("type") == "CloseStream":
            self.over = True
            yield {"type": "Metadata", "request_id": "mock", "duration": float(self._seconds), "channels": 1}


class AssemblyAI(Sockets):
    """https://www.assemblyai.com/docs/api-reference/streaming-api."""

    def begin(self) -> Event:
        """Say that the session is there."""
        return {"type": "Begin", "id": "mock", "expires_at": 4102444800}

    def listen(self, text: bytes) -> Iterator[Event]:
        """Yield a turn for each piece of sound, and at the end how long the session was."""
        if not text.startswith(b"{"):
            self._seconds += 1
            yield {
                "type": "Turn",
                "turn_order": self._seconds - 1,
                "turn_is_formatted": False,
                "end_of_turn": True,
                "end_of_turn_confidence": 1.0,
                "transcript": "what was said",
                "words": [],
            }
        elif members(text).get("type") == "Terminate":
            self.over = True
            yield {
                "type": "Termination",
                "audio_duration_seconds": self._seconds,
                "session_duration_seconds": self._seconds + 1,
            }


class ElevenLabs(Sockets):
    """https://elevenlabs.io/docs/api-reference/text-to-speech/v-1-text-to-speech-voice-id-stream-input."""

    def listen(self, text: bytes) -> Iterator[Event]:
        """Yield sound for each text."""
        said = members(text).get("text")
        self.over = not said
        yield {"audio": "AAAA" if said else None, "isFinal": not said}


PATHS: tuple[tuple[str, Callable[[Faults], Sockets]], ...] = (
    ("/responses", Responding),
    ("/v1/listen", Deepgram),
    ("/v3/ws", AssemblyAI),
    ("/stream-input", ElevenLabs),
)
