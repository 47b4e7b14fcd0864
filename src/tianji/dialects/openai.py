"""OpenAI's dialect: its operations, their paths and required members, the list of models, hidden usage.

https://platform.openai.com/docs/api-reference
"""

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from tianji.errors import InvalidRequest
from tianji.providers.upstream import Operation

CREATED = 1677610602  # seconds; clients of LiteLLM have always read this one
OWNER = "openai"
DONE = b"data: [DONE]\n\n"
_NULL = ord("n")  # a member that is null counts as absent
USAGE_OPTIONS = b'{"include_usage":true}'


class Member(Struct, frozen=True):
    """A body member: the bytes its raw JSON value may begin with, and what that means in words."""

    name: str
    starts: bytes
    expected: str
    required: bool = True


class Dialect(Struct, frozen=True):
    """One operation: where clients ask for it and what its body must hold.

    In a path `{model}` stands for one or more segments and is used only when the body names no model. `codec` is the
    module whose `inbound(body, model, streamed)` reads a request into the hub; without one an upstream must speak the
    dialect itself. Where errors have a shape of their own, it also has `error_body(error)` and `error_event(error)`.
    `answers` is the member in which every answer has what was asked for, an array.
    """

    operation: Operation
    paths: tuple[str, ...]
    members: tuple[Member, ...]
    streams: bool
    codec: str | None = None
    own_errors: bool = False
    streamed: bool = False  # every answer is a stream, as the path says
    media: bool = False  # pictures, sound or ranks: an answer may be of any type, and costs by what was made
    form: bool = False  # a request is a form with files
    vendor: str = "OpenAI"
    answers: str | None = None


def _paths(name: str) -> tuple[str, ...]:
    return f"/v1/{name}", f"/{name}", f"/engines/{{model}}/{name}", f"/openai/deployments/{{model}}/{name}"


def _media(
    operation: Operation, name: str, members: tuple[Member, ...], *, streams: bool = False, form: bool = False
) -> Dialect:
    paths = f"/v1/{name}", f"/{name}", f"/openai/deployments/{{model}}/{name}"
    return Dialect(operation, paths, members, streams=streams, media=True, form=form)


_MODEL = Member("model", b'"', "a string")
_ANY_MODEL = Member("model", b'"', "a string", required=False)
_MESSAGES = Member("messages", b"[", "an array of messages")
_PROMPT = Member("prompt", b'"[', "a string or an array")
_INPUT = Member("input", b'"[', "a string or an array")
_STREAM = Member("stream", b"tfn", "a boolean", required=False)
_TEXT = Member("prompt", b'"', "a string")
_FILE = Member("file", b"{", "a file")
_IMAGE = Member("image", b"{[", "a file or several", required=False)  # in JSON they may be elsewhere

OPERATIONS: Mapping[Operation, Dialect] = {
    "chat": Dialect(
        "chat",
        (*_paths("chat/completions"), "/queue/chat/completions"),
        (_MODEL, _MESSAGES, _STREAM),
        streams=True,
        codec="tianji.dialects.chat",
        answers="choices",
    ),
    "completions": Dialect(
        "completions",
        _paths("completions"),
        (_MODEL, _PROMPT, _STREAM),
        streams=True,
        codec="tianji.dialects.completions",
        answers="choices",
    ),
    "embeddings": Dialect("embeddings", _paths("embeddings"), (_MODEL, _INPUT), streams=False, answers="data"),
    "moderations": Dialect(
        "moderations", ("/v1/moderations", "/moderations"), (_ANY_MODEL, _INPUT), streams=False, answers="results"
    ),
    **{
        row.operation: row
        for row in (
            _media("image_generation", "images/generations", (_MODEL, _TEXT, _STREAM), streams=True),
            _media("image_edit", "images/edits", (_MODEL, _IMAGE, _TEXT, _STREAM), streams=True, form=True),
            _media("image_variation", "images/variations", (_MODEL, Member("image", b"{", "a file")), form=True),
            _media("audio_speech", "audio/speech", (_MODEL, Member("input", b'"', "a string"))),
            _media("transcription", "audio/transcriptions", (_MODEL, _FILE, _STREAM), streams=True, form=True),
            _media("translation", "audio/translations", (_MODEL, _FILE), form=True),
        )
    },
    # https://docs.cohere.com/reference/rerank
    "rerank": Dialect(
        "rerank",
        ("/v1/rerank", "/v2/rerank", "/rerank"),
        (_MODEL, Member("query", b'"', "a string"), Member("documents", b"[", "an array")),
        streams=False,
        media=True,
        vendor="Cohere",
    ),
    # https://docs.mistral.ai/api/endpoint/ocr, with LiteLLM's forms beside it: the document is a file there
    "ocr": Dialect(
        "ocr",
        ("/v1/ocr", "/ocr"),
        (_MODEL, Member("document", b"{", "an object", required=False)),
        streams=False,
        media=True,
        form=True,
        vendor="Mistral",
    ),
}


def missing_member(member: str) -> InvalidRequest:
    """Make the error for a required member that is not there."""
    return InvalidRequest(
        f"Missing required parameter: '{member}'. Add it to the request's body.",
        param=member,
        code="missing_required_parameter",
    )


def wrong_type(member: Member) -> InvalidRequest:
    """Make the error for a member whose value begins like another type's."""
    return InvalidRequest(
        f"Invalid type for '{member.name}': expected {member.expected}.", param=member.name, code="invalid_type"
    )


def check_members(dialect: Dialect, first_bytes: Mapping[str, int], *, model_in_path: bool) -> None:
    """Check a body by the first byte of each top-level value. Raises InvalidRequest for the first fault."""
    for member in dialect.members:
        first = first_bytes.get(member.name)
        if first is None or (first == _NULL and _NULL not in member.starts):
            if member.required and not (member.name == "model" and model_in_path):
                raise missing_member(member.name)
        elif first not in member.starts:
            raise wrong_type(member)


def stream_options(raw: bytes | None, *, always: bool | None) -> tuple[bytes | None, bool]:
    """Decide over usage in a streamed answer: (value to put in place of the client's, hide the usage chunk).

    `raw` is the client's `stream_options`, None when absent; the first of the pair is None when it stays as it is.
    `always` is general_settings.always_include_stream_usage: null asks for usage and hides it from a client that did
    not, true gives it to every client, false asks for nothing. A value that is no object goes through unchanged, so
    that the upstream refuses it.
    """
    if always is False:
        return None, False
    if raw is None or raw == b"null":
        return USAGE_OPTIONS, always is not True
    try:
        options = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, RecursionError):
        return None, False
    if bytes(options.get("include_usage", b"")) == b"true":
        return None, False
    return msgspec.json.encode({**options, "include_usage": True}), always is not True


def model_entry(name: str, details: Mapping[str, object] | None = None) -> dict[str, object]:
    """Return one entry of the list of models; `details` may hold mode, max_input_tokens and max_output_tokens."""
    return {"id": name, "object": "model", "created": CREATED, "owned_by": OWNER, **(details or {})}
