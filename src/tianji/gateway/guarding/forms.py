"""What guardrails need of the forms of bodies: to read them, to write them, and to answer in them."""

from typing import Final

import msgspec

from tianji._core.exchange import Exchange
from tianji.errors import InvalidRequest, PayloadTooLarge, TianjiError, UpstreamProtocolError
from tianji.gateway import canned
from tianji.gateway.guarding.request import Request
from tianji.guardrails.content import Direction
from tianji.guardrails.slots.document import Document
from tianji.guardrails.slots.forms import Form, PlainText
from tianji.guardrails.slots.texts import Unmaskable, Unreadable
from tianji.guardrails.verdict import Rewrite
from tianji.protocol.openai_errors import error_body as openai_error_body
from tianji.protocol.openai_errors import error_event

LARGEST: Final = 32 * 1024 * 1024  # bytes of a body in a file that guardrails look at


def body_of(exchange: Exchange) -> bytes:
    """Return the body of a request, also one that is kept in a file. Raises PayloadTooLarge."""
    if exchange.spool is None:
        return exchange.body
    if exchange.size > LARGEST:
        raise PayloadTooLarge(f"guardrails look at bodies of {LARGEST} bytes at most")
    return exchange.read(0, LARGEST)


def read_request(form: Form, body: bytes) -> Document | PlainText:
    """Read a request. Raises InvalidRequest for one that nobody can judge."""
    try:
        return form.read(Direction.REQUEST, body)
    except Unreadable as error:
        raise InvalidRequest(f"the guardrails of this request cannot read it: {error}") from error


def read_answer(form: Form, body: bytes) -> Document | PlainText:
    """Read an answer. Raises UpstreamProtocolError for one that nobody can judge."""
    try:
        return form.read(Direction.RESPONSE, body)
    except Unreadable as error:
        raise UpstreamProtocolError("the answer cannot be read by those who have to judge it") from error


def advised(form: Form, body: bytes, advice: list[str]) -> bytes:
    """Return a request with further instructions for the model. Raises InvalidRequest where they have no place."""
    try:
        return read_request(form, body).advised("\n".join(advice))
    except Unmaskable as error:
        raise InvalidRequest(str(error)) from error


def restored(document: Document | PlainText, tokens: dict[str, str]) -> bytes | None:
    """Return an answer with what tokens of the request stand for; None where there are none."""
    texts = {}
    for index, text in enumerate(document.content.texts):
        new = text.text
        for token, original in tokens.items():
            new = new.replace(token, original)
        if new != text.text:
            texts[index] = new
    return document.written(Rewrite(texts)) if texts else None


def error_body(request: Request, error: TianjiError) -> bytes:
    """Return an error as the client's dialect says it."""
    errors = request.operation.errors
    return openai_error_body(error) if errors is None else errors.body(error)


def cut(request: Request, error: TianjiError) -> bytes:
    """Return the event that ends a stream."""
    errors = request.operation.errors
    return error_event(error) if errors is None else errors.event(error)


def answer(request: Request, text: str, *, streamed: bool) -> bytes:
    """Return a whole answer that says a text."""
    call_id = request.call_id.decode()
    if streamed:
        return b"".join(canned.events(request.operation.name, request.model, text, call_id))
    return msgspec.json.encode(canned.answer(request.operation.name, request.model, text, call_id))
