"""Where a request goes that is not the same for all: target, headers, signature."""

from collections.abc import Iterable

from tianji.errors import Header
from tianji.gateway.translation.passages import Place, merged

HEAD = b"POST /old HTTP/1.1\r\nhost: h\r\nanthropic-beta: a, b\r\nx-tenant: t\r\ncontent-length: "


def test_targets() -> None:
    assert Place("/base", "").target("/v1/messages") == "/base/v1/messages"
    assert Place("", "api-version=1").target("/m:stream?alt=sse") == "/m:stream?alt=sse&api-version=1"
    assert Place("", "api-version=1").target("/m") == "/m?api-version=1"


def test_a_request_has_its_own_target_and_length() -> None:
    begun = HEAD.replace(b"/old", b"/p/v1/x")
    assert Place("/p", "").request(HEAD, "/v1/x", (), b"12345") == begun + b"5\r\n\r\n12345"
    large = b"x" * (16 * 1024 + 1)
    assert Place("/p", "").request(HEAD, "/v1/x", (), large) == [begun + b"%d\r\n\r\n" % len(large), large]


def test_lists_are_joined_and_everything_else_is_replaced() -> None:
    head = Place("", "").request(HEAD, "/x", ((b"anthropic-beta", b"b, c"), (b"x-tenant", b"u")), b"")
    assert isinstance(head, bytes)
    lines = head.split(b"\r\n")
    assert [line for line in lines if line.startswith(b"anthropic-beta")] == [b"anthropic-beta: a,b, c"]
    assert [line for line in lines if line.startswith(b"x-tenant")] == [b"x-tenant: u"]
    assert lines[-3:] == [b"content-length: 0", b"", b""]
    assert merged(b"host: h\r\n", [(b"x-new", b"1")]) == b"host: h\r\nx-new: 1\r\n"


def test_a_signature_is_over_target_and_body() -> None:
    def sign(target: str, body: bytes) -> Iterable[Header]:
        return [(b"x-signature", b"%b|%b" % (target.encode(), body))]

    head = Place("/p", "q=1", sign).request(HEAD, "/x", (), b"body")
    assert isinstance(head, bytes)
    assert b"x-signature: /p/x?q=1|body\r\n" in head


def test_a_signature_takes_the_place_of_what_was_planned() -> None:
    place = Place("/p", "", lambda _target, body: [(b"x-tenant", body), (b"x-date", b"now")])
    begun = place.begun(HEAD, "/x", ((b"x-more", b"1"),))
    for body in (b"one", b"another"):
        assert place.finished(begun, "/p/x", body) == (
            b"POST /p/x HTTP/1.1\r\nhost: h\r\nanthropic-beta: a, b\r\nx-more: 1\r\nx-tenant: %b\r\nx-date: now\r\n"
            b"content-length: %d\r\n\r\n%b" % (body, len(body), body)
        )
