"""Sound requests that come in pieces, and bodies that wait to be asked for."""

from contextlib import ExitStack

import pytest
from tests.contract.harness import Gateway, Mock
from tests.contract.raw_http import Wire
from tests.security.hostile import BODY, CHUNKED, KEY, chat, chunk, field, head, length
from tests.security.malformed_heads import MAX_BODY

ASK = field("expect", "100-continue")
GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"
FORMS = {
    "a length": chat(),
    "chunks": f"\r\n{head(CHUNKED)}\r\n{chunk(BODY[:9])}{len(BODY) - 9:X};a=b\r\n{BODY[9:]}\r\n00\r\nx: a\r\n\r\n",
    "no body": f"GET /v1/models/gpt-test HTTP/1.1\r\nhost: t\r\n{KEY}\r\n",
}


def rounds(edge: str, form: str) -> range:
    """How often a connection serves it: once more than needed, so that what is left of a first request would show."""
    return range(1, 2 if edge == "granian" and form == "chunks" else 3)  # there it ends after chunks


@pytest.mark.parametrize("form", FORMS)
def test_every_cut_of_a_request(gateway: Gateway, mock: Mock, edge: str, form: str) -> None:
    """Each connection has a cut of its own."""
    whole = FORMS[form].encode("latin-1")
    with ExitStack() as stack:
        wires = [stack.enter_context(Wire(gateway.port)) for _ in whole]
        for count in rounds(edge, form):
            for cut, wire in enumerate(wires):
                wire.send(whole[:cut])
            assert gateway.chat().status_code == 200  # whose turn comes after those of all the first pieces
            for cut, wire in enumerate(wires):
                wire.send(whole[cut:])
            for cut, wire in enumerate(wires):
                answers = wire.answers(count)
                assert [answer.status for answer in answers] == [200] * count, whole[:cut]
    chats = sum(b'"mock-outer"' in answer.body for wire in wires for answer in wire.answers(count))
    assert chats == (0 if form == "no body" else count * len(whole))


@pytest.mark.parametrize("form", FORMS)
def test_a_request_byte_by_byte(gateway: Gateway, edge: str, form: str) -> None:
    with Wire(gateway.port) as wire:
        for count in rounds(edge, form):
            for byte in FORMS[form].encode("latin-1"):
                wire.send(bytes((byte,)))
            assert [answer.status for answer in wire.answers(count)] == [200] * count


@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_a_body_that_is_asked_for(gateway: Gateway, mock: Mock, edge: str, framing: str) -> None:
    """RFC 9110 section 10.1.1."""
    lines, content = (length(BODY), BODY) if framing == "length" else (CHUNKED, chunk(BODY) + "0\r\n\r\n")
    with Wire(gateway.port) as wire:
        for count in rounds(edge, framing):
            wire.send(f"{head(ASK + lines)}\r\n".encode())
            wire.until(GO_ON, count)
            assert len(mock.requests()) == count - 1
            wire.send(content.encode())
            assert [answer.status for answer in wire.answers(count)] == [200] * count


REFUSED = {
    "no key": (head(ASK + length(BODY)).replace(KEY, ""), 401),
    "too long": (head(ASK + field("content-length", MAX_BODY + 1)), 413),
    "nowhere": (head(ASK + length(BODY)).replace("/chat", "/chit"), 404),
    "both lengths": (head(ASK + length(BODY) + CHUNKED), 400),
}


@pytest.mark.parametrize(("asking", "status"), REFUSED.values(), ids=REFUSED)
def test_a_body_that_is_not_wanted(gateway: Gateway, edge: str, asking: str, status: int) -> None:
    """The final answer comes at once, in place of the interim one."""
    if edge == "granian" and status == 400:
        pytest.skip("hyper heeds the coding alone, as RFC 9112 section 6.3 allows")
    with Wire(gateway.port) as wire:
        wire.send(f"{asking}\r\n".encode())
        (answer,) = wire.answers(1)
        assert answer.status == status
        assert GO_ON not in wire.data


def test_the_preface_of_http_2(gateway: Gateway, edge: str) -> None:
    """Granian speaks HTTP/2 to who knows that before (RFC 9113 section 3.3); the native edge says that it does not."""
    with Wire(gateway.port) as wire:
        wire.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
        if edge == "native":
            (answer,) = wire.rest()
            assert answer.status in (400, 505)
        else:
            wire.until(b"\x04\x00\x00\x00\x00\x00")  # a SETTINGS frame of the connection
            assert b"HTTP/1.1" not in wire.data
