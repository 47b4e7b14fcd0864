"""Header lists of the hot path."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji._core.upstreams.headers import add_upstream_headers, milliseconds, read_client_headers


@pytest.mark.parametrize("name", [b"x-tianji-call-id", b"x-litellm-call-id"])
def test_a_usable_call_id_is_taken(name) -> None:
    assert read_client_headers([(b"host", b"h"), (name, b"abc-1")]).call_id == b"abc-1"


@pytest.mark.parametrize("value", [b"", b"a b", b'a"b', b"a\\b", b"\x00", b"\xe9", b"a" * 129])
def test_an_unusable_call_id_is_not_echoed(value) -> None:
    assert read_client_headers([(b"x-litellm-call-id", value)]).call_id is None


def test_steering_headers_are_noticed() -> None:
    assert read_client_headers([(b"x-litellm-timeout", b"3")]).steers
    assert not read_client_headers([(b"x-litellm-unheard-of", b"3"), (b"x-stainless-lang", b"python")]).steers


def test_upstream_headers_go_on_under_their_names_and_framing_does_not() -> None:
    answer = []
    upstream = [
        (b"content-length", b"3"),
        (b"set-cookie", b"a=b"),
        (b"x-request-id", b"r1"),
        (b"x-ratelimit-remaining-tokens", b"9"),
        (b"openai-version", b"2020"),
    ]
    for _ in range(2):  # the second time from the table of names
        answer.clear()
        add_upstream_headers(answer, upstream)
        assert answer == [
            (b"llm_provider-x-request-id", b"r1"),
            (b"request-id", b"r1"),
            (b"x-ratelimit-remaining-tokens", b"9"),
            (b"llm_provider-x-ratelimit-remaining-tokens", b"9"),
            (b"llm_provider-openai-version", b"2020"),
        ]


@given(st.floats(0, 1e6))
def test_milliseconds_have_three_decimals(seconds) -> None:
    text = milliseconds(seconds)
    assert abs(float(text) - seconds * 1000) <= 0.0011 + seconds * 1e-9
    assert text.index(b".") == len(text) - 4


def test_a_clock_that_seems_to_go_back_is_zero() -> None:
    assert milliseconds(-1e-6) == b"0.000"
