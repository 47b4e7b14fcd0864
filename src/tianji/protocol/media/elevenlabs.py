"""ElevenLabs: https://elevenlabs.io/docs/api-reference/text-to-speech/convert and .../speech-to-text/convert."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from msgspec import Struct

from tianji.protocol.chat.support import decoded, without_none
from tianji.protocol.loose import object_of
from tianji.protocol.media.form import Asked, Json, Outbound, as_form, lacking
from tianji.protocol.media.transcripts import PARAMETERS, Transcript, Word, answer_of, printed

VOICES: Final[Mapping[str, str]] = {
    "alloy": "21m00Tcm4TlvDq8ikWAM",
    "amber": "5Q0t7uMcjvnagumLfvZi",
    "ash": "AZnzlk1XvdvUeBnXmlld",
    "august": "D38z5RcWu1voky8WS1ja",
    "blue": "2EiwWnXFnvU5JabPnv8n",
    "coral": "9BWtsMINqrJLrRacOk9x",
    "lily": "EXAVITQu4vr4xnSDxMaL",
    "onyx": "29vD33N1CtxCmqQRPOHJ",
    "sage": "CwhRBWXzGAHq8TQ4Fs17",
    "verse": "CYw3kZ02Hs0563khs1Fj",
}
"""Voices by the names that LiteLLM gives them; any other name is the id of a voice."""
_FORMATS: Final[Mapping[str, str]] = {"mp3": "mp3_44100_128", "pcm": "pcm_44100", "opus": "opus_48000_128"}
_SPEECH: Final = ("input", "voice", "model", "response_format", "speed", "instructions", "stream_format")


class _Word(Struct):
    text: str = ""
    start: float | None = None
    end: float | None = None
    type: str = "word"


class _Transcript(Struct):
    text: str
    language_code: str | None = None
    words: list[_Word] = []


def outbound(asked: Asked) -> Outbound:
    """Write a request."""
    return _speech(asked) if asked.operation == "audio_speech" else _transcript(asked)


def _speech(asked: Asked) -> Outbound:
    wanted = asked.text("response_format") or "mp3"
    form = _FORMATS.get(wanted, wanted if "_" in wanted else None)
    if form is None:
        lacking(asked, "response_format", f"it has {', '.join(_FORMATS)}, or a name of its own such as mp3_22050_32")
    voice = asked.text("voice") or "alloy"
    more = asked.beyond(_SPEECH)
    settings: Any = more.pop("voice_settings", None)
    speed = asked.number("speed")
    if speed is not None:
        settings = {**object_of(settings), "speed": speed}
    told = without_none({"text": asked.text("input"), "model_id": asked.target.model, "voice_settings": settings})
    path = f"/v1/text-to-speech/{quote(VOICES.get(voice, voice), safe='')}"
    return Outbound(f"{path}?output_format={form or _FORMATS['mp3']}", told | more)


def _transcript(asked: Asked) -> Outbound:
    shown = printed(asked)
    fields = {
        "model_id": asked.target.model,
        "language_code": asked.text("language"),
        "temperature": asked.number("temperature"),
        **asked.beyond((*PARAMETERS, "language")),
    }

    def read(body: bytes) -> Json:
        found = decoded(body, _Transcript, asked.target)
        words = [
            Word(word.text, word.start, word.end)
            for word in found.words
            if word.type == "word" and word.start is not None and word.end is not None
        ]
        ends = [word.end for word in found.words if word.end is not None]
        return answer_of(Transcript(found.text, words, found.language_code, max(ends) if ends else None))

    return Outbound("/v1/speech-to-text", as_form(fields, [("file", asked.file("file"))]), read=read, shown=shown)
