"""Errors of an edge: in OpenAI's shape, or in that of the dialect whose path was asked."""

import msgspec
import pytest

from tianji._core.requests.silent import SilentExchange
from tianji._core.sharing.shm import SharedCounters
from tianji.dialects.rows import speaker
from tianji.edge.answers import ErrorAnswers
from tianji.edge.refusals import REFUSED, Refusals
from tianji.errors import AuthenticationFailed, TianjiError


def answered(path: str, error: Exception) -> tuple[int, object]:
    heard: list[tuple[int, bytes]] = []
    exchange = SilentExchange(path, b"", None, lambda status, _headers, body: heard.append((status, body)))

    def own_body(path: str, error: TianjiError, _request_id: str) -> bytes | None:
        return msgspec.json.encode({"other": error.message}) if path == "/own" else None

    ErrorAnswers(lambda *_, **__: None, own_body=own_body)(exchange, error)
    ((status, body),) = heard
    return status, msgspec.json.decode(body)


def test_what_was_refused_is_counted_once_it_is_answered() -> None:
    counters = SharedCounters()
    answers = ErrorAnswers(lambda *_, **__: None, on_refusal=Refusals(counters))
    for error in (AuthenticationFailed("no"), AuthenticationFailed("no"), RuntimeError("secret")):
        answers(SilentExchange("/v1/models", b"", None, lambda *_: None), error)
    begun = SilentExchange("/v1/models", b"", None, lambda *_: None)
    begun.start(200, [])
    answers(begun, AuthenticationFailed("too late"))
    assert {name: count for name, count in counters.items() if name.startswith(REFUSED)} == {
        f'{REFUSED}{{status="401",error_type="{AuthenticationFailed.type}"}}': 2,
        f'{REFUSED}{{status="500",error_type="internal_server_error"}}': 1,
    }


@pytest.mark.parametrize("error", [AuthenticationFailed("no"), RuntimeError("secret")])
def test_the_path_decides_over_the_shape(error: Exception) -> None:
    status, body = answered("/own", error)
    message = "no" if isinstance(error, TianjiError) else "Internal server error"
    assert (status, body) == (401 if isinstance(error, TianjiError) else 500, {"other": message})
    _, body = answered("/v1/chat/completions", error)
    assert isinstance(body, dict)
    assert body["error"]["message"] == message


def test_openais_paths_have_its_shape() -> None:
    assert speaker("/v1/chat/completions") is None
