"""Values as the log has them: no secret stands in them, and a secret that is another one is seen to be."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.management.audit.values import CHANGED, MASK, told

CANARY = "canary-of-a-row"
NAMES = ("model", "api_base", "note", "headers", "tags", "methods", "callback_vars", "langfuse_host", "inner")
SECRETS = (
    "api_key",
    "client_secret",
    "my_password",
    "Authorization",
    "access_token",
    "aws_secret_access_key",
    "cookie",
)


def documents(leaves: st.SearchStrategy[Any], names: tuple[str, ...]) -> st.SearchStrategy[dict[str, Any]]:
    """JSON with these names, at any depth."""
    return st.recursive(
        st.dictionaries(st.sampled_from(names), leaves, max_size=4),
        lambda inner: st.dictionaries(
            st.sampled_from(names), st.one_of(leaves, inner, st.lists(inner, max_size=2)), max_size=4
        ),
        max_leaves=12,
    )


@given(documents(st.sampled_from(["open", 5, True, None]), NAMES), st.sampled_from(SECRETS), st.data())
def test_what_is_called_like_a_secret_is_never_told(open_part: dict[str, Any], name: str, data: st.DataObject) -> None:
    secret = data.draw(st.sampled_from([CANARY, {"x": CANARY}, [CANARY], [{"y": {"z": CANARY}}]]))
    metadata = {**open_part, name: secret, "deep": [{name: secret, "deeper": {name: secret}}]}
    assert CANARY not in repr(told({"metadata": metadata}, {}))
    assert CANARY not in repr(told({"metadata": metadata}, {"metadata": open_part}))


@given(documents(st.just(CANARY), (*SECRETS, "anything", "headers", "inner", "prompt", "callback_vars")))
def test_of_what_is_encrypted_nothing_is_told_but_what_is_named(params: dict[str, Any]) -> None:
    row = {"litellm_params": {"model": "openai/x", **params}}
    shown = told(row, {}, "litellm_params")
    assert CANARY not in repr(shown)
    assert shown["litellm_params"]["model"] == "openai/x"


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("max_budget", 2_500_000_000, 2.5),
        ("token", "0123456789abcdef" * 4, "01234567..."),
        ("password", "scrypt:abc", MASK),
        ("key_name", "sk-...abcd", "sk-...abcd"),
        ("created_at", datetime(2026, 3, 1, tzinfo=UTC), "2026-03-01T00:00:00+00:00"),
        ("description", "use sk-proj-0123456789abcdef please", "use *** please"),
        ("metadata", {"password": 1234, "max_tokens": 5, "token_count": 7}, {
            "password": MASK, "max_tokens": 5, "token_count": 7,
        }),
        ("metadata", {"logging": [{"callback_name": "langfuse", "callback_vars": {
            "langfuse_secret": "litellm_enc::x", "langfuse_host": "https://a:b@example.com", "odd": "y",
        }}]}, {"logging": [{"callback_name": "langfuse", "callback_vars": {
            "langfuse_secret": MASK, "langfuse_host": "https://***@example.com", "odd": MASK,
        }}]}),
        ("router_settings", {"default_headers": {"x-anything": "v", "n": 1}, "retries": 2}, {
            "default_headers": {"x-anything": MASK, "n": MASK}, "retries": 2,
        }),
        ("models", ["a", "b"], ["a", "b"]),
    ],
)  # fmt: skip
def test_a_column(name: str, value: object, shown: object) -> None:
    assert told({name: value, "team_alias": None}, {}) == {name: shown}


def test_a_secret_that_is_another_one_is_seen_to_be() -> None:
    before = {"metadata": {"a_key": "1", "same_key": "2", "list": [{"x_key": "1"}, {"x_key": "1"}]}, "password": "a"}
    after = {"metadata": {"a_key": "3", "same_key": "2", "list": [{"x_key": "1"}, {"x_key": "2"}]}, "password": "b"}
    assert told(after, before) == {
        "metadata": {"a_key": CHANGED, "same_key": MASK, "list": [{"x_key": MASK}, {"x_key": CHANGED}]},
        "password": CHANGED,
    }
