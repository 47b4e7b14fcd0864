import pytest

from tianji.auth.passwords import LONGEST, SHORTEST, hashed, matches
from tianji.errors import Unacceptable


def test_a_password_matches_what_is_kept_of_it_and_nothing_else() -> None:
    kept = hashed("correct horse battery")
    assert kept.startswith("$argon2id$")
    assert matches(kept, "correct horse battery")
    assert not matches(kept, "correct horse batterz")
    assert not matches(kept, kept)
    assert hashed("correct horse battery") != kept


@pytest.mark.parametrize("kept", ["", "plain", "$argon2id$broken"])
def test_what_was_not_kept_matches_nothing(kept: str) -> None:
    assert not matches(kept, kept)


@pytest.mark.parametrize("password", ["", "x" * (SHORTEST - 1), "x" * (LONGEST + 1)])
def test_too_short_and_too_long(password: str) -> None:
    with pytest.raises(Unacceptable):
        hashed(password)
