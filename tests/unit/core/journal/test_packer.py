"""Values are packed as msgspec packs them."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tianji._core.journal.packer import Packer
from tianji.ledger.entry import Telling

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 64) - 1)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.binary()
)
EDGES = [1 << bits for bits in (5, 7, 8, 15, 16, 31, 32, 63)]
PACKER = Packer()


@given(st.recursive(SCALARS, lambda inner: st.lists(inner) | st.lists(inner).map(tuple)))
def test_any_value(value: object) -> None:
    assert PACKER.pack(value) == msgspec.msgpack.encode(value)


def test_integers_where_their_length_changes() -> None:
    for edge in EDGES:
        for value in (edge - 1, edge, -edge, -edge - 1):
            if value >= -(1 << 63):
                assert PACKER.pack(value) == msgspec.msgpack.encode(value)


def test_texts_bytes_and_rows_where_the_length_of_their_length_changes() -> None:
    for size in (0, 15, 16, 31, 32, 255, 256, 65535, 65536):
        for value in ("x" * size, b"x" * size, [None] * size):
            assert PACKER.pack(value) == msgspec.msgpack.encode(value)


def test_what_is_no_unicode_becomes_question_marks() -> None:
    assert PACKER.pack(["a\ud800b"]) == msgspec.msgpack.encode(["a?b"])


def test_whatever_else_msgspec_can_write() -> None:
    for value in (Telling("key", ("a",)), {"a": [1]}, 1.5):
        assert PACKER.pack([value]) == msgspec.msgpack.encode([value])
