"""Deepgram: https://developers.deepgram.com/reference/speech-to-text/listen-pre-recorded and .../text-to-speech."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from msgspec import Struct

from tianji.protocol.chat.support import decoded, unreadable
from tianji.protocol.media.form import Asked, Json, Outbound, as_file, lacking
from tianji.protocol.media.transcripts import PARAMETERS, Transcript, Word, answer_of, printed

_SPEECH: Final = ("input", "voice", "model", "response_format", "speed", "instructions", "stream_format")
_ENCODINGS: Final[Mapping[str, Mapping[str, str]]] = {
    "mp3": {"encoding": "mp3"},
    "opus": {"encoding": "opus", "container": "ogg"},
    "aac": {"encoding": "aac"},
    "flac": {"encoding": "flac"},
    "wav": {"encoding": "linear16", "container": "wav"},
    "pcm": {"encoding": "linear16", "container": "none"},
}


class _Word(Struct):
    word: str = ""
    punctuated_word: str | None = None
    start: float | None = None
    end: float | None = None


class _Alternative(Struct):
    transcript: str = ""
    words: list[_Word] = []


class _Channel(Struct):
    alternatives: list[_Alternative] = []
    detected_language: str | None = None


class _Results(Struct):
    channels: list[_Channel]


class _Metadata(Struct):
    duration: float | None = None


class _Heard(Struct):
    results: _Results
    metadata: _Metadata | None = None


def outbound(asked: Asked) -> Outbound:
    """Write a request."""
    return _speech(asked) if asked.operation == "audio_speech" else _transcript(asked)


def _speech(asked: Asked) -> Outbound:
    wanted = asked.text("response_format") or "mp3"
    if wanted not in _ENCODINGS:
        lacking(asked, "response_format", f"it has {', '.join(_ENCODINGS)}")
    query = {"model": asked.target.model, **_ENCODINGS.get(wanted, _ENCODINGS["mp3"]), **_flat(asked.beyond(_SPEECH))}
    return Outbound(f"/v1/speak?{urlencode(query)}", {"text": asked.text("input")})


def _transcript(asked: Asked) -> Outbound:
    shown = printed(asked)
    query = {"model": asked.target.model, **_flat(asked.beyond(PARAMETERS))}
    if shown is not None:
        query.setdefault("punctuate", "true")  # by which lines end

    def read(body: bytes) -> Json:
        found = decoded(body, _Heard, asked.target)
        if not found.results.channels or not found.results.channels[0].alternatives:
            raise unreadable(asked.target, "it has no channel with a transcript", body)
        channel = found.results.channels[0]
        first = channel.alternatives[0]
        words = [
            Word(word.punctuated_word or word.word, word.start, word.end)
            for word in first.words
            if word.start is not None and word.end is not None
        ]
        duration = None if found.metadata is None else found.metadata.duration
        return answer_of(Transcript(first.transcript, words, channel.detected_language, duration))

    return Outbound(f"/v1/listen?{urlencode(query, doseq=True)}", as_file(asked.file("file")), read=read, shown=shown)


def _flat(members: Mapping[str, Any]) -> Json:
    """Return members as parameters of a query; what is nested is none of this vendor's."""
    said = {True: "true", False: "false"}
    found = {n: said[v] if isinstance(v, bool) else v for n, v in members.items() if v is not None}
    return {name: value for name, value in found.items() if not isinstance(value, dict)}
