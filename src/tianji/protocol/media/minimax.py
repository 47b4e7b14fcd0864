"""MiniMax's speech: https://platform.minimax.io/docs/api-reference/speech-t2a-http."""

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from tianji.errors import StreamFailed
from tianji.protocol.chat.support import decoded, unreadable, without_none
from tianji.protocol.loose import object_of
from tianji.protocol.media.form import Asked, Outbound, lacking

_FORMATS: Final[Mapping[str, bytes]] = {
    "mp3": b"audio/mpeg",
    "pcm": b"audio/pcm",
    "flac": b"audio/flac",
    "wav": b"audio/wav",
}
_KNOWN: Final = ("input", "voice", "model", "response_format", "speed", "instructions", "stream_format")


class _Sound(Struct):
    audio: str | None = None


class _Base(Struct):
    status_code: int = 0


class _Said(Struct):
    data: _Sound | None = None
    base_resp: _Base | None = None


def outbound(asked: Asked) -> Outbound:
    """Write a request, whose answer holds the sound as hexadecimal digits."""
    wanted = asked.text("response_format") or "mp3"
    if wanted not in _FORMATS:
        lacking(asked, "response_format", f"it has {', '.join(_FORMATS)}")
        wanted = "mp3"
    more: dict[str, Any] = asked.beyond(_KNOWN)
    own = more.pop("voice_setting", None)
    voice = {"voice_id": asked.text("voice"), "speed": asked.number("speed"), **object_of(own)}
    told = {
        "model": asked.target.model,
        "text": asked.text("input"),
        "stream": False,
        "voice_setting": without_none(voice),
        "audio_setting": {"format": wanted},
    }

    def sound(body: bytes) -> bytes:
        found = decoded(body, _Said, asked.target)
        if found.base_resp is not None and found.base_resp.status_code:
            raise StreamFailed(body)
        try:
            return bytes.fromhex((found.data and found.data.audio) or "")
        except ValueError as error:
            raise unreadable(asked.target, f"its sound is not hexadecimal: {error}", body) from None

    return Outbound("/t2a_v2", told | more, sound=(_FORMATS[wanted], sound))
