"""What a client asks for when it asks for a conversation."""

import pytest

from tianji.auth.ephemeral import Ticket
from tianji.errors import InvalidRequest, ModelRefused, PermissionDenied
from tianji.realtime.asking import TRANSCRIPTION, check_origin, model_of

TICKET = Ticket("key", "rt", "deployment", "secret", 1)


@pytest.mark.parametrize(
    ("query", "model"),
    [
        ({"model": "rt"}, "rt"),
        ({"deployment": "rt", "api-version": "x"}, "rt"),
        ({"model": "rt", "deployment": "other"}, "rt"),
        ({"intent": "transcription"}, TRANSCRIPTION),
        ({"intent": "transcription", "model": "rt"}, "rt"),
    ],
)
def test_the_model_stands_in_the_query(query: dict[str, str], model: str) -> None:
    assert model_of(query, None) == model


@pytest.mark.parametrize("query", [{}, {"model": ""}, {"intent": "other"}])
def test_without_a_model_it_says_where_to_put_one(query: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest, match=r"\?model="):
        model_of(query, None)


def test_a_ticket_is_for_one_model() -> None:
    assert model_of({}, TICKET) == model_of({"model": "rt"}, TICKET) == "rt"
    with pytest.raises(ModelRefused):
        model_of({"model": "other"}, TICKET)


@pytest.mark.parametrize(
    ("origin", "allowed", "let_in"),
    [
        (None, (), True),
        (b"https://gateway.example:4000", (), True),
        (b"HTTPS://Gateway.Example:4000", (), True),
        (b"https://gateway.example", (), False),
        (b"https://gateway.example:4000.evil.example", (), False),
        (b"null", (), False),
        (b"null", ("*",), True),
        (b"https://app.example", ("https://app.example/",), True),
        (b"http://app.example", ("https://app.example",), False),
        (b"https://app.example.evil", ("https://app.example",), False),
        (b"\xff\xfe", (), False),
        (b"", (), False),
    ],
)
def test_pages_of_other_origins_need_a_word_of_the_operator(
    origin: bytes | None, allowed: tuple[str, ...], let_in: bool
) -> None:
    if let_in:
        check_origin(origin, b"gateway.example:4000", allowed)
    else:
        with pytest.raises(PermissionDenied):
            check_origin(origin, b"gateway.example:4000", allowed)
