"""What is known of conversations that go through as they are, by their paths: who is talked with, and what it comes to.

Of all others only the beginning and the end are known.
"""

import re
import time
from collections.abc import Callable
from typing import Any, Final, Protocol

import msgspec
from msgspec import Struct

from tianji._core.journal.meter import Measures
from tianji._core.sockets.farewell import Farewell
from tianji._core.sockets.tunnel import Tunnel
from tianji.errors import TianjiError
from tianji.realtime.watching import farewell, parting

_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


class Hearing(Protocol):
    """Who follows one conversation."""

    def heard(self, event: bytes) -> Farewell | None:
        """Hear an event of the upstream that holds one of the form's signs."""

    def said(self, message: bytes) -> str | None:
        """Hear a message of the client; the model that it names, if any."""

    def over(self) -> None:
        """Hear that it is over."""


class Unheard:
    """Nobody knows what is said."""

    def __init__(self, tunnel: Tunnel) -> None:
        self._tunnel = tunnel

    def heard(self, event: bytes) -> Farewell | None:  # noqa: ARG002 - some know what it means
        """Make nothing of it."""
        return None

    def said(self, message: bytes) -> str | None:  # noqa: ARG002 - likewise
        """Make nothing of it."""
        return None

    def over(self) -> None:
        """Have nothing to add."""


class Responding(Unheard):
    """Events of OpenAI's that end a response. https://developers.openai.com/api/docs/guides/websocket-mode."""

    def heard(self, event: bytes) -> Farewell | None:
        """Have a response paid for."""
        error = self._tunnel.hear(event)
        return None if error is None else farewell(error)

    def said(self, message: bytes) -> str | None:
        """Return the model of a `response.create`; that of a realtime session stands in its path."""
        event = members(message)
        model = event.get("model")
        return model if event.get("type") == "response.create" and isinstance(model, str) else None


class Living(Unheard):
    """Google's Live API: the first message names the model, and usage is told with the end of a turn."""

    def __init__(self, tunnel: Tunnel) -> None:
        super().__init__(tunnel)
        from tianji.realtime.live import Books  # noqa: PLC0415 - which knows the form of usage there

        self._books = Books()
        self._books.session = tunnel

    def heard(self, event: bytes) -> Farewell | None:
        """Have a turn paid for."""
        return self._books.hear(event)

    def said(self, message: bytes) -> str | None:
        """Return the model of a setup."""
        setup = members(message).get("setup")
        model = setup.get("model") if isinstance(setup, dict) else None
        return model.rpartition("/")[2] if isinstance(model, str) else None

    def over(self) -> None:
        """Have a turn paid for that did not end."""
        self._books.close()


class Listening(Unheard):
    """Deepgram says how much it has heard so far with each result, and in all at the end.

    https://developers.deepgram.com/reference/speech-to-text/listen-streaming
    """

    _seconds = 0.0

    def heard(self, event: bytes) -> Farewell | None:
        """Take note of the length of what was heard."""
        found = members(event)
        end = number(found.get("start")) + number(found.get("duration"))
        if found.get("type") == "Metadata":
            end = number(found.get("duration"))
        self._seconds = max(self._seconds, end)
        return None

    def over(self) -> None:
        """Say what was heard."""
        self._tunnel.measures = Measures(milliseconds=round(1000 * self._seconds))


class Lasting(Unheard):
    """AssemblyAI is paid for as long as the socket is open, and says at the end how long that was.

    https://www.assemblyai.com/docs/api-reference/streaming-api
    """

    def __init__(self, tunnel: Tunnel) -> None:
        super().__init__(tunnel)
        self._began = time.monotonic()
        self._seconds = 0.0

    def heard(self, event: bytes) -> Farewell | None:
        """Take note of how long it was."""
        self._seconds = number(members(event).get("session_duration_seconds"))
        return None

    def over(self) -> None:
        """Say how long it was, by the clock where nobody said it."""
        seconds = self._seconds or time.monotonic() - self._began
        self._tunnel.measures = Measures(milliseconds=round(1000 * seconds))


class Speaking(Unheard):
    """ElevenLabs is paid for by the characters that it is given to say.

    https://elevenlabs.io/docs/api-reference/text-to-speech/v-1-text-to-speech-voice-id-stream-input
    """

    _characters = 0

    def said(self, message: bytes) -> str | None:
        """Count what is to be said."""
        text = members(message).get("text")
        self._characters += len(text) if isinstance(text, str) else 0
        return None

    def over(self) -> None:
        """Say how much it was."""
        self._tunnel.measures = Measures(input_characters=self._characters)


class Form(Struct, frozen=True):
    """What is known of the conversations on a path.

    models: names in a query of which one may say the model; refused: beginnings of names that no query may hold
    signs: what events of the upstream hold that are listened to; listens: so are all messages of the client
    later: a message may name a model; ending: how one ends for an error
    spoken: it is OpenAI's realtime API, where sound holds no word
    """

    hearing: Callable[[Tunnel], Hearing] = Unheard
    models: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    signs: tuple[bytes, ...] = ()
    listens: bool = False
    later: bool = False
    ending: Callable[[TianjiError], Farewell] = parting
    spoken: bool = False


UNKNOWN: Final = Form(models=("model",))
_USAGE: Final = (b'"usage"',)
_ROWS: Final = (
    (
        r"/realtime",
        Form(Responding, models=("model", "deployment"), signs=_USAGE, ending=farewell, spoken=True),
    ),
    (r"/responses", Form(Responding, signs=_USAGE, later=True, ending=farewell)),
    (
        r"/ws/google\..*\.BidiGenerateContent",
        Form(Living, signs=(b'"usageMetadata"', b'"turnComplete"'), listens=True, later=True),
    ),
    (r"/v1/listen", Form(Listening, models=("model",), refused=("callback",), signs=(b'"duration"',))),
    (r"/v3/ws", Form(Lasting, models=("speech_model",), signs=(b'"session_duration_seconds"',))),
    (r"/v1/text-to-speech/[^/]+/(multi-)?stream-input", Form(Speaking, models=("model_id",), listens=True)),
)
_FORMS: Final = tuple((re.compile(rf".*{pattern}/?", re.DOTALL), form) for pattern, form in _ROWS)


def form_of(path: str) -> Form:
    """Return what is known of a path of an upstream, or of one of the gateway's that leads to it."""
    return next((form for pattern, form in _FORMS if pattern.fullmatch(path)), UNKNOWN)


def members(message: bytes) -> dict[str, Any]:
    """Return what a message says; nothing for one that is no object of JSON."""
    try:
        return _decode(message)
    except (msgspec.DecodeError, RecursionError):
        return {}


def number(found: object) -> float:
    """Return a length in seconds that an upstream tells, within what may be one: a year at the most."""
    return min(max(0.0, float(found)), 31_536_000.0) if isinstance(found, int | float) else 0.0
