"""Speech of Gemini's models, as samples in Base64: https://ai.google.dev/gemini-api/docs/speech-generation."""

import base64
import binascii
import struct
from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from tianji.protocol.chat.support import decoded, unreadable
from tianji.protocol.gemini.models import whole_path
from tianji.protocol.media.form import Asked, Json, Outbound, lacking

RATE: Final = 24_000  # samples a second
_VOICES: Final[Mapping[str, str]] = {
    "alloy": "Kore",
    "echo": "Puck",
    "fable": "Charon",
    "onyx": "Fenrir",
    "nova": "Aoede",
    "shimmer": "Leda",
}
_FORMATS: Final[Mapping[str, bytes]] = {"pcm": b"audio/pcm", "pcm16": b"audio/pcm", "wav": b"audio/wav"}
_KNOWN: Final = ("input", "voice", "model", "response_format", "speed", "instructions", "stream_format")


class _Data(Struct):
    data: str


class _Part(Struct, rename="camel"):
    inline_data: _Data | None = None


class _Content(Struct):
    parts: list[_Part] = []


class _Candidate(Struct):
    content: _Content | None = None


class _Generated(Struct):
    candidates: list[_Candidate] = []


def outbound(asked: Asked) -> Outbound:
    """Write a request. Its samples are what is answered with, in a WAV file unless they are wanted as they are."""
    wanted = asked.text("response_format") or "wav"
    if wanted not in _FORMATS:
        lacking(asked, "response_format", "its sound is wav or pcm")
        wanted = "wav"
    if asked.number("speed") not in (None, 1):
        lacking(asked, "speed", "say it in words, in the input")
    voice = asked.text("voice") or "alloy"
    named = {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": _VOICES.get(voice, voice)}}}
    text = "\n\n".join(filter(None, (asked.text("instructions"), asked.text("input"))))
    config: Json = {"responseModalities": ["AUDIO"], "speechConfig": named, **asked.beyond(_KNOWN)}
    told = {"contents": [{"role": "user", "parts": [{"text": text}]}], "generationConfig": config}

    def sound(body: bytes) -> bytes:
        samples = _samples(asked, body)
        return samples if wanted != "wav" else _wave(samples)

    return Outbound(whole_path(asked.target), told, sound=(_FORMATS[wanted], sound))


def _samples(asked: Asked, body: bytes) -> bytes:
    found = decoded(body, _Generated, asked.target)
    parts: list[Any] = [part for one in found.candidates if one.content is not None for part in one.content.parts]
    try:
        made = b"".join(base64.b64decode(p.inline_data.data, validate=True) for p in parts if p.inline_data is not None)
    except binascii.Error as error:
        raise unreadable(asked.target, f"its sound is not Base64: {error}", body) from None
    if not made:
        raise unreadable(asked.target, "it has no sound", body)
    return made


def _wave(samples: bytes) -> bytes:
    """Return a WAV file of one channel: http://soundfile.sapp.org/doc/WaveFormat."""
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, RATE, RATE * 2, 2, 16)
    data = struct.pack("<4sI", b"data", len(samples)) + samples
    return struct.pack("<4sI4s", b"RIFF", 4 + len(form) + len(data), b"WAVE") + form + data
