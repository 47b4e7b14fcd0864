import pytest

from tianji.auth.passwords import LONGEST, SHORTEST, hashed, require_acceptable, verified
from tianji.config.schema import GeneralSettings
from tianji.errors import Unacceptable

GOOD = "Correct horse 1"


def test_a_password_matches_what_is_kept_of_it_and_nothing_else() -> None:
    kept = hashed(GOOD)
    assert kept.startswith("$argon2id$")
    assert verified(kept, GOOD)
    assert not verified(kept, GOOD + "x")
    assert not verified(kept, kept)
    assert hashed(GOOD) != kept


@pytest.mark.parametrize("kept", ["", "plain", "$argon2id$broken", None])
def test_what_was_not_kept_matches_nothing(kept: str | None) -> None:
    assert not verified(kept, kept or GOOD)


@pytest.mark.parametrize(
    ("password", "trouble"),
    [
        ("", "from 12"),
        ("Ab1-Ab1-Ab1", "from 12"),
        ("Ab1-" * (LONGEST // 4) + "x", "from 12"),
        ("correct horse 1", "a capital letter"),
        ("CORRECT HORSE 1", "a small letter"),
        ("Correct horses", "a digit"),
        ("Correcthorse1", "beside letters"),
        ("------------", "a capital letter, a small letter, a digit"),
    ],
)
def test_a_password_that_is_too_simple_is_told_why(password: str, trouble: str) -> None:
    with pytest.raises(Unacceptable, match=trouble):
        require_acceptable(password, GeneralSettings())


def test_the_policy_is_the_operators() -> None:
    loose = GeneralSettings(
        password_policy_min_length=1,
        password_policy_require_uppercase=False,
        password_policy_require_lowercase=False,
        password_policy_require_numbers=False,
        password_policy_require_special_characters=False,
    )
    require_acceptable("x" * SHORTEST, loose)
    with pytest.raises(Unacceptable):  # nobody may allow less
        require_acceptable("x" * (SHORTEST - 1), loose)
    require_acceptable(GOOD, GeneralSettings())
