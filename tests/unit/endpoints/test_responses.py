"""Whose a stored response is, and how its items are listed."""

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from tianji.auth.identity import MASTER, Identity, Role
from tianji.endpoints.keeping import may_see
from tianji.endpoints.responses import listed, named
from tianji.errors import InvalidRequest, MalformedJSON

ITEMS = msgspec.json.decode(
    named(
        b'[{"role": "user", "content": "a"}, { "type":"reasoning", "id": "rs_1"}, {"role":"assistant","content": "b"}]',
        "resp_x",
    )
)


def caller(key: str, user: str | None = None, team: str | None = None) -> Identity:
    return Identity(role=Role.INTERNAL_USER, user_id=user, key=key, team_id=team)


def kept(key: str, user: str | None = None, team: str | None = None) -> Any:
    return SimpleNamespace(key=key, user_id=user, team_id=team)


@pytest.mark.parametrize(
    ("who", "whose", "may"),
    [
        (MASTER, kept("k", "u", "t"), True),
        (caller("k"), kept("k"), True),
        (caller("other"), kept("k"), False),
        (caller("other", "u"), kept("k", "u"), True),
        (caller("k", "v"), kept("k", "u"), False),
        (caller("other", "v", "t"), kept("k", "u", "t"), True),
        (caller("k", "u", "s"), kept("k", "u", "t"), False),
        (caller("k", "u"), kept("k", "u", "t"), False),
        (caller("k", "u", "t"), kept("k", "u"), False),
    ],
)
def test_whose_a_response_is(who: Identity, whose: Any, may: bool) -> None:
    assert may_see(who, whose) is may


def test_items_are_listed_the_latest_first() -> None:
    found = listed(ITEMS, {})
    assert [item["id"] for item in found["data"]] == ["msg_xi02", "rs_1", "msg_xi00"]
    assert found["data"][0]["content"] == [{"type": "output_text", "text": "b"}]
    assert found["data"][2]["content"] == [{"type": "input_text", "text": "a"}]
    assert (found["first_id"], found["last_id"], found["has_more"]) == ("msg_xi02", "msg_xi00", False)


@pytest.mark.parametrize(
    ("sent", "items"),
    [
        (
            b'"hi"',
            [{"id": "msg_xi00", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}],
        ),
        (b'""', []),
        (b"null", []),
        (b"[]", []),
        (b'[ { } , {"id":null}]', [{"id": "msg_xi00"}, {"id": None}]),
        (b'[{"a":"\\u00e9 \xc3\xa9","n":1.50}]', [{"id": "msg_xi00", "a": "é é", "n": 1.5}]),
    ],
)
def test_items_are_named(sent: bytes, items: list[Any]) -> None:
    assert msgspec.json.decode(named(sent, "resp_x")) == items


def test_what_are_no_items_is_refused() -> None:
    with pytest.raises(MalformedJSON):
        named(b"[1]", "resp_x")


def test_pages() -> None:
    first = listed(ITEMS, {"order": "asc", "limit": "2"})
    assert ([item["id"] for item in first["data"]], first["has_more"]) == (["msg_xi00", "rs_1"], True)
    second = listed(ITEMS, {"order": "asc", "limit": "2", "after": "rs_1"})
    assert ([item["id"] for item in second["data"]], second["has_more"]) == (["msg_xi02"], False)
    assert listed([], {})["first_id"] is None


@pytest.mark.parametrize(
    "query", [{"order": "up"}, {"limit": "0"}, {"limit": "x"}, {"limit": "101"}, {"after": "nobody"}]
)
def test_questions_that_make_no_sense(query: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        listed(ITEMS, query)
    assert caught.value.param in query
