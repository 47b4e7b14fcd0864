"""Azure's speech service: https://learn.microsoft.com/azure/ai-services/speech-service/rest-text-to-speech."""

import re
from collections.abc import Mapping
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from tianji.protocol.media.form import Asked, Outbound, lacking

_VOICES: Final[Mapping[str, str]] = {
    "alloy": "en-US-JennyNeural",
    "echo": "en-US-GuyNeural",
    "fable": "en-GB-RyanNeural",
    "onyx": "en-US-DavisNeural",
    "nova": "en-US-AmberNeural",
    "shimmer": "en-US-AriaNeural",
}
_FORMATS: Final[Mapping[str, str]] = {
    "mp3": "audio-24khz-48kbitrate-mono-mp3",
    "opus": "ogg-48khz-16bit-mono-opus",
    "wav": "riff-24khz-16bit-mono-pcm",
    "pcm": "raw-24khz-16bit-mono-pcm",
}
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}-[A-Z]{2}(?=-)")


def outbound(asked: Asked) -> Outbound:
    """Write a request in SSML, which a text may be already."""
    wanted = asked.text("response_format") or "mp3"
    if wanted not in _FORMATS:
        lacking(asked, "response_format", f"it has {', '.join(_FORMATS)}")
    text, said = asked.text("input") or "", asked.text("voice") or "alloy"
    voice = _VOICES.get(said, said)
    ssml = text if text.lstrip().startswith("<speak") else _marked_up(text, voice, asked.number("speed"))
    header = (b"x-microsoft-outputformat", _FORMATS.get(wanted, _FORMATS["mp3"]).encode())
    return Outbound("/cognitiveservices/v1", ssml.encode(), content_type=b"application/ssml+xml", headers=(header,))


def _marked_up(text: str, voice: str, speed: float | None) -> str:
    said = escape(text)
    if speed is not None and speed != 1:
        said = f'<prosody rate="{round((speed - 1) * 100):+d}%">{said}</prosody>'
    found = _LANGUAGE.match(voice)
    language = found[0] if found else "en-US"
    start = '<speak version="1.0" xmlns="http://www.w3.org/2001/10/synthesis"'
    return f'{start} xml:lang="{language}"><voice name={quoteattr(voice)}>{said}</voice></speak>'
