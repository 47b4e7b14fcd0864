"""Hashes and signatures that are made here are those of the standard library."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji._core.requests.sealing import Seal, digest_of, finished

SIZES = st.sampled_from([0, 1, 55, 56, 63, 64, 65, 119, 120, 128, 4096, 16 * 1024 - 1, 16 * 1024]) | st.integers(0, 300)


@pytest.mark.parametrize("plain", [False, True])
@given(size=SIZES, byte=st.integers(0, 255))
def test_digests(plain: bool, size: int, byte: int) -> None:
    text = bytes((byte + at) % 256 for at in range(size))
    assert digest_of(text, plain=plain).decode() == hashlib.sha256(text).hexdigest()


@given(st.binary(max_size=150), st.binary(max_size=80), st.binary(max_size=64), st.binary(max_size=200))
def test_signatures(before: bytes, place: bytes, key: bytes, body: bytes) -> None:
    seal = Seal(before, b"\nafter\n", place, key, b"Signature=", ((b"x", b"y"),))
    for moment in (b"20150830T123600Z", b"20150830T235959Z"):
        canonical = before + moment + b"\nafter\n" + hashlib.sha256(body).hexdigest().encode()
        text = b"\n".join((b"AWS4-HMAC-SHA256", moment, place, hashlib.sha256(canonical).hexdigest().encode()))
        expected = b"Signature=" + hmac.digest(key, text, "sha256").hex().encode()
        assert seal.headers(moment, body) == [(b"authorization", expected), (b"x-amz-date", moment), (b"x", b"y")]


NAMES = st.sampled_from([b"host", b"hos", b"x-amz-date", b"authorization", b"x"])
FIELDS = st.lists(st.tuples(NAMES, st.sampled_from([b"", b"v", b"host: h"])), max_size=4)


@given(FIELDS, FIELDS, st.sampled_from([b"", b"body", b"b" * 16 * 1024, b"b" * (16 * 1024 + 1)]))
def test_heads(planned: list[tuple[bytes, bytes]], own: list[tuple[bytes, bytes]], body: bytes) -> None:
    def written(fields: list[tuple[bytes, bytes]]) -> bytes:
        return b"".join(b"%b: %b\r\n" % field for field in fields)

    front, end = b"POST /host:1 HTTP/1.1\r\n", b"content-length: "
    names = {name for name, _ in own}
    kept = [field for field in planned if field[0] not in names]
    head = front + written(kept) + written(own) + end + b"%d\r\n\r\n" % len(body)
    made = finished(front + written(planned) + end, lambda _target, _body: own, "/", body)
    assert made == (head + body if len(body) <= 16 * 1024 else [head, body])


def test_a_key_of_more_than_a_block() -> None:
    with pytest.raises(ValueError, match="one block"):
        Seal(b"", b"", b"", b"k" * 65, b"", ())
