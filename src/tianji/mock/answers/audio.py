"""OpenAI's speech, transcripts and translations.

Source of the forms: https://platform.openai.com/docs/api-reference/audio
"""

import base64

import msgspec

from tianji.errors import InvalidRequest
from tianji.mock.forms import Form
from tianji.mock.json import encode, event
from tianji.mock.script import Answer
from tianji.mock.text import count_words

SECONDS = 3.5  # that every recording lasts
TYPES = {
    "mp3": b"audio/mpeg",
    "opus": b"audio/opus",
    "aac": b"audio/aac",
    "flac": b"audio/flac",
    "wav": b"audio/wav",
    "pcm": b"audio/pcm",
}


class SpeechRequest(msgspec.Struct):
    """What the mock reads of a request for speech."""

    model: str
    input: str
    voice: str
    response_format: str = "mp3"
    stream_format: str = "audio"


def speech(request: SpeechRequest) -> Answer:
    """Answer /audio/speech: the recording is the text, a word a piece."""
    kind = TYPES.get(request.response_format)
    if kind is None:
        raise InvalidRequest(f"The format is none of {', '.join(TYPES)}")
    pieces = [f"{word} ".encode() for word in request.input.split()]
    if request.stream_format == "sse":
        words = count_words(request.input)
        used = {"input_tokens": words, "output_tokens": 10 * words, "total_tokens": 11 * words}
        deltas = [event("speech.audio.delta", audio=base64.b64encode(piece).decode()) for piece in pieces]
        return Answer(events=(*deltas, event("speech.audio.done", usage=used)), paced=(0, len(deltas)), closing=1)
    return Answer(events=tuple(pieces), stream_type=kind, paced=(0, len(pieces)))


def transcriptions(form: Form) -> Answer:
    """Answer /audio/transcriptions: what was said is the file's name and its size."""
    return _transcript(form, "transcribe")


def translations(form: Form) -> Answer:
    """Answer /audio/translations."""
    return _transcript(form, "translate")


def _transcript(form: Form, task: str) -> Answer:
    file = next((file for file in form.files if file.field == "file"), None)
    if file is None or not form.text("model"):
        raise InvalidRequest("The form needs a file and a model")
    text = f"{file.name} {len(file.content)} {form.text('prompt')}".strip()
    kind = form.text("response_format", "json")
    used = {"type": "duration", "seconds": SECONDS}
    if form.text("stream") == "true":
        deltas = [event("transcript.text.delta", delta=word) for word in text.split()]
        return Answer(events=(*deltas, event("transcript.text.done", text=text, usage=used)), closing=1)
    match kind:
        case "text":
            return Answer(body=f"{text}\n".encode(), content_type=b"text/plain; charset=utf-8")
        case "srt":
            return Answer(body=f"1\n00:00:00,000 --> 00:00:03,500\n{text}\n\n".encode(), content_type=b"text/plain")
        case "vtt":
            cue = f"WEBVTT\n\n00:00:00.000 --> 00:00:03.500\n{text}\n\n"
            return Answer(body=cue.encode(), content_type=b"text/plain")
        case "verbose_json":
            segment = {"id": 0, "start": 0.0, "end": SECONDS, "text": text}
            told = {"task": task, "language": "english", "duration": SECONDS, "text": text, "segments": [segment]}
            return Answer(body=encode(told))
        case "json":
            return Answer(body=encode({"text": text, "usage": used}))
        case _:
            raise InvalidRequest(f"The format {kind!r} is not known")
