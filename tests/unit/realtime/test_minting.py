"""Bodies of requests for secrets."""

import pytest

from tianji.errors import InvalidRequest, MalformedJSON
from tianji.realtime.asking import TRANSCRIPTION
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


def audio(transcription: object) -> dict:
    return {"audio": {"input": {"format": {"type": "audio/pcm"}, "transcription": transcription}}}


@pytest.mark.parametrize("named", [{"model": "w", "language": "fr"}, {"model": ""}, {}, None])
def test_who_writes_down_is_named_elsewhere_and_need_not_be(named: dict | None) -> None:
    model = named["model"] if named and named.get("model") else TRANSCRIPTION
    left = {**(named or {}), "model": "up"}
    body = {"session": {"type": "transcription", **audio(named)}, "expires_after": {"seconds": 9}}
    assert model_of(body, "client_secrets") == model
    sent = with_model(body, "client_secrets", "up")
    assert sent == {"session": {"type": "transcription", **audio(left)}, "expires_after": {"seconds": 9}}
    beta = {"input_audio_transcription": named, "turn_detection": None}
    assert model_of(beta, "transcription_sessions") == model
    told = with_model(beta, "transcription_sessions", "up")
    assert told == {"input_audio_transcription": left, "turn_detection": None}
    assert model_of({**beta, "model": "x"}, "transcription_sessions") == ("x" if model == TRANSCRIPTION else model)


@pytest.mark.parametrize("body", [{}, {"session": 1}, {"session": {"model": ""}}, {"session": {"model": 5}}])
def test_without_a_model_it_is_said_where_one_goes(body: dict) -> None:
    with pytest.raises(InvalidRequest, match=r"session\.model"):
        model_of(body, "client_secrets")
