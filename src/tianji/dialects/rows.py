"""All operations of all dialects: where clients ask for them, and what reads what they say."""

import re
from collections.abc import Mapping
from typing import Final

from tianji.dialects.openai import OPERATIONS, Dialect, Member

_MODEL: Final = Member("model", b'"', "a string")
_MESSAGES: Final = Member("messages", b"[", "an array of messages")
_INPUT: Final = Member("input", b'"[', "a string or an array of items")
_ITEMS: Final = Member("input", b'"[', "a string or an array of items", required=False)  # or what was before
_STREAM: Final = Member("stream", b"tfn", "a boolean", required=False)

_RESPONSES: Final = ("/v1/responses", "/responses", "/openai/v1/responses")
_CONTENTS: Final = Member("contents", b'[{"', "an array of contents")


def _google(method: str, *, streamed: bool) -> Dialect:
    """Return the row of a method of Google's, whose path names the model and says whether the answer is streamed."""
    return Dialect(
        "gemini",
        tuple(f"{version}/models/{{model}}:{method}" for version in ("/v1beta", "/v1", "")),
        (_CONTENTS,),
        streams=streamed,
        codec="tianji.dialects.gemini",
        own_errors=True,
        streamed=streamed,
        vendor="Google",
    )


ROWS: Final[tuple[Dialect, ...]] = (
    *OPERATIONS.values(),
    # https://docs.anthropic.com/en/api/messages
    Dialect(
        "messages",
        ("/v1/messages",),
        (_MODEL, _MESSAGES, _STREAM),
        streams=True,
        codec="tianji.dialects.messages",
        own_errors=True,
        answers="content",
        vendor="Anthropic",
    ),
    # https://platform.openai.com/docs/api-reference/responses
    Dialect(
        "responses",
        _RESPONSES,
        (_MODEL, _INPUT, _STREAM),
        streams=True,
        codec="tianji.dialects.responses",
        own_errors=True,
        answers="output",
    ),
    Dialect(
        "compact", tuple(f"{path}/compact" for path in _RESPONSES), (_MODEL, _ITEMS), streams=False, answers="output"
    ),
    # https://ai.google.dev/api/generate-content
    _google("generateContent", streamed=False),
    _google("streamGenerateContent", streamed=True),
)
CODECS: Final[Mapping[str, str]] = {row.operation: row.codec for row in ROWS if row.codec is not None}
"""The module that reads an operation into the hub, for those that can be translated."""
_OWN_SHAPES: Final = (
    *(
        (re.compile(re.escape(path).replace(re.escape("{model}"), ".+")), row.codec)
        for row in ROWS
        if row.own_errors
        for path in row.paths
    ),
    (re.compile(r"/v1/messages/batches(?:/.*)?"), CODECS["messages"]),
)


def speaker(path: str) -> str | None:
    """Return the module that says errors on a path; None where they have OpenAI's shape."""
    return next((module for pattern, module in _OWN_SHAPES if pattern.fullmatch(path)), None)
