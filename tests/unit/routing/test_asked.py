"""What a request says about its own routing."""

from collections.abc import Mapping

import pytest

from tianji.errors import AuthenticationFailed, InvalidRequest
from tianji.routing.asked import MOST_TAGS, MOST_TARGETS, read_request, read_scope
from tianji.routing.eligibility import Scope
from tianji.routing.fallback import Wishes
from tianji.routing.router import Request

READ: list[tuple[Mapping[str, object], Mapping[bytes, bytes], Request]] = [
    ({}, {}, Request("m")),
    ({"num_retries": 3}, {}, Request("m", num_retries=3)),
    ({"num_retries": "0"}, {}, Request("m", num_retries=0)),
    ({"num_retries": 3}, {b"x-litellm-num-retries": b"1"}, Request("m", num_retries=1)),
    ({}, {b"x-tianji-num-retries": b"2", b"x-litellm-num-retries": b"1"}, Request("m", num_retries=2)),
    ({"disable_fallbacks": True}, {}, Request("m", disable_fallbacks=True)),
    ({"disable_fallbacks": "no"}, {}, Request("m")),
    ({"fallbacks": None}, {}, Request("m")),
    ({"fallbacks": []}, {}, Request("m", wishes=Wishes(general=()))),
    ({"fallbacks": ["b", "c"]}, {}, Request("m", wishes=Wishes(general=("b", "c")))),
    (
        {"fallbacks": [{"model": "b", "messages": []}, "c"]},
        {},
        Request("m", wishes=Wishes(general=({"model": "b", "messages": []}, "c"))),
    ),
    ({"fallbacks": [{"a": ["c"]}]}, {}, Request("m", wishes=Wishes(general={"a": ("c",)}))),
    ({"fallbacks": [{"model": ["c"]}]}, {}, Request("m", wishes=Wishes(general={"model": ("c",)}))),
    (
        {"context_window_fallbacks": ["b"], "content_policy_fallbacks": ["c"], "max_fallbacks": 1},
        {},
        Request("m", wishes=Wishes(context_window=("b",), content_policy=("c",), most=1)),
    ),
]


@pytest.mark.parametrize(("body", "headers", "request_"), READ)
def test_what_is_read(body: Mapping[str, object], headers: Mapping[bytes, bytes], request_: Request) -> None:
    assert read_request("m", body, headers) == request_


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"num_retries": -1}, "num_retries"),
        ({"num_retries": 1.5}, "num_retries"),
        ({"num_retries": True}, "num_retries"),
        ({"num_retries": "9" * 20}, "num_retries"),
        ({"max_fallbacks": "many"}, "max_fallbacks"),
        ({"fallbacks": "b"}, "fallbacks"),
        ({"fallbacks": [5]}, "fallbacks"),
        ({"fallbacks": [{"temperature": 1}]}, "fallbacks"),
        ({"fallbacks": ["b"] * (MOST_TARGETS + 1)}, "fallbacks"),
        ({"content_policy_fallbacks": [{"a": [7]}]}, "content_policy_fallbacks"),
    ],
)
def test_what_is_not_usable_is_named(body: Mapping[str, object], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_request("m", body, {})
    assert caught.value.param == param


def test_a_fallback_brings_no_address_unless_the_operator_allows_it() -> None:
    body = {"fallbacks": [{"model": "b", "api_base": "http://evil"}]}
    with pytest.raises(AuthenticationFailed, match="api_base"):
        read_request("m", body, {})
    assert read_request("m", body, {}, any_credentials=True).wishes.general is not None


def test_tags_come_from_everywhere() -> None:  # C16, C17
    body = {"tags": ["a"], "metadata": {"tags": ["b", "a"]}}
    scope = read_scope(body, {b"x-litellm-tags": b"c, &d ,"}, inherited=["e"])
    assert scope == Scope(tags=("a", "b", "e", "c", "&d"))
    assert read_scope({"metadata": "text"}, {}) is None
    assert read_scope({}, {b"user-agent": b"curl/8"}) is None
    assert read_scope({}, {b"user-agent": b"curl/8"}, looks_at_agent=True) == Scope(agent="curl/8")


def test_one_tag_needs_no_list() -> None:
    assert read_scope({"tags": "a", "metadata": {"tags": ""}}, {}) == Scope(tags=("a",))


def test_a_request_may_narrow_a_region_and_not_leave_it() -> None:
    assert read_scope({"allowed_model_region": "us"}, {}) == Scope(regions=("us",))
    assert read_scope({"allowed_model_region": "eu-west-1"}, {}, regions=["eu"]) == Scope(regions=("eu", "eu-west-1"))
    assert read_scope({"allowed_model_region": "eu"}, {}, regions=["eu"], team="t") == Scope(regions=("eu",), team="t")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"tags": [1]}, "tags"),
        ({"metadata": {"tags": {}}}, "tags"),
        ({"tags": [str(n) for n in range(MOST_TAGS + 1)]}, "tags"),
        ({"allowed_model_region": ""}, "allowed_model_region"),
        ({"allowed_model_region": ["eu"]}, "allowed_model_region"),
    ],
)
def test_scopes_that_are_not_usable(body: Mapping[str, object], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_scope(body, {})
    assert caught.value.param == param
