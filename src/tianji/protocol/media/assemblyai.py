"""AssemblyAI's transcripts: https://www.assemblyai.com/docs/api-reference/files/upload and .../transcripts/submit.

A transcript keeps its recording until it is deleted: https://www.assemblyai.com/docs/pre-recorded-audio/delete-transcripts.
"""

from typing import Any, Final
from urllib.parse import quote

from msgspec import Struct

from tianji.errors import InvalidRequest
from tianji.protocol.chat.support import decoded, without_none
from tianji.protocol.media.form import Asked, Json, as_file, lacking
from tianji.protocol.media.tasks import Call, Left, Task, failed
from tianji.protocol.media.transcripts import OWN, PARAMETERS, Transcript, Word, answer_of, diarized

_LEGACY: Final = ("best", "nano", "slam-1", "universal")
"""Models by `speech_model`; `speech_models` names those since."""
_PROMPTED: Final = ("slam-1", "universal-3")
_NUMBERS: Final = (
    "audio_start_from",
    "audio_end_at",
    "speakers_expected",
    "content_safety_confidence",
    "speech_threshold",
    "language_confidence_threshold",
)
_LISTS: Final = ("keyterms_prompt", "word_boost", "redact_pii_policies", "language_codes", "speech_models")
_SERVERS: Final = ("server", "internal", "unexpected")  # of what its message speaks where the recording is not to blame


class _Uploaded(Struct):
    upload_url: str


class _Word(Struct):
    text: str = ""
    start: float | None = None
    end: float | None = None
    speaker: str | None = None


class _Transcript(Struct):
    id: str
    status: str
    error: str | None = None
    text: str | None = None
    words: list[_Word] | None = None
    language_code: str | None = None
    audio_duration: float | None = None


def begun(asked: Asked) -> Task:
    """Upload the recording, ask for its transcript, look until that is there."""
    told, target = _told(asked), asked.target
    uploaded = decoded((yield Call("/v2/upload", as_file(asked.file("file")))), _Uploaded, target)
    made = decoded((yield Call("/v2/transcript", {"audio_url": uploaded.upload_url, **told})), _Transcript, target)
    where = f"/v2/transcript/{quote(made.id, safe='')}"
    yield Left(Call(where, method="DELETE"))
    while (found := decoded((yield Call(where)), _Transcript, target)).status != "completed":
        if found.status not in ("queued", "processing"):
            why = found.error or found.status
            if any(word in why.lower() for word in _SERVERS):
                raise failed(asked, why)
            raise InvalidRequest(f"{target.provider}: {why}", param="file")
    answer = answer_of(_transcript_of(found))
    return diarized(answer) if asked.text("response_format") == "diarized_json" else answer


def _transcript_of(found: _Transcript) -> Transcript:
    words = [
        Word(word.text, word.start / 1000, word.end / 1000, word.speaker)
        for word in found.words or []
        if word.start is not None and word.end is not None
    ]
    return Transcript(found.text or "", words, found.language_code, found.audio_duration)


def _told(asked: Asked) -> Json:
    """Return what a transcript is asked for with, the recording apart."""
    if "audio_url" in asked.members:
        lacking(asked, "audio_url", "it hears the file that the request brings")
    for name in OWN:
        if name in asked.members and name not in ("user", "language"):
            lacking(asked, name, "it has nothing like it")
    model, prompt, temperature = asked.target.model, asked.text("prompt"), asked.number("temperature")
    prompted = model.startswith(_PROMPTED)
    if prompt is not None and not prompted:
        lacking(asked, "prompt", f"only models that begin with {' or '.join(_PROMPTED)} have one")
    if temperature and not prompted:
        lacking(asked, "temperature", f"only models that begin with {' or '.join(_PROMPTED)} have one")
    language = asked.text("language")
    own: Json = asked.beyond((*PARAMETERS, *OWN, "audio_url", *_NUMBERS, *_LISTS))
    if language is None and not own.keys() & {"language_code", "language_codes"}:
        own.setdefault("language_detection", True)  # without it a recording is in English
    numbers: dict[str, Any] = {name: asked.number(name) for name in _NUMBERS}
    return without_none(
        {
            "speech_model": model if model in _LEGACY else None,
            "speech_models": None if model in _LEGACY else [model],
            "language_code": language,
            "prompt": prompt if prompted else None,
            "temperature": temperature if prompted else None,
            "speaker_labels": True if asked.text("response_format") == "diarized_json" else None,
            **{
                name: int(value) if value is not None and value.is_integer() else value
                for name, value in numbers.items()
            },
            **{name: asked.texts(name) or None for name in _LISTS if name in asked.members},
            **own,
        }
    )
