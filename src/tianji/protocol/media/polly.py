"""Amazon Polly: https://docs.aws.amazon.com/polly/latest/dg/API_SynthesizeSpeech.html."""

from collections.abc import Mapping
from typing import Final

from tianji.protocol.chat.support import without_none
from tianji.protocol.media.form import Asked, Outbound, lacking

_VOICES: Final[Mapping[str, str]] = {
    "alloy": "Joanna",
    "echo": "Matthew",
    "fable": "Amy",
    "onyx": "Brian",
    "nova": "Ivy",
    "shimmer": "Kendra",
}
_FORMATS: Final[Mapping[str, str]] = {"mp3": "mp3", "opus": "ogg_opus", "pcm": "pcm", "ogg_vorbis": "ogg_vorbis"}
_KNOWN: Final = ("input", "voice", "model", "response_format", "speed", "instructions", "stream_format")


def outbound(asked: Asked) -> Outbound:
    """Write a request; the model names the engine, and a text that is marked up in SSML is said to be."""
    wanted = asked.text("response_format") or "mp3"
    if wanted not in _FORMATS:
        lacking(asked, "response_format", f"it has {', '.join(_FORMATS)}")
    if asked.number("speed") not in (None, 1):
        lacking(asked, "speed", "say it in the text, in SSML's <prosody rate>")
    voice, text = asked.text("voice") or "alloy", asked.text("input") or ""
    told = {
        "Engine": asked.target.model,
        "OutputFormat": _FORMATS.get(wanted, "mp3"),
        "Text": text,
        "TextType": "ssml" if text.lstrip().startswith("<speak") else "text",
        "VoiceId": _VOICES.get(voice, voice),
    }
    return Outbound("/v1/speech", told | without_none(asked.beyond(_KNOWN)))
