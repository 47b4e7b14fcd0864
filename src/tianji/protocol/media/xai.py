"""xAI's transcripts: https://docs.x.ai/developers/model-capabilities/audio/speech-to-text. The file comes last."""

from msgspec import Struct

from tianji.protocol.chat.support import decoded
from tianji.protocol.media.form import Asked, Json, Outbound, as_form
from tianji.protocol.media.transcripts import PARAMETERS, SPOKEN, Transcript, Word, answer_of, diarized, printed


class _Word(Struct):
    text: str = ""
    start: float | None = None
    end: float | None = None
    speaker: int | str | None = None


class _Heard(Struct):
    text: str
    language: str | None = None
    duration: float | None = None
    words: list[_Word] | None = None


def outbound(asked: Asked) -> Outbound:
    """Write a request."""
    shown = printed(asked, SPOKEN)
    speaks = asked.text("response_format") == "diarized_json"
    fields = {
        "model": asked.target.model,
        "diarize": True if speaks else None,
        **asked.beyond(PARAMETERS),
    }

    def read(body: bytes) -> Json:
        found = decoded(body, _Heard, asked.target)
        words = [
            Word(word.text, word.start, word.end, None if word.speaker is None else str(word.speaker))
            for word in found.words or []
            if word.start is not None and word.end is not None
        ]
        answer = answer_of(Transcript(found.text, words, found.language or None, found.duration))
        return diarized(answer) if speaks else answer

    return Outbound("/stt", as_form(fields, [("file", asked.file("file"))]), read=read, shown=shown)
