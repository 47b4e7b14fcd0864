"""Addresses, queries and headers are safe to be written as they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.errors import ConfigurationError
from tianji.providers import address, build


@pytest.mark.parametrize(
    ("url", "base", "query"),
    [
        ("https://h/v1/", "https://h/v1", ""),
        ("https://h/v1/chat/completions", "https://h/v1", ""),
        (" http://127.0.0.1:8000 ", "http://127.0.0.1:8000", ""),
        ("https://h/v1?a=b", "https://h/v1", "a=b"),
        ("http://[::1]:80/v1", "http://[::1]:80/v1", ""),
    ],
)
def test_split_base(url: str, base: str, query: str) -> None:
    assert address.split_base(url) == (base, query)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "h/v1",
        "ftp://h",
        "https://",
        "https://u:secret@h/v1",
        "https://h/a b",
        "https://h/\r\nx",
        "https://h/#f",
        "https://h:x",
    ],
)
def test_bad_bases_are_refused_without_repeating_credentials(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        address.split_base(url)
    assert "secret" not in caught.value.message


def test_query() -> None:
    assert address.encode_query("a=1&b=", {"c d": "é&", "a": "2"}) == "a=2&b=&c%20d=%C3%A9%26"
    assert address.encode_query("", {}) == ""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x y", "v"),
        ("", "v"),
        ("x:", "v"),
        ("x\n", "v"),
        ("x", "a\r\nb"),
        ("x", "a\0"),
        ("Host", "h"),
        ("Content-Length", "1"),
    ],
)
def test_bad_headers_are_refused(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError):
        address.encode_headers([(name, value)])


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=12), max_size=3))
def test_no_header_breaks_a_line(pairs: dict[str, str]) -> None:
    try:
        found = address.encode_headers(pairs.items())
    except ConfigurationError:
        return
    for name, value in found:
        assert name == name.lower()
        assert not set(b"\r\n\0") & set(name + value)


def test_extra_headers_win_and_are_lower_case() -> None:
    params = {
        "model": "openai/internal-model",
        "api_base": "http://gateway.internal/v1",
        "api_key": "placeholder",
        "extra_headers": {"X-Tenant": "os.environ/TENANT", "Authorization": "Token t", "X-N": 1},
        "extra_query": {"q": "a b"},
    }
    upstream = build(params, {"TENANT": "red"}, drop_params=False)
    assert dict(upstream.headers) == {b"authorization": b"Token t", b"x-tenant": b"red", b"x-n": b"1"}
    assert upstream.query == "q=a%20b"


@pytest.mark.parametrize(
    "params",
    [
        {"extra_headers": [1]},
        {"api_key": 5},
        {"additional_drop_params": "a"},
        {"drop_params": "maybe"},
        {"extra_headers": {"a": []}},
    ],
)
def test_wrong_types_are_named(params: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match="must be"):
        build({"model": "openai/m", **params}, {}, drop_params=False)


def test_fill() -> None:
    assert address.fill("https://{env:A|B=c}.x", {}, None) == "https://c.x"
    assert address.fill("https://{env:A|B=c}.x", {"B": "b"}, None) == "https://b.x"
    assert address.fill("{env:A}", {}, None) is None
    assert address.fill("k {api_key}", {}, "v") == "k v"
    assert address.variables("{env:A|B}{api_key}{env:C=1}") == ("A", "B", "C")
