"""A transcript in the forms that OpenAI has: json and verbose_json, text, srt and vtt.

https://platform.openai.com/docs/api-reference/audio/createTranscription. Vendors tell of words; lines are made of them
here: a sentence each, as long as it can be read at a glance. Times are seconds.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from msgspec import Struct

from tianji.protocol.chat.support import without_none
from tianji.protocol.media.form import Asked, Json, lacking

PARAMETERS: Final = ("model", "response_format", "prompt", "stream", "temperature", "timestamp_granularities")
"""Members of a request that no vendor is told as they are."""
OWN: Final = ("include", "chunking_strategy", "known_speaker_names", "known_speaker_references", "user", "language")
"""Those beside them that OpenAI's form has, and vendors only by another name, if at all."""
SPOKEN: Final = ("json", "verbose_json", "diarized_json")
"""The forms in JSON of a vendor that tells who speaks."""
_SENTENCE_ENDS: Final = (".", "?", "!", "…", "。", "？", "！")  # noqa: RUF001  those of Chinese are meant
_LINE: Final = 84  # characters: two lines of a subtitle
_LASTING: Final = 7.0
_SILENCE: Final = 1.0  # between two lines


class Word(Struct, frozen=True):
    """A word, and when it was said; by whom, where the vendor was asked to tell."""

    word: str
    start: float
    end: float
    speaker: str | None = None


class Transcript(Struct, frozen=True):
    """What was said, or what it means in English. `duration`: of the recording, which is what is billed."""

    text: str
    words: list[Word]
    language: str | None = None
    duration: float | None = None
    task: str = "transcribe"


def answer_of(found: Transcript) -> Json:
    """Return it as json or verbose_json, of which the former is a part."""
    told: Json = {"task": found.task, "language": found.language, "duration": found.duration, "text": found.text}
    told["segments"] = [
        without_none({"id": number, "start": line.start, "end": line.end, "text": line.word, "speaker": line.speaker})
        for number, line in enumerate(_lines(found))
    ]
    told["words"] = [
        without_none({"word": word.word, "start": word.start, "end": word.end, "speaker": word.speaker})
        for word in found.words
    ]
    if found.duration is not None:
        told["usage"] = {"type": "duration", "seconds": found.duration}
    return without_none(told)


def printed(
    asked: Asked, forms: Iterable[str] = ("json", "verbose_json")
) -> tuple[bytes, Callable[[Json], bytes]] | None:
    """Return the type of a form that is no JSON, and what makes it of an `answer_of`; None where JSON is wanted.

    forms: those in JSON. Raises UnsupportedParams for one that is neither, unless what is lacking is dropped.
    """
    wanted = asked.text("response_format")
    if wanted is not None and wanted in _PRINTED:
        return _PRINTED[wanted]
    if wanted is not None and wanted not in forms:
        lacking(asked, "response_format", f"its transcripts are {', '.join((*forms, *_PRINTED))}")
    return None


def diarized(answer: Json) -> Json:
    """Return an `answer_of` as diarized_json has it: who said what, and no words by themselves."""
    segments = [
        {**line, "id": f"seg_{line['id']:03}", "type": "transcript.text.segment", "speaker": line.get("speaker", "A")}
        for line in answer["segments"]
    ]
    return {name: value for name, value in answer.items() if name != "words"} | {"segments": segments}


def _lines(found: Transcript) -> Iterator[Word]:
    """Yield the lines, each with its times. What stands between two words is taken from the text."""
    if not found.words:
        if found.text:
            yield Word(found.text, 0.0, found.duration or 0.0)
        return
    first, at, cursor = found.words[0], 0, 0
    last = first
    for number, word in enumerate(found.words):
        place = found.text.find(word.word, cursor)
        place = cursor if place < 0 else place
        if number and _breaks(found.text[at:place], first, last, word):
            yield Word(_tidy(found.text[at:place]), first.start, last.end, first.speaker)
            first, at = word, place
        last, cursor = word, min(place + len(word.word), len(found.text))
    yield Word(_tidy(found.text[at:]), first.start, last.end, first.speaker)


def _breaks(line: str, first: Word, last: Word, word: Word) -> bool:
    return (
        word.speaker != last.speaker
        or line.rstrip().endswith(_SENTENCE_ENDS)
        or len(line) + len(word.word) > _LINE
        or word.end - first.start > _LASTING
        or word.start - last.end > _SILENCE
    )


def _tidy(line: str) -> str:
    """Return a text as one line, without what ends or begins a cue."""
    return " ".join(line.split()).replace("-->", "->")


def _text(answer: Json) -> bytes:
    return f"{answer['text']}\n".encode()


def _srt(answer: Json) -> bytes:
    return "".join(f"{number}\n{cue}\n" for number, cue in enumerate(_cues(answer["segments"], ","), 1)).encode()


def _vtt(answer: Json) -> bytes:
    return "\n".join(["WEBVTT\n", *_cues(answer["segments"], ".")]).encode()


def _cues(segments: Iterable[Json], point: str) -> Iterator[str]:
    for line in segments:
        yield f"{_clock(line['start'], point)} --> {_clock(line['end'], point)}\n{_tidy(line['text'])}\n"


def _clock(seconds: float, point: str) -> str:
    """Return hours, minutes, seconds and thousandths. `point`: what stands before the last."""
    whole, thousandths = divmod(round(max(seconds, 0.0) * 1000), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}{point}{thousandths:03}"


_PRINTED: Final[Mapping[str, tuple[bytes, Callable[[Json], bytes]]]] = {
    "text": (b"text/plain; charset=utf-8", _text),
    "srt": (b"application/x-subrip; charset=utf-8", _srt),
    "vtt": (b"text/vtt; charset=utf-8", _vtt),
}
