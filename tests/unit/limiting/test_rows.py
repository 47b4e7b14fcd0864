"""Names of rows tell who is meant, and nobody can pass for another."""

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji._core.limits.limiter import LARGEST_NAME
from tianji.limiting.rows import row_name

TEXT = st.text(max_size=30)
PARTS = st.one_of(st.tuples(st.just(""), st.just("")), st.tuples(st.sampled_from(["model", "window"]), TEXT))


def parts(name: str) -> tuple[str, str, str, str]:
    """Take a name apart again: kind, id, part and of what."""
    whose, _, rest = name.partition("/")
    kind, _, id = whose.partition(":")  # noqa: A001
    part, _, of = rest.partition(":")
    return kind, unquote(id), part, unquote(of)


@given(id=TEXT, part=PARTS)
def test_a_name_says_whose_it_is(id: str, part: tuple[str, str]) -> None:  # noqa: A002
    assert parts(row_name("customer", id, *part)) == ("customer", id, *part)  # type: ignore[arg-type]


@pytest.mark.parametrize("id", ["a/model:m", "a%2Fmodel:m", "a:b", "é" * 40, ""])
def test_ids_of_clients_are_no_parts(id: str) -> None:  # noqa: A002
    assert row_name("customer", id) != row_name("customer", "a", "model", "m")
    assert parts(row_name("customer", id)) == ("customer", id, "", "")


def test_names_that_are_too_long_stay_apart() -> None:
    names = [row_name("customer", "x" * 400 + end, "model", "m") for end in "ab"]
    assert names[0] != names[1]
    assert all(len(name) <= LARGEST_NAME and name.startswith("customer:sha256-") for name in names)
