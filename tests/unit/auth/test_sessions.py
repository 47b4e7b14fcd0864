"""Tokens of sessions: ours, whole, and not beyond their end."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.auth.sessions import COOKIE, Sessions, cookie, own_page
from tianji.clock import ManualClock


def request(method="GET", **headers):
    fields = [(name.replace("_", "-").encode(), value) for name, value in headers.items()]
    return SimpleNamespace(method=method, headers=fields, header=dict(fields).get)


def test_a_token_holds_until_its_end_and_under_one_secret():
    clock = ManualClock()
    ours = Sessions("salt", clock)
    token = ours.make({"key": "sk-a"}, 60).encode()
    assert ours.read(token)["key"] == "sk-a"
    assert Sessions("other", clock).read(token) is None
    clock.advance(60)
    assert ours.read(token) is None
    with pytest.raises(ValueError, match="salt"):
        Sessions("")


@given(st.data())
def test_a_byte_that_is_another_makes_it_nobody_s(data):
    ours = Sessions("salt", ManualClock())
    token = bytearray(ours.make({"key": "sk-a"}, 60).encode())
    at = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != token[at]))
    token[at] = other
    assert ours.read(bytes(token)) is None


@given(st.binary(max_size=60))
def test_anything_else_is_none(garbage):
    assert Sessions("salt", ManualClock()).read(garbage) is None


def test_the_cookie_stands_for_a_key():
    ours = Sessions("salt", ManualClock())
    token = ours.make({"key": "sk-a"}, 60).encode()
    assert ours.key(request(cookie=b"a=b; %s=%s" % (COOKIE.encode(), token))) == b"sk-a"
    assert ours.key(request(cookie=b"x%s=%s" % (COOKIE.encode(), token))) is None
    assert ours.key(request()) is None
    assert ours.key(request(cookie=b"%s=%s" % (COOKIE.encode(), ours.make({}, 60).encode()))) is None
    assert cookie(request(cookie=b"a=1; a=2"), "a") is None


@pytest.mark.parametrize(
    ("method", "headers", "ours"),
    [
        ("GET", {}, True),
        ("POST", {}, False),
        ("POST", {"origin": b"https://gw:4000", "host": b"gw:4000"}, True),
        ("POST", {"origin": b"https://gw:4001", "host": b"gw:4000"}, False),
        ("GET", {"origin": b"null", "host": b"gw"}, False),
        ("GET", {"sec_fetch_site": b"none"}, True),
        ("POST", {"sec_fetch_site": b"none"}, False),
        ("POST", {"sec_fetch_site": b"same-origin"}, True),
        ("GET", {"sec_fetch_site": b"same-site"}, False),
        ("GET", {"sec_fetch_site": b"cross-site", "sec_fetch_mode": b"navigate", "sec_fetch_dest": b"document"}, True),
        ("GET", {"sec_fetch_site": b"cross-site", "sec_fetch_mode": b"navigate", "sec_fetch_dest": b"iframe"}, False),
        (
            "POST",
            {"sec_fetch_site": b"cross-site", "sec_fetch_mode": b"navigate", "sec_fetch_dest": b"document"},
            False,
        ),
        ("POST", {"sec_fetch_site": b"cross-site", "origin": b"https://gw", "host": b"gw"}, False),
    ],
)
def test_which_page_is_behind_a_request(method, headers, ours):
    assert own_page(request(method, **headers)) is ours
