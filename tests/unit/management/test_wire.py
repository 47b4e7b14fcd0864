"""Between what programs send and what is stored."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.errors import SchemaViolation, Unacceptable
from tianji.management.desk import converted
from tianji.management.keys.fields import KeyFields, into_metadata, make_secret
from tianji.management.wire import sent, shown, stored
from tianji.money import MAXIMUM, to_dollars, to_nanos


@given(st.integers(0, 10**15))
def test_an_amount_comes_back_as_it_was(nanos):
    assert to_nanos(to_dollars(nanos)) == nanos


@pytest.mark.parametrize("amount", [-0.01, float("nan"), float("inf"), float("-inf"), MAXIMUM * 1.1, 1e308])
def test_what_is_no_amount_is_refused(amount):
    with pytest.raises(Unacceptable) as caught:
        stored("max_budget", amount)
    assert (caught.value.status, caught.value.param) == (400, "max_budget")


def test_only_what_was_sent_is_there():
    body = converted({"max_budget": 1.5, "models": None, "nonsense": 1}, KeyFields, "body")
    assert sent(body) == {"max_budget": 1_500_000_000, "models": None}


@pytest.mark.parametrize(
    ("members", "place"),
    [
        ({"rpm_limit": "x"}, ["body", "rpm_limit"]),
        ({"models": [1]}, ["body", "models", 0]),
        ({"rpm_limit": 1.5}, ["body", "rpm_limit"]),
    ],
)
def test_a_wrong_type_says_where(members, place):
    with pytest.raises(SchemaViolation) as caught:
        converted(members, KeyFields, "body")
    assert caught.value.detail[0]["loc"] == place


def test_a_missing_member_says_which():
    class Needed(msgspec.Struct):
        key: str

    with pytest.raises(SchemaViolation) as caught:
        converted({}, Needed, "body")
    assert caught.value.detail == [
        {"type": "missing", "loc": ["body", "key"], "msg": "Object missing required field `key`"}
    ]


def test_numbers_may_come_as_text():
    assert sent(converted({"rpm_limit": "7", "max_budget": "1.5"}, KeyFields, "query")) == {
        "rpm_limit": 7,
        "max_budget": 1_500_000_000,
    }


def test_what_is_not_set_is_shown_empty():
    row = {"models": None, "metadata": None, "max_budget": None, "spend": 2_500_000_000, "user_id": None}
    assert shown(row) == {"models": [], "metadata": {}, "max_budget": None, "spend": 2.5, "user_id": None}


def test_metadata_is_replaced_and_what_has_a_field_of_its_own_survives():
    before = {"a": 1, "tags": ["t"], "service_account_id": "s", "model_rpm_limit": {"m": 1}}
    values = {"metadata": {"b": 2, "service_account_id": "other"}, "model_rpm_limit": None}
    into_metadata(values, before)
    assert values == {"metadata": {"b": 2, "tags": ["t"], "service_account_id": "s"}}
    untouched = {"max_budget": 1}
    into_metadata(untouched, before)
    assert untouched == {"max_budget": 1}


def test_secrets_are_long_and_new(monkeypatch):
    assert len({make_secret() for _ in range(100)}) == 100
    assert len(make_secret()) == 25
    monkeypatch.setenv("LENGTH_OF_LITELLM_GENERATED_KEY", "32")
    assert len(make_secret()) == 46
    for wrong in ("1", "x", "-5"):
        monkeypatch.setenv("LENGTH_OF_LITELLM_GENERATED_KEY", wrong)
        assert len(make_secret()) == 25
