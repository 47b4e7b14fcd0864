"""What is not of the kind that is asked for is as good as absent."""

import pytest

from tianji.protocol.loose import list_of, object_of, objects_of, text_at


@pytest.mark.parametrize("other", [None, 0, True, "{}", "ab", b"ab", ("a",)])
def test_anything_else_is_as_good_as_absent(other: object) -> None:
    assert object_of(other) == {}
    assert list_of(other) == []
    assert objects_of(other) == []


def test_what_is_of_the_kind_is_given_as_it_is() -> None:
    held: dict[str, object] = {"a": 1}
    row = [held, "b", [held], None]
    assert object_of(held) is held
    assert list_of(row) is row
    assert objects_of(row) == [held]
    assert object_of(row) == {}
    assert list_of(held) == []


def test_a_member_is_a_text_or_none() -> None:
    holder = {"a": "x", "b": 1, "c": None, "d": ""}
    assert [text_at(holder, name) for name in "abcde"] == ["x", None, None, "", None]
