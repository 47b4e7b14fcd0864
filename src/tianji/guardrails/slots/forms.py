"""The forms by the names of their operations."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from tianji.guardrails.content import Content, Direction, Text
from tianji.guardrails.slots import assistants, chat, fields, gemini, live, messages, plain, realtime, responses, tools
from tianji.guardrails.slots.document import Document
from tianji.guardrails.slots.sheet import Sheet
from tianji.guardrails.slots.texts import Json, Mismatched, Unreadable, decoded
from tianji.guardrails.verdict import Rewrite

_JSON: Final = frozenset({b"{", b"[", b'"'})
_BEFORE_JSON: Final = b" \t\r\n\x00\xef\xbb\xbf\xff\xfe"
"""White space, and the byte order marks and zeros of UTF-8, UTF-16 and UTF-32."""
Reader = Callable[[Sheet, Any], None]


def _no_advice(_body: Json, _instructions: str) -> None:
    """Say that a form has no place for instructions."""


class Form(Struct, frozen=True):
    """How one kind of body is read, in each direction.

    advise: makes of a request and instructions for the model the member that holds them, and its value; None where
        there is no place
    text: an answer may be plain text instead of JSON
    opaque: a request may be what is no JSON, and an answer empty, in which nothing is looked at
    """

    request: Reader
    response: Reader
    advise: Callable[[Json, str], tuple[str, bytes] | None] = _no_advice
    text: bool = False
    opaque: bool = False

    def read(self, direction: Direction, body: bytes) -> Document:
        """Read a body. Raises Unreadable for one that nobody can judge."""
        answers = direction is Direction.RESPONSE
        if answers and self.text and not body.lstrip().startswith(b"{"):
            return PlainText(body)
        if self.opaque and (not body.strip() if answers else not may_be_json(body)):
            return Document(body, Content(direction, ()), [], [], None, _no_advice)
        tree = decoded(body)
        sheet = Sheet(direction)
        read = self.response if answers else self.request
        if isinstance(tree, dict) or read is gemini.response:
            read(sheet, tree)
        else:
            fields.everything(sheet, tree)
        return sheet.document(body, self.advise)


def may_be_json(beginning: bytes) -> bool:
    """Whether a body begins as an object, a list or a text of JSON, in whatever encoding somebody might read it."""
    return beginning.lstrip(_BEFORE_JSON)[:1] in _JSON


class PlainText(Document):
    """An answer that is one text, as transcriptions may be."""

    def __init__(self, body: bytes) -> None:
        try:
            text = body.decode()
        except UnicodeDecodeError as error:
            raise Unreadable("it is no text") from error
        content = Content(Direction.RESPONSE, (Text(text, "assistant"),) if text else ())
        super().__init__(body, content, [], [], None, _no_advice)

    def written(self, rewrite: Rewrite) -> bytes:
        """Return the text as it is now. Raises Mismatched for what it does not have."""
        if rewrite.tools is not None or rewrite.calls or not set(rewrite.texts) <= set(range(len(self.content.texts))):
            raise Mismatched("a rewrite names what a plain text does not have")
        return rewrite.texts[0].encode("utf-8", "replace") if rewrite.texts else self.body


ANY: Final = Form(fields.everything, fields.everything)
"""Reads every string, of whatever it is."""
FORMS: Final[Mapping[str, Form]] = {
    "chat": Form(chat.request, chat.response, chat.advise),
    "completions": Form(plain.texts("prompt", "suffix"), plain.completed),
    "embeddings": Form(plain.texts("input"), plain.nothing),
    "moderations": Form(plain.texts("input"), plain.nothing),
    "messages": Form(messages.request, messages.response, messages.advise),
    "responses": Form(responses.request, responses.response, responses.advise),
    "compact": Form(responses.request, responses.response, responses.advise),
    "gemini": Form(gemini.request, gemini.response, gemini.advise),
    "image_generation": Form(plain.texts("prompt"), plain.pictured),
    "image_edit": Form(plain.texts("prompt"), plain.pictured),
    "image_variation": Form(plain.texts("prompt"), plain.pictured),
    "videos": Form(plain.texts("prompt"), plain.nothing),
    "audio_speech": Form(plain.texts("input", "instructions"), plain.nothing),
    "transcription": Form(plain.texts("prompt"), plain.heard, text=True),
    "translation": Form(plain.texts("prompt"), plain.heard, text=True),
    "rerank": Form(plain.ranked, plain.results),
    "ocr": Form(plain.documented, plain.pages),
    "search": Form(plain.texts("query"), plain.results),
    "vector_search": Form(plain.texts("query"), plain.passages),
    "tool": Form(tools.request, tools.response),
    "assistants": Form(assistants.request, assistants.response),
    "realtime": Form(realtime.event, realtime.event),
    "live": Form(live.message, live.message),
}


def form_of(operation: str) -> Form:
    """Return how the bodies of an operation are read; every string of those that have no form of their own."""
    return FORMS.get(operation, ANY)


@functools.cache
def form_led(operation: str) -> Form:
    """Return the form of a provider's own path: that of an operation, but a body may also be what is no JSON."""
    return replace(form_of(operation), opaque=True)


@functools.cache
def form_parted(form: Form) -> Form:
    """Return the form of a request whose body is no JSON but a form's fields, read as JSON."""
    return replace(form, request=plain.parted, advise=_no_advice)


def form_at(request_fields: tuple[str, ...] | None, response_fields: tuple[str, ...] | None) -> Form:
    """Return the form of a path that leads through: the strings at these places, all of them where there are none.

    Raises ConfigurationError for what is no path.
    """
    return Form(
        fields.everything if request_fields is None else fields.at(request_fields),
        fields.everything if response_fields is None else fields.at(response_fields),
    )
