"""A path stays below its target, however it is written."""

import posixpath
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.errors import InvalidRequest
from tianji.passthrough.targets import Query, below, join, model_in, with_model

PIECES = st.sampled_from(
    [
        "a",
        "b",
        "v1",
        "..",
        ".",
        "",
        "%2e",
        "%2E",
        "%2e%2e",
        "%252e",
        "%2f",
        "%5c",
        "\\",
        "..;x",
        "//host",
        "@",
        ":",
        "%00",
    ]
)
PATHS = st.lists(st.lists(PIECES, max_size=4).map("".join), max_size=6).map("/".join)


def resolved(path: str) -> list[str]:
    """Return every reading of a path: decoded as often as one likes, its dots resolved, with either slash."""
    found = []
    for _ in range(4):
        for text in (path, path.replace("\\", "/")):
            plain = "/".join(part.partition(";")[0] for part in text.split("/"))
            found.append(posixpath.normpath("/" + plain.lstrip("/")))
        path = unquote(path)
    return found


@given(PATHS)
def test_no_path_leaves_the_target(path: str) -> None:
    try:
        tail = below(b"/custom/api/" + path.encode(), 2)
    except InvalidRequest:
        return
    target = join(b"/inner/v1", tail).decode()
    assert target.startswith("/inner/v1")
    assert all(found == "/inner/v1" or found.startswith("/inner/v1/") for found in resolved(target))
    assert urlsplit(f"https://internal.service{target}").netloc == "internal.service"


@given(st.lists(st.text("abcXYZ019-_.~:@", min_size=1).filter(lambda text: set(text) != {"."}), min_size=1))
def test_a_plain_path_goes_as_it_came(parts: list[str]) -> None:
    tail = "/" + "/".join(parts)
    assert below(b"/custom" + tail.encode(), 1) == tail.encode()
    assert join(b"/base", tail.encode()) == b"/base" + tail.encode()


def test_what_is_encoded_stays_encoded() -> None:
    assert below(b"/custom/model/arn%3Aaws%2Fx%20y%2525", 1) == b"/model/arn%3Aaws%2Fx%20y%2525"


@pytest.mark.parametrize(
    ("base", "tail", "whole"),
    [
        (b"", b"", b"/"),
        (b"/v1", b"", b"/v1"),
        (b"/v1", b"/resource", b"/v1/resource"),
        (b"/v1", b"/resource/", b"/v1/resource/"),
        (b"/v1", b"/v1/models", b"/v1/models"),
        (b"/api/v1", b"/v1/models", b"/api/v1/models"),
        (b"/v1", b"/v1", b"/v1/v1"),  # nothing follows, so that it may be a resource
        (b"/v1", b"/v1beta/x", b"/v1/v1beta/x"),
        (b"/files", b"/files/a", b"/files/files/a"),  # no version
    ],
)
def test_base_and_path_are_joined(base: bytes, tail: bytes, whole: bytes) -> None:
    assert join(base, tail) == whole


@pytest.mark.parametrize(
    "raw",
    [
        b"/a/../b",
        b"/a/%2e%2e",
        b"/a/b%2f..%2fc",
        b"/a/%252e%252e/b",
        b"/a/..%5c",
        b"/a/b//c",
        b"/a/%2f%2fhost",
        b"/a/%0d",
        b"/a/%25252525252525",
        b"/a/..;p/b",
    ],
)
def test_what_may_lead_elsewhere_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidRequest):
        below(raw, 1)


@pytest.mark.parametrize(
    ("path", "model", "moved"),
    [
        ("/v1beta/models/gemini-2.5-pro:generateContent", "gemini-2.5-pro", "/v1beta/models/other:generateContent"),
        ("/model/anthropic.claude-v2:1/converse", "anthropic.claude-v2:1", "/model/other/converse"),
        ("/model/arn%3Aaws%3Abedrock%3A%2Fx/invoke", "arn:aws:bedrock:/x", "/model/other/invoke"),
        ("/openai/deployments/east/chat/completions", "east", "/openai/deployments/other/chat/completions"),
        ("/v1/models", None, "/v1/models"),
        ("/v1/models/", None, "/v1/models/"),
        ("/v1/files/a:b", None, "/v1/files/a:b"),
        ("/v1/models/gpt-4o", "gpt-4o", "/v1/models/other"),
        ("/model/a.b:0", "a.b:0", "/model/other"),
    ],
)
def test_the_model_in_a_path(path: str, model: str | None, moved: str) -> None:
    assert model_in(path.encode()) == model
    assert with_model(path.encode(), "other") == moved.encode()


def test_another_model_is_encoded() -> None:
    assert with_model(b"/model/a/converse", "arn:aws:x/y") == b"/model/arn%3Aaws%3Ax%2Fy/converse"


@pytest.mark.parametrize(
    ("query", "sent", "goes_on"),
    [
        (Query(without=(b"key",)), b"a=1&key=sk&%6bey=2&b", b"a=1&b"),
        (Query(own=b"x=1"), b"", b"x=1"),
        (Query(own=b"x=1"), b"a=2", b"a=2"),
        (Query(own=b"x=1&a=0", merged=True), b"a=2", b"a=2&x=1"),
        (Query(defaults=(("v", "1 &"), ("a", "0"))), b"a=%20", b"a=%20&v=1%20%26"),
        (Query(own=b"v=2", defaults=(("v", "1"),)), b"", b"v=2"),
        (Query(), b"a=1&a=2&&%zz", b"a=1&a=2&%zz"),
    ],
)
def test_what_goes_on_of_a_query(query: Query, sent: bytes, goes_on: bytes) -> None:
    assert query(sent) == goes_on
