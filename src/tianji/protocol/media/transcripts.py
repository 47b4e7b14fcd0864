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
_SENTENCE_ENDS: Final = (".", "?", "!", "…", "。", "？", "！")  # noqa: RUF001  those of Chinese are meant
_LINE: Final = 84  # characters: two lines of a subtitle
_LASTING: Final = 7.0
_SILENCE: Final = 1.0  # between two lines


class Word(Struct, frozen=True):
    """A word, and when it was said."""

    word: str
    start: float
    end: float


class Transcript(Struct, frozen=True):
    """What was said. `duration`: of the recording."""

    text: str
    words: list[Word]
    language: str | None = None
    duration: float | None = None


def answer_of(found: Transcript) -> Json:
    """Return it as json or verbose_json, of which the former is a part."""
    told: Json = {"task": "transcribe", "language": found.language, "duration": found.duration, "text": found.text}
    told["segments"] = [
        {"id": number, "start": line.start, "end": line.end, "text": line.word}
        for number, line in enumerate(_lines(found))
    ]
    told["words"] = [{"word": word.word, "start": word.start, "end": word.end} for word in found.words]
    return without_none(told)


def printed(asked: Asked) -> tuple[bytes, Callable[[Json], bytes]] | None:
    """Return the type of a form that is no JSON, and what makes it of an `answer_of`; None where JSON is wanted.

    Raises UnsupportedParams for a form that OpenAI has not, unless what is lacking is dropped.
    """
    wanted = asked.text("response_format")
    if wanted is not None and wanted in _PRINTED:
        return _PRINTED[wanted]
    if wanted not in (None, "json", "verbose_json"):
        lacking(asked, "response_format", "its transcripts are json, verbose_json, text, srt or vtt")
    return None


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
            yield Word(_tidy(found.text[at:place]), first.start, last.end)
            first, at = word, place
        last, cursor = word, min(place + len(word.word), len(found.text))
    yield Word(_tidy(found.text[at:]), first.start, last.end)


def _breaks(line: str, first: Word, last: Word, word: Word) -> bool:
    return (
        line.rstrip().endswith(_SENTENCE_ENDS)
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
