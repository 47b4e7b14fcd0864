"""The routes of the data plane: which operation each path stands for, and the handler behind it."""

import functools
from collections.abc import Iterator
from typing import Final

from tianji._core.requests.forward import Endpoint
from tianji._core.requests.pipeline import Operation, Pipeline
from tianji.dialects.openai import Dialect, check_members
from tianji.dialects.rows import ROWS, speaker
from tianji.errors import TianjiError
from tianji.gateway.translation.passages import codec
from tianji.routing.abilities import OPERATION

MODERATION_MODEL: Final = "omni-moderation-latest"  # OpenAI's own default, for requests that name none


def operation_of(dialect: Dialect, default_model: str | None) -> Operation:
    """Return what the compiled path has to know of an operation."""
    members = tuple((member.name.encode(), member.starts, member.required) for member in dialect.members)

    return Operation(
        dialect.operation,
        bit=OPERATION[dialect.operation],
        members=members,
        complain=functools.partial(_complain, dialect),
        default_model=default_model,
        streams=dialect.streams,
        streamed=dialect.streamed,
        media=dialect.media,
        answers=None if dialect.answers is None else dialect.answers.encode(),
        errors=Errors(dialect.codec) if dialect.codec is not None and dialect.own_errors else None,
    )


class Errors:
    """Says errors as a dialect does; its module is loaded when there is one to say."""

    def __init__(self, module: str) -> None:
        self._module = module

    def body(self, error: TianjiError, request_id: str | None = None) -> bytes:
        """Return the body of an error answer."""
        body: bytes = codec(self._module).error_body(error, request_id)
        return body

    def event(self, error: TianjiError) -> bytes:
        """Return the server-sent event that ends a broken stream."""
        event: bytes = codec(self._module).error_event(error)
        return event


def own_error_body(path: str, error: TianjiError, request_id: str) -> bytes | None:
    """Return an error as the dialect of a path says it; None where that is OpenAI's."""
    module = speaker(path)
    if module is None:
        return None
    body: bytes = codec(module).error_body(error, request_id)
    return body


def _complain(dialect: Dialect, first_bytes: dict[str, int], model_in_path: bool) -> None:
    check_members(dialect, first_bytes, model_in_path=model_in_path)


def endpoints(pipeline: Pipeline) -> Iterator[tuple[Dialect, Endpoint]]:
    """Each operation of the dialects with its handler."""
    for dialect in ROWS:
        default = MODERATION_MODEL if dialect.operation == "moderations" else None
        yield dialect, Endpoint(pipeline, operation_of(dialect, default))
