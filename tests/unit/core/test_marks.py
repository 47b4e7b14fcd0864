"""What a text holds that has to be looked at."""

from hypothesis import given
from hypothesis import strategies as st

from tianji._core.bodies.marks import BASE64, DATA, LINE, WIDE, marks

PIECES = st.sampled_from([b"\n", b"\r", b"6", b"4", b"a", b'"', b"x", "ü".encode(), b"plain text of some length"])


@given(st.lists(PIECES, max_size=40).map(b"".join))
def test_they_are_found_wherever_they_stand(text: bytes) -> None:
    seen = marks(text)
    assert bool(seen & LINE) == (b"\n" in text or b"\r" in text)
    assert bool(seen & BASE64) == (b"64" in text)
    assert bool(seen & DATA) == (b'a"' in text)
    assert bool(seen & WIDE) == (not text.isascii())
