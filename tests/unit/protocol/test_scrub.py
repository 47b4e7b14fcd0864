"""No credential reaches a client's text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.protocol.scrub import MASK, scrub


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("Incorrect API key provided: sk-proj-abcdEFGH12345678. You can", "abcdEFGH"),
        ("Incorrect API key provided: sk-ab***xyz.", "xyz"),
        ("header Authorization: Bearer abcdefgh12345678 was", "abcdefgh"),
        ('{"api_key": "hunter2hunter2"}', "hunter2"),
        ("api-key=hunter2hunter2&x=1", "hunter2"),
        ("GET https://user:pass@host/v1 failed", "pass"),
        ("key AIzaSyA1234567890abcdefghijkl is", "SyA123"),
        ("gsk_abcdefghijkl1234567890", "abcdefgh"),
        ("token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc", "eyJzdWI"),
        ("AKIAIOSFODNN7EXAMPLE", "IOSFODNN7"),
        ("Bearer abcdefgh12345678 was refused", "abcdefgh"),
    ],
)
def test_what_looks_like_a_credential_is_masked(text: str, gone: str) -> None:
    assert gone not in scrub(text)
    assert MASK in scrub(text)


@pytest.mark.parametrize(
    "text",
    [
        "This model's maximum context length is 8192 tokens.",
        "Rate limit reached for requests",
        "you sent 12 tokens, the limit is 10",
        "model task-specialised is not known",
        "the key temperature is not known, unexpected token responsibilities",
        "sk-learn is no model of ours",
        "see https://platform.openai.com/docs/guides/error-codes",
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    assert scrub(text) == text


SECRETS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), min_size=6, max_size=40)


@given(st.text(max_size=40), SECRETS, st.text(max_size=40))
def test_a_known_secret_is_always_gone(before: str, secret: str, after: str) -> None:
    masked = scrub(f"{before}{secret}{after}", [secret])
    assert secret not in masked or secret in MASK


def test_escaped_and_quoted_forms_are_known() -> None:
    assert scrub('a%22b%2Fc%20d and a\\"b/c d', ['a"b/c d']) == f"{MASK} and {MASK}"


def test_short_secrets_do_not_eat_text() -> None:
    assert scrub("the key is ok", ["k", ""]) == "the key is ok"
