"""What a model says to a client in the form of Google's Live API: https://ai.google.dev/api/live.

Asked `setup?` it says what it was set up with, and `call NAME` has it call a tool of that name.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from tianji.errors import InvalidRequest
from tianji.mock.faults import Faults
from tianji.mock.sockets.event import Event, members
from tianji.mock.text import count_words, generate, seed_of

SOUND = "AAAA"  # base64 of three bytes
AUDIO_TOKENS = 5
_UNDERSCORE = re.compile(r"_([a-z])")
_NO_TURNS = re.compile(r"gemini-[3-9]")  # models that take what is said as realtimeInput alone


def camel(message: Event) -> Event:
    """Return a message with its names in Google's own spelling, of which its forms of JSON know two."""
    return {
        _UNDERSCORE.sub(lambda found: found[1].upper(), name): camel(value) if isinstance(value, dict) else value
        for name, value in message.items()
    }


class LiveDialogue:
    """One conversation. `listen` says what follows a message of the client."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._setup: Event | None = None
        self._said: list[str] = []

    def begin(self) -> None:
        """Say nothing: the client begins."""

    def listen(self, text: bytes) -> Iterator[Event]:
        """Yield what follows. Raises InvalidRequest and MalformedJSON."""
        message = camel(members(text))
        if self._setup is None:
            self._setup = message.get("setup")
            if not isinstance(self._setup, dict) or not str(self._setup.get("model")).rpartition("/")[2]:
                raise InvalidRequest("the first message has to be a setup with a model")
            return iter([{"setupComplete": {}}])
        if "clientContent" in message:
            if _NO_TURNS.search(str(self._setup.get("model"))):
                raise InvalidRequest("Request contains an invalid argument.")
            return self._turns(message["clientContent"])
        if "toolResponse" in message:
            return self._answer(msgspec.json.encode(message["toolResponse"]).decode())
        heard = message.get("realtimeInput") or {}
        if isinstance(heard.get("text"), str):
            return self._turns({"turns": [{"parts": [{"text": heard["text"]}]}], "turnComplete": True})
        if heard.get("audioStreamEnd") or "activityEnd" in heard:
            return self._heard()
        return iter(())

    def numbered(self, event: Event) -> bytes:
        """Return a message as text."""
        return msgspec.json.encode(event)

    def _turns(self, content: Mapping[str, Any]) -> Iterator[Event]:
        texts = [part.get("text", "") for turn in content.get("turns") or () for part in turn.get("parts") or ()]
        self._said += texts
        if not content.get("turnComplete"):
            return iter(())
        last = texts[-1] if texts else ""
        if last.startswith("call "):
            call = {"id": "call_mock", "name": last.removeprefix("call "), "args": {"city": "Paris"}}
            return iter([{"toolCall": {"functionCalls": [call]}}])
        return self._answer(msgspec.json.encode(self._setup).decode() if last == "setup?" else None)

    def _heard(self) -> Iterator[Event]:
        yield {"serverContent": {"inputTranscription": {"text": "what was "}}}
        yield {"serverContent": {"inputTranscription": {"text": "said"}}}
        yield from self._answer(None)

    def _answer(self, text: str | None) -> Iterator[Event]:
        tokens = generate(seed_of(*self._said), self._faults, None)[0] if text is None else [text]
        speaks = "AUDIO" in ((self._setup or {}).get("generationConfig") or {}).get("responseModalities", ())
        for token in tokens:
            part = {"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": SOUND}} if speaks else {"text": token}
            yield {"serverContent": {"modelTurn": {"parts": [part]}}}
            if speaks:
                yield {"serverContent": {"outputTranscription": {"text": token}}}
        yield {"serverContent": {"generationComplete": True}}
        asked, spoken = sum(map(count_words, self._said)), AUDIO_TOKENS if speaks else 0
        usage = {
            "promptTokenCount": asked,
            "responseTokenCount": len(tokens) + spoken,
            "totalTokenCount": asked + len(tokens) + spoken,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": asked}],
            "responseTokensDetails": [
                {"modality": "TEXT", "tokenCount": len(tokens)},
                {"modality": "AUDIO", "tokenCount": spoken},
            ],
        }
        yield {"serverContent": {"turnComplete": True}, "usageMetadata": usage}
