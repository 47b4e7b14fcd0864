"""Mistral's speech, which comes in Base64: https://docs.mistral.ai/api/endpoint/audio/speech."""

import base64
from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from tianji.protocol.chat.support import decoded, unreadable, without_none
from tianji.protocol.media.form import Asked, Outbound, lacking

_FORMATS: Final[Mapping[str, bytes]] = {
    "mp3": b"audio/mpeg",
    "wav": b"audio/wav",
    "pcm": b"audio/pcm",
    "flac": b"audio/flac",
    "opus": b"audio/ogg",
}
_VOICES: Final[Mapping[str, str]] = {
    "alloy": "en_paul_neutral",
    "echo": "gb_oliver_neutral",
    "fable": "en_paul_cheerful",
    "onyx": "en_paul_confident",
    "nova": "gb_jane_sarcasm",
    "shimmer": "gb_jane_sarcasm",
}
"""Voices by the names that LiteLLM gives them; any other name is the id of a voice."""
_KNOWN: Final = ("input", "voice", "model", "response_format", "speed", "instructions", "stream_format", "stream")


class _Said(Struct):
    audio_data: str


def outbound(asked: Asked) -> Outbound:
    """Write a request."""
    wanted = asked.text("response_format") or "mp3"
    if wanted not in _FORMATS:
        lacking(asked, "response_format", f"it has {', '.join(_FORMATS)}")
        wanted = "mp3"
    for name in ("speed", "instructions"):
        if asked.members.get(name) not in (None, 1, 1.0, ""):
            lacking(asked, name, "it has nothing like it")
    voice = asked.text("voice")
    told: dict[str, Any] = {
        "model": asked.target.model,
        "input": asked.text("input"),
        "voice_id": None if voice is None else _VOICES.get(voice.lower(), voice),
        "response_format": wanted,
    }

    def sound(body: bytes) -> bytes:
        found = decoded(body, _Said, asked.target)
        try:
            return base64.b64decode(found.audio_data, validate=True)
        except ValueError as error:
            raise unreadable(asked.target, f"its sound is not in Base64: {error}", body) from None

    return Outbound("/audio/speech", without_none(told) | asked.beyond(_KNOWN), sound=(_FORMATS[wanted], sound))
