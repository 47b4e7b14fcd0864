"""Bodies of requests for secrets."""

import pytest

from tianji.errors import InvalidRequest, MalformedJSON
from tianji.realtime.minting import model_of, read, with_model


def test_bodies_are_objects() -> None:
    assert read(b'{"a":1}') == {"a": 1}
    assert read(b"") == {}
    for body in (b"[]", b"1", b"{", b"[" * 100_000):
        with pytest.raises(MalformedJSON):
            read(body)


@pytest.mark.parametrize(
    ("end", "body", "model"),
    [
        ("client_secrets", {"session": {"model": "a"}, "model": "b"}, "a"),
        ("client_secrets", {"model": "b"}, "b"),
        ("sessions", {"model": "b"}, "b"),
    ],
)
def test_the_model_is_found_and_set_where_the_upstream_reads_it(end: str, body: dict, model: str) -> None:
    assert model_of(body, end) == model
    sent = with_model(body, end, "up")
    assert (sent["session"] if end == "client_secrets" else sent)["model"] == "up"
    assert end == "sessions" or "model" not in sent


@pytest.mark.parametrize("body", [{}, {"session": 1}, {"session": {"model": ""}}, {"session": {"model": 5}}])
def test_without_a_model_it_is_said_where_one_goes(body: dict) -> None:
    with pytest.raises(InvalidRequest, match=r"session\.model"):
        model_of(body, "client_secrets")
