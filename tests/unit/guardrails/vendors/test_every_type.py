"""What holds of every type that asks a vendor, whichever it is."""

import contextlib
import copy
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.guardrails.vendors.driver import (
    ANSWER,
    KEY,
    OCCASION,
    REQUEST,
    answer,
    checking,
    driven,
    modules,
    named,
)
from tests.unit.guardrails.vendors.refusals import REFUSALS, Refusal

from tianji.config.schema.sections import GuardrailEntry
from tianji.guardrails.building import build, strange_keys
from tianji.guardrails.content import Content
from tianji.guardrails.entries import read
from tianji.guardrails.vendor import Call, Hook, Preset, Question, Reply, Surroundings
from tianji.guardrails.verdict import Answer, Block, Unavailable, Verdict

TYPES = [found.TYPE for found in modules()]
NAMES = [row.names[0] for row in TYPES]
COMMON = {
    "timeout",
    "on_flagged",
    "on_flagged_action",
    "monitor_mode",
    "fail_open",
    "fail_on_error",
    "fallback_on_error",
    "block_failures",
    "block_on_error",
}
"""Keys that every type has, so that a type may name variables or other spellings of them."""


def content_of(name: str) -> Content:
    """Return a content that a type judges, an answer where it judges both."""
    return ANSWER if Hook.POST_CALL in named(name).hooks else REQUEST


def said(name: str, refusal: Refusal, reply: Callable[[Call | Question], Reply]) -> Verdict:
    """Return what a type says of such a content when all that it asks is replied to like this."""
    return driven(checking(named(name), refusal.entry)(content_of(name), OCCASION), reply)


def test_each_type_has_an_example_of_a_refusal() -> None:
    assert sorted(NAMES) == sorted(REFUSALS)


def test_no_two_types_have_a_name_in_common() -> None:
    presets: list[Preset] = [preset for found in modules() for preset in getattr(found, "PRESETS", ())]
    names = [name for row in TYPES for name in row.names] + [preset.name for preset in presets]

    assert [name for name, times in Counter(names).items() if times > 1] == []
    assert all(preset.base in names for preset in presets)


@pytest.mark.parametrize("row", TYPES, ids=NAMES)
def test_a_type_speaks_only_of_keys_that_there_are(row: Any) -> None:
    keys = set(row.params.__struct_fields__)

    assert keys | COMMON >= set(row.params.aliases.values())
    assert keys | COMMON >= set(row.params.environment)
    assert keys | row.params.aliases.keys() >= row.params.secrets - {"api_key"}
    assert row.hooks >= row.legacy | row.masks


@pytest.mark.parametrize(("name", "refusal"), REFUSALS.items(), ids=REFUSALS)
def test_an_entry_becomes_a_guardrail_that_shows_no_key(name: str, refusal: Refusal) -> None:
    entry = read(GuardrailEntry(guardrail_name="g", litellm_params={"guardrail": name, **refusal.entry}))
    guardrail = build(entry, Surroundings(Path()), {})

    assert guardrail.check is not None
    assert list(strange_keys(entry)) == []
    assert KEY not in str(guardrail.shown)


@pytest.mark.parametrize(("name", "refusal"), REFUSALS.items(), ids=REFUSALS)
def test_what_the_vendor_refuses_is_refused(name: str, refusal: Refusal) -> None:
    made: list[Call | Question] = []

    def reply(call: Call | Question) -> Reply:
        made.append(call)
        return refusal.reply()

    verdict = said(name, refusal, reply)

    assert isinstance(verdict, Block | Answer) is refusal.refuses
    assert isinstance(json.dumps(msgspec.to_builtins(verdict)), str)
    assert made
    assert all(KEY not in repr(call) for call in made)
    calls = [call for call in made if isinstance(call, Call)]
    assert all(call.headers.keys() == {key.lower() for key in call.headers} for call in calls)


BODIES = {
    "empty": b"",
    "page": b"<html>",
    "null": b"null",
    "number": b"7",
    "bare": b"{}",
    "cut": b"{",
    "deep": b"[" * 100_000,
}


@pytest.mark.parametrize(("name", "refusal"), REFUSALS.items(), ids=REFUSALS)
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_reply_that_nobody_understands_is_no_verdict(name: str, refusal: Refusal, body: bytes) -> None:
    with pytest.raises(Unavailable) as raised:
        said(name, refusal, lambda _call: Reply(200, body))

    assert not raised.value.permanent


@pytest.mark.parametrize(("name", "refusal"), REFUSALS.items(), ids=REFUSALS)
@pytest.mark.parametrize(("status", "permanent"), [(401, True), (403, True), (429, False), (500, False), (503, False)])
def test_a_wrong_key_is_told_from_a_vendor_that_is_away(
    name: str, refusal: Refusal, status: int, permanent: bool
) -> None:
    with pytest.raises(Unavailable) as raised:
        said(name, refusal, lambda _call: Reply(status, refusal.reply().body))

    assert raised.value.permanent is permanent


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def places(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the way to everything that a document holds."""
    if isinstance(document, dict):
        inner = list(document.items())
    else:
        inner = list(enumerate(document)) if isinstance(document, list) else []
    return [path, *(place for key, value in inner for place in places(value, (*path, key)))]


def with_other(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Return a document that holds another value at one place."""
    if not path:
        return value
    changed = copy.deepcopy(document)
    holder = changed
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    return changed


@pytest.mark.parametrize(("name", "refusal"), REFUSALS.items(), ids=REFUSALS)
@settings(max_examples=20)
@given(data=st.data())
def test_no_answer_is_an_accident(name: str, refusal: Refusal, data: st.DataObject) -> None:
    """Answers like the vendor's with one thing in them replaced by anything are judged, or are no verdict."""

    def reply(_call: object) -> Reply:
        right = json.loads(refusal.reply().body)
        wrong = with_other(right, data.draw(st.sampled_from(places(right))), data.draw(ANY_JSON))
        return answer(wrong)

    with contextlib.suppress(Unavailable):
        said(name, refusal, reply)
