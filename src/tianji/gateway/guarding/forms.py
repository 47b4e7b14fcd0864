"""What guardrails need of the forms of bodies: to read them, to write them, and to answer in them."""

from collections.abc import Iterable
from typing import Final

import msgspec

from tianji._core.edges.exchange import Exchange
from tianji.errors import InvalidRequest, PayloadTooLarge, TianjiError, UpstreamProtocolError
from tianji.gateway.guarding.request import Request
from tianji.guardrails.content import Direction
from tianji.guardrails.failures import GuardrailBlocked
from tianji.guardrails.records import information
from tianji.guardrails.running import Outcome
from tianji.guardrails.slots.answers import Said, Shape, answered
from tianji.guardrails.slots.document import Document
from tianji.guardrails.slots.forms import Form, PlainText, may_be_json
from tianji.guardrails.slots.texts import Unmaskable, Unreadable
from tianji.protocol.openai_errors import error_event as openai_error_event

BEGINNING: Final = 256  # bytes of a body, by which it is known whether it may be JSON
LARGEST: Final = 32 * 1024 * 1024  # bytes of a body in a file that guardrails look at


def body_of(exchange: Exchange, form: Form) -> bytes:
    """Return the body of a request, also one that is kept in a file; b"" for a large one in which nobody looks.

    Raises PayloadTooLarge, and InvalidRequest for one that is compressed.
    """
    refuse_encoded(exchange, form)
    if exchange.spool is None:
        return exchange.body
    if form.opaque and not may_be_json(exchange.read(0, BEGINNING)):
        return b""
    if exchange.size > LARGEST:
        raise PayloadTooLarge(f"guardrails look at bodies of {LARGEST} bytes at most")
    return exchange.read(0, LARGEST)


def refuse_encoded(exchange: Exchange, form: Form) -> None:
    """Raise InvalidRequest for a body that is compressed."""
    if form.opaque and exchange.size and (exchange.header(b"content-encoding") or b"identity").lower() != b"identity":
        raise InvalidRequest("the guardrails of this request cannot read a body that is encoded: send it as it is")


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


def advised(form: Form, body: bytes, advice: Iterable[str]) -> bytes:
    """Return a request with further instructions for the model. Raises InvalidRequest where they have no place."""
    try:
        return read_request(form, body).advised("\n".join(advice))
    except Unmaskable as error:
        raise InvalidRequest(str(error)) from error


def with_information(body: bytes, outcomes: Iterable[Outcome]) -> bytes:
    """Return an answer that says what guardrails did, without what they found; what is no JSON object as it is."""
    whole = body.rstrip()
    if not whole.startswith(b"{") or not whole.endswith(b"}"):
        return body
    told = msgspec.json.encode([information(outcome) for outcome in outcomes])
    return whole[:-1] + (b"," if whole[1:-1].strip() else b"") + b'"guardrail_information":' + told + b"}"


def error_event(request: Request, error: TianjiError) -> bytes:
    """Return the event that ends a stream with an error, as the client's dialect says it."""
    errors = request.errors
    return openai_error_event(error) if errors is None else errors.event(error)


def answer(request: Request, body: bytes, text: str, shape: Shape) -> Said:
    """Return an answer that says a text in the model's place. Raises GuardrailBlocked where no answer is a text."""
    said = answered(request.spoken, body, request.model, text, shape)
    if said is None:
        raise GuardrailBlocked(text, "")
    return said
