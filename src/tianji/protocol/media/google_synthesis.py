"""Google Cloud's Text-to-Speech: https://cloud.google.com/text-to-speech/docs/reference/rest/v1/text/synthesize."""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from tianji.protocol.chat.support import decoded, unreadable, without_none
from tianji.protocol.loose import object_of
from tianji.protocol.media.form import Asked, Json, Outbound, lacking

USUAL: Final = "en-US-Chirp3-HD-Charon"
_VOICES: Final[Mapping[str, str]] = {
    "alloy": USUAL,
    "echo": "en-US-Chirp3-HD-Puck",
    "fable": "en-US-Chirp3-HD-Orus",
    "onyx": "en-US-Chirp3-HD-Fenrir",
    "nova": "en-US-Chirp3-HD-Aoede",
    "shimmer": "en-US-Chirp3-HD-Leda",
}
_FORMATS: Final[Mapping[str, tuple[str, bytes]]] = {
    "mp3": ("MP3", b"audio/mpeg"),
    "opus": ("OGG_OPUS", b"audio/ogg"),
    "wav": ("LINEAR16", b"audio/wav"),
    "pcm": ("PCM", b"audio/pcm"),
}
_KNOWN: Final = ("input", "voice", "model", "response_format", "speed", "instructions", "stream_format", "audioConfig")
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}-[A-Z]{2}(?=-|$)")


class _Spoken(Struct, rename="camel"):
    audio_content: str


def outbound(asked: Asked) -> Outbound:
    """Write a request. A voice may be an object, as Google has it; its name begins with its language."""
    wanted = asked.text("response_format") or "mp3"
    if wanted not in _FORMATS:
        lacking(asked, "response_format", f"it has {', '.join(_FORMATS)}")
        wanted = "mp3"
    encoding, kind = _FORMATS[wanted]
    text, own = asked.text("input") or "", asked.members.get("audioConfig")
    said: Json = {"ssml": text} if text.lstrip().startswith("<speak") else {"text": text}
    config: Json = {"audioEncoding": encoding, "speakingRate": asked.number("speed")}
    told = {
        "input": said,
        "voice": _voice(asked.members.get("voice")),
        "audioConfig": without_none(config) | object_of(own),
    }

    def sound(body: bytes) -> bytes:
        try:
            return base64.b64decode(decoded(body, _Spoken, asked.target).audio_content, validate=True)
        except (binascii.Error, ValueError) as error:
            raise unreadable(asked.target, f"its sound is not Base64: {error}", body) from None

    return Outbound("/text:synthesize", told | asked.beyond(_KNOWN), sound=(kind, sound))


def _voice(given: Any) -> Json:
    if isinstance(given, dict):
        return given
    name = _VOICES.get(given, given) if isinstance(given, str) and given else USUAL
    language = _LANGUAGE.match(name)
    return {"languageCode": language[0] if language else "en-US", "name": name}
