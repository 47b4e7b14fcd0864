"""Operations as RFC 7644 section 3.5.2 has them, and as identity providers write them."""

import contextlib
import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.errors import Unacceptable
from tianji.scim.filters import Condition, parse
from tianji.scim.patching import ENTERPRISE, Operation, patched, place

ANN: dict[str, Any] = {
    "id": "ann",
    "userName": "ann",
    "active": True,
    "name": {"givenName": "Ann"},
    "emails": [{"value": "ann@example.com", "type": "work", "primary": True}],
    "members": [{"value": "a"}, {"value": "b"}],
}
CASES: list[tuple[str, list[tuple[Any, ...]], dict[str, Any]]] = [
    ("replace a text", [("replace", "displayName", "A")], {"displayName": "A"}),
    ("names and operations in any case", [("Replace", "DISPLAYNAME", "A")], {"displayName": "A"}),
    (
        "with the schema before it",
        [("add", "urn:ietf:params:scim:schemas:core:2.0:User:active", False)],
        {"active": False},
    ),
    (
        "without a path",
        [("replace", None, {"active": False, "displayName": "A"})],
        {"active": False, "displayName": "A"},
    ),
    (
        "a path as a name",
        [("replace", None, {"name.familyName": "B"})],
        {"name": {"givenName": "Ann", "familyName": "B"}},
    ),
    ("a sub-attribute", [("replace", "name.givenName", "Anna")], {"name": {"givenName": "Anna"}}),
    ("take a sub-attribute away", [("remove", "name.givenName")], {"name": {}}),
    ("add to an object", [("add", "name", {"familyName": "B"})], {"name": {"givenName": "Ann", "familyName": "B"}}),
    ("replace an object", [("replace", "name", {"familyName": "B"})], {"name": {"familyName": "B"}}),
    (
        "a value that a filter means",
        [("replace", 'emails[type eq "work"].value', "a@b.c")],
        {"emails": [{"value": "a@b.c", "type": "work", "primary": True}]},
    ),
    (
        "a value that is not there yet",
        [("add", 'emails[type eq "home"].value', "a@b.c")],
        {"emails": [*ANN["emails"], {"type": "home", "value": "a@b.c"}]},
    ),
    (
        "members once each",
        [("add", "members", [{"value": "b"}, {"value": "c"}])],
        {"members": [*ANN["members"], {"value": "c"}]},
    ),
    ("one member without a list", [("add", "members", {"value": "c"})], {"members": [*ANN["members"], {"value": "c"}]}),
    ("replace all members", [("replace", "members", [{"value": "c"}])], {"members": [{"value": "c"}]}),
    ("take a member away", [("remove", 'members[value eq "a"]')], {"members": [{"value": "b"}]}),
    ("take members away by a list", [("remove", "members", [{"value": "a"}])], {"members": [{"value": "b"}]}),
    ("take all away", [("remove", "members")], {"members": []}),
    ("an extension", [("add", f"{ENTERPRISE}:department", "X")], {ENTERPRISE: {"department": "X"}}),
    ("an extension as a whole", [("add", ENTERPRISE, {"division": "Y"})], {ENTERPRISE: {"division": "Y"}}),
    ("one after another", [("add", "displayName", "A"), ("remove", "displayName")], {}),
]


def operations(rows: list[tuple[Any, ...]]) -> list[Operation]:
    return [Operation(*row) for row in rows]


@pytest.mark.parametrize(("rows", "changed"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_operations_make_of_a_resource(rows: list[tuple[Any, ...]], changed: dict[str, Any]) -> None:
    before = copy.deepcopy(ANN)
    assert patched(ANN, operations(rows)) == {**ANN, **changed}
    assert before == ANN


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (("move", "active", True), "invalidSyntax"),
        (("remove", None, None), "noTarget"),
        (("add", None, "x"), "invalidValue"),
        (("replace", "id", "x"), "mutability"),
        (("replace", "meta.location", "x"), "mutability"),
        (("replace", "a b", "x"), "invalidPath"),
        (("replace", "members[value eq", "x"), "invalidPath"),
        (("replace", "members[value gt 1]", "x"), "invalidFilter"),
        (("replace", 'displayName[value eq "x"]', "x"), "invalidPath"),
    ],
)
def test_what_cannot_be_done_is_said_in_scims_words(row: tuple[Any, ...], code: str) -> None:
    with pytest.raises(Unacceptable) as caught:
        patched(ANN, operations([row]))
    assert caught.value.code == code


NAMES = ("members", "emails", "displayName", "name", "name.givenName", 'members[value eq "a"]', "active", "x")
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.text(max_size=3),
    st.lists(st.fixed_dictionaries({"value": st.text(max_size=2)}), max_size=3),
)
ROWS = st.lists(
    st.tuples(st.sampled_from(["add", "remove", "replace"]), st.sampled_from(NAMES), VALUES),
    max_size=6,
)


@given(ROWS)
def test_nothing_else_goes_wrong_and_who_is_in_is_not_added_again(rows: list[tuple[Any, ...]]) -> None:
    found = patched(ANN, operations(rows))
    assert found["id"] == "ann"
    again = patched(found, operations([("add", "members", found["members"])]))
    assert again["members"] == found["members"]


@given(st.text(max_size=40))
def test_any_text_is_a_path_or_refused(text: str) -> None:
    with contextlib.suppress(Unacceptable):
        assert place(text).name


@pytest.mark.parametrize(
    ("text", "conditions"),
    [
        ('userName eq "ann"', [("username", "ann")]),
        ('  USERNAME Eq "a\\"b"', [("username", 'a"b')]),
        ('urn:ietf:params:scim:schemas:core:2.0:User:userName eq "ann"', [("username", "ann")]),
        ('emails.value eq "a" and active eq true', [("emails.value", "a"), ("active", True)]),
        ('displayName eq "a and b eq c"', [("displayname", "a and b eq c")]),
    ],
)
def test_filters(text: str, conditions: list[tuple[str, Any]]) -> None:
    assert parse(text) == [Condition(*one) for one in conditions]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "userName",
        'userName ne "a"',
        'userName eq "a" or x eq "b"',
        "userName eq a",
        'userName eq "a',
        'x eq "a" and',
        'x eq "\\x"',
        'not (x eq "a")',
        'x eq "a"y eq "b"',
        f'x eq "{"a" * 5000}"',
    ],
)
def test_filters_that_are_not_spoken_are_refused_and_never_ignored(text: str) -> None:
    with pytest.raises(Unacceptable) as caught:
        parse(text)
    assert caught.value.code == "invalidFilter"
