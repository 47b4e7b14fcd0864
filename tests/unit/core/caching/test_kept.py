"""An exchange whose answer is kept before the client has all of it."""

from typing import Any

import pytest

from tianji._core.caching.kept import KeptExchange
from tianji._core.requests.silent import SilentExchange

DELTA = b'event: response.output_text.delta\ndata: {"delta":"event: response.completed"}\n\n'
DONE = b'event: response.completed\ndata: {"response":{"previous_response_id":null}}\n\n'
JSON = b'{"response":{"previous_response_id":null}}'


class Client:
    """What a client got, and what was given to keep."""

    def __init__(self, *, keeps: bool = True, previous: bytes | None = None) -> None:
        self.got: list[Any] = []
        self.kept: list[bytes] = []
        self.inner = SilentExchange("/v1/responses", b"{}", "somebody", lambda *answer: self.got.append(answer))
        self.exchange = KeptExchange(self.inner, b"other", self._keep if keeps else None, previous)

    def _keep(self, payload: bytes, deployment_id: str | None) -> None:
        assert deployment_id is None  # nobody answers here
        self.kept.append(payload)


def test_it_is_the_same_request_with_another_body() -> None:
    client = Client()
    assert (client.exchange.path, client.exchange.identity, client.exchange.body) == (
        "/v1/responses",
        "somebody",
        b"other",
    )


def test_a_whole_answer_waits_until_it_is_kept() -> None:
    client = Client()
    client.exchange.respond(200, [(b"a", b"b")], JSON)
    assert (client.kept, client.got) == ([JSON], [])
    client.exchange.release()
    assert client.got == [(200, [(b"a", b"b")], JSON)]
    client.exchange.release()
    assert len(client.got) == 1


@pytest.mark.parametrize("pieces", [[DELTA, DONE], [DELTA + DONE], [DELTA, DONE + b": more\n\n"]])
def test_the_end_of_a_stream_waits(pieces: list[bytes]) -> None:
    client = Client()
    client.exchange.start(200, [])
    for piece in pieces:
        client.exchange.write(piece)
    assert client.kept == [JSON]
    assert client.inner.sent == len(DELTA)
    client.exchange.finish(b"")
    client.exchange.release()
    assert client.got == [(200, [], b"".join(pieces))]


def test_who_is_let_go_before_the_end_gets_the_rest_as_it_comes() -> None:
    client = Client()
    client.exchange.start(200, [])
    client.exchange.write(DONE)
    client.exchange.release()
    assert client.inner.sent == len(DONE)
    client.exchange.finish(b"more")
    assert client.got == [(200, [], DONE + b"more")]


def test_a_stream_that_is_there_at_once() -> None:
    client = Client()
    client.exchange.respond(200, [], DELTA + DONE)
    assert (client.kept, client.got) == ([JSON], [])
    client.exchange.release()
    assert client.got == [(200, [], DELTA + DONE)]


def test_errors_and_what_nobody_keeps_do_not_wait() -> None:
    refused = Client()
    refused.exchange.respond(429, [], b"{}")
    assert (refused.kept, refused.got) == ([], [(429, [], b"{}")])
    unkept = Client(keeps=False)
    unkept.exchange.start(200, [])
    unkept.exchange.write(DONE)
    unkept.exchange.finish(b"")
    assert unkept.got == [(200, [], DONE)]


def test_what_came_before_is_said_where_whoever_answers_does_not_know() -> None:
    client = Client(keeps=False, previous=b"resp_1")
    client.exchange.respond(200, [], JSON)
    assert client.got == [(200, [], JSON.replace(b"null", b'"resp_1"'))]


def test_an_answer_that_is_cut_off_is_cut_off() -> None:
    client = Client()
    client.exchange.start(200, [])
    client.exchange.write(DELTA)
    client.exchange.abort()
    assert (client.kept, client.got) == ([], [(0, [], b"")])
    whole = Client()
    whole.exchange.start(200, [])
    whole.exchange.write(DONE)
    whole.exchange.abort()  # what was kept is whole
    whole.exchange.release()
    assert whole.got == [(200, [], DONE)]


def test_who_answers_hears_that_the_client_has_gone() -> None:
    client = Client()
    client.exchange.start(200, [])
    client.inner.leave()
    assert client.exchange.gone
    client.exchange.write(DONE)
    assert client.kept == []
