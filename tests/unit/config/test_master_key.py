"""A weak master key starts on loopback and on purpose only."""

import pytest

from tianji.config import master_key

GOOD = "sk-9fK2mQ7xW4zR1tYb"
OVERRIDES = [
    "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY",
    "TIANJI_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY",
]
WEAK = [None, "", "   ", "sk-1234", "SK-1234567890abcdef", "sk-123456789012", "  sk-short  ", "sk-aaaaaaaaaaaaaaaaaa"]


@pytest.mark.parametrize("loopback", [True, False])
def test_a_good_key_starts(loopback: bool) -> None:
    assert master_key.check(GOOD, {}, loopback=loopback) is None


def test_sixteen_characters_are_enough() -> None:
    assert master_key.check("sk-abcdefghijklm", {}, loopback=False) is None
    assert master_key.check("sk-abcdefghijkl", {}, loopback=False) is not None


@pytest.mark.parametrize("key", WEAK)
def test_a_weak_key_is_refused_and_not_repeated(key: str | None) -> None:
    problem = master_key.check(key, {}, loopback=True)
    assert problem is not None
    assert problem.severity == "error"
    assert problem.remedy
    if key and key.strip():
        assert key.strip() not in str(problem)


@pytest.mark.parametrize("key", WEAK)
@pytest.mark.parametrize("name", OVERRIDES)
def test_the_override_makes_it_a_warning_on_loopback_only(key: str | None, name: str) -> None:
    here = master_key.check(key, {name: " True "}, loopback=True)
    there = master_key.check(key, {name: "true"}, loopback=False)
    assert here is not None
    assert there is not None
    assert (here.severity, there.severity) == ("warning", "error")
    assert "loopback" in there.message


@pytest.mark.parametrize("value", ["1", "yes", "on", ""])
def test_only_the_word_true_overrides(value: str) -> None:
    problem = master_key.check(None, {OVERRIDES[0]: value}, loopback=True)
    assert problem is not None
    assert problem.severity == "error"


def test_the_file_can_override_too() -> None:
    problem = master_key.check("sk-1234", {}, loopback=True, permitted=True)
    assert problem is not None
    assert problem.severity == "warning"
