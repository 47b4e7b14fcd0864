"""Soniox' transcripts, https://soniox.com/docs/stt/async/async-transcription, and translations, .../async-translation.

A recording is a file there, a transcription refers to it, and both stay until they are deleted:
https://soniox.com/docs/stt/async/limits-and-quotas. Errors: https://soniox.com/docs/api-reference/errors.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import quote

from msgspec import Struct

from tianji.errors import InvalidRequest
from tianji.protocol.chat.support import decoded, without_none
from tianji.protocol.loose import object_of
from tianji.protocol.media.form import Asked, Json, as_form, lacking
from tianji.protocol.media.tasks import Call, Left, Task, failed
from tianji.protocol.media.transcripts import OWN, PARAMETERS, Transcript, Word, answer_of, diarized

_HANDLED: Final = ("language_hints", "context", "translation", "soniox_cleanup")
_IGNORED: Final = ("soniox_polling_interval", "soniox_max_polling_attempts", "filename")  # LiteLLM's, for its own looks
_ELSEWHERE: Final = ("audio_url", "file_id")
_NO_FAULT_OF_IT: Final = ("internal", "unavailable", "limit", "exhausted", "timeout")
"""Words in the types of errors for which a recording is not to blame."""
_NESTED: Final = re.compile(r"(context|translation)\[(\w+)\]")
_APART: Final = re.compile(  # a letter of a script that has no spaces between words
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\ua4cf\uf900-\ufaff]"
)


class _Made(Struct):
    id: str


class _Job(Struct):
    status: str
    error_type: str | None = None
    error_message: str | None = None
    audio_duration_ms: float | None = None


class _Token(Struct):
    text: str = ""
    start_ms: float | None = None
    end_ms: float | None = None
    speaker: str | int | None = None
    language: str | None = None
    translation_status: str | None = None


class _Said(Struct):
    tokens: list[_Token] = []
    text: str = ""


def begun(asked: Asked) -> Task:
    """Keep the file, ask for its transcription, look until that is there, fetch what was said."""
    told, target = _told(asked), asked.target
    kept = asked.texts("soniox_cleanup") if "soniox_cleanup" in asked.members else ["file", "transcription"]
    form = as_form({}, [("file", asked.file("file"))])
    file = decoded((yield Call("/v1/files", form)), _Made, target)
    yield from _left(f"/v1/files/{quote(file.id, safe='')}", done="file" in kept)
    made = decoded((yield Call("/v1/transcriptions", {**told, "file_id": file.id})), _Made, target)
    where = f"/v1/transcriptions/{quote(made.id, safe='')}"
    yield from _left(where, done="transcription" in kept)
    while (job := decoded((yield Call(where)), _Job, target)).status != "completed":
        if job.status not in ("queued", "processing"):
            why = job.error_message or job.error_type
            if job.error_type is None or any(word in job.error_type for word in _NO_FAULT_OF_IT):
                raise failed(asked, why)
            raise InvalidRequest(f"{target.provider}: {why}", param="file")
    said = decoded((yield Call(f"{where}/transcript")), _Said, target)
    answer = answer_of(transcript_of(said, job.audio_duration_ms, translated=asked.operation == "translation"))
    return diarized(answer) if asked.text("response_format") == "diarized_json" else answer


def _left(where: str, *, done: bool) -> Any:
    yield Left(Call(where, method="DELETE"), done=done)


def _told(asked: Asked) -> Json:
    """Return what a transcription is asked for with, the file apart."""
    for name in _ELSEWHERE:
        if name in asked.members:
            lacking(asked, name, "it hears the file that the request brings")
    for name in OWN:
        if name in asked.members and name not in ("user", "language"):
            lacking(asked, name, "it has nothing like it")
    if asked.number("temperature"):
        lacking(asked, "temperature", "it has none")
    nested = _nested(asked.members)
    own = asked.beyond((*PARAMETERS, *OWN, *_HANDLED, *_IGNORED, *_ELSEWHERE, *(n for n in asked.members if "[" in n)))
    translation: Any = {"type": "one_way", "target_language": "en"}
    if asked.operation != "translation":
        translation = nested.get("translation") or asked.members.get("translation")
    diarizes = True if asked.text("response_format") == "diarized_json" else None
    language = asked.text("language")
    return without_none(
        {
            "model": asked.target.model,
            "language_hints": asked.texts("language_hints") or ([language] if language else None),
            "context": _context(asked, nested.get("context")),
            "translation": translation,
            "enable_speaker_diarization": diarizes,
            **own,
        }
    )


def _context(asked: Asked, nested: Json | None) -> Any:
    """Return the words around what is said, of which a prompt is the text."""
    own: Any = nested or asked.members.get("context")
    prompt = asked.text("prompt")
    if prompt is None:
        return own
    return {"text": prompt, **object_of(own)}


def _nested(members: Mapping[str, Any]) -> dict[str, Json]:
    """Return the objects whose members are fields of a form, as OpenAI's client writes them: `context[terms]`."""
    found: dict[str, Json] = {}
    for name, value in members.items():
        if part := _NESTED.fullmatch(name):
            found.setdefault(part[1], {})[part[2]] = value
    return found


def transcript_of(said: _Said, milliseconds: float | None, *, translated: bool = False) -> Transcript:
    """Return what tokens say: those that were heard, or what they mean in another language."""
    heard = [token for token in said.tokens if token.translation_status != "translation"]
    languages = {token.language for token in heard if token.language}
    words = list(_meant(said.tokens) if translated else _words(heard))
    meaning = "".join(token.text for token in said.tokens if token.translation_status == "translation")
    text = meaning if translated else "".join(token.text for token in heard) or said.text
    return Transcript(
        text.strip(),
        words,
        languages.pop() if len(languages) == 1 else None,
        None if milliseconds is None else milliseconds / 1000,
        "translate" if translated else "transcribe",
    )


def _words(tokens: Iterable[_Token]) -> Iterable[Word]:
    """Yield words; tokens are parts of them, and a space stands before the first of each."""
    word: Word | None = None
    behind = True  # whether the next token is none of the word's parts
    for token in tokens:
        text, speaker = token.text.strip(), None if token.speaker is None else str(token.speaker)
        if not text or token.start_ms is None or token.end_ms is None:
            behind = behind or token.text != text
            continue
        start, end = token.start_ms / 1000, token.end_ms / 1000
        apart = behind or token.text[0].isspace() or _APART.match(text) or (word and word.speaker != speaker)
        if word is not None and apart:
            yield word
        word = (
            Word(text, start, end, speaker)
            if word is None or apart
            else Word(word.word + text, word.start, end, speaker)
        )
        behind = token.text[-1].isspace()
    if word is not None:
        yield word


def _meant(tokens: Iterable[_Token]) -> Iterable[Word]:
    """Yield pieces of a translation, which follow what they mean and have its time."""
    text, start, end, speaker = "", None, 0.0, None
    for token in tokens:
        if token.translation_status == "translation":
            text += token.text
        elif token.start_ms is not None and token.end_ms is not None:
            if text.strip():
                yield Word(text.strip(), start or 0.0, end, speaker)
                text, start = "", None
            start = token.start_ms / 1000 if start is None else start
            end, speaker = token.end_ms / 1000, None if token.speaker is None else str(token.speaker)
    if text.strip():
        yield Word(text.strip(), start or 0.0, end, speaker)
