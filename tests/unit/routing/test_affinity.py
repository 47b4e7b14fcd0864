"""Which requests are served by the same deployment."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji._core.routing.needs import Needs
from tianji.config.schema.router import RouterSettings
from tianji.routing.affinity import Affinity, affinity, affinity_of, cached_prefix, session_of

from .simulation import Make, World

A, B = b"a" * 32, b"b" * 32
NONE = b"[]"


def cached(text: str, *more: object) -> bytes:
    block = {"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}
    return json.dumps([{"role": "system", "content": [block]}, *more]).encode()


def kinds(*checks: str) -> Affinity:
    return affinity_of(RouterSettings(optional_pre_call_checks=checks), {})


def served(gateway: World, rules: Affinity, tenant: bytes, session: bytes | None, messages: bytes = NONE) -> str:
    number = rules.number("a", tenant, session=session, messages=messages)
    result = gateway.ask(needs=Needs(affinity=number))
    assert result.status == 200
    return str(result.calls[-1])


@pytest.fixture
def gateway(world: Make) -> World:
    return world("a:[a1,a2,a3,a4]")


def test_j1_a_caller_stays_where_it_is(gateway: World) -> None:
    rules = kinds("deployment_affinity")
    assert len({served(gateway, rules, A, None) for _ in range(10)}) == 1
    spread = Counter(served(gateway, rules, b"%d" % i, None) for i in range(80))
    assert set(spread) == {"a1", "a2", "a3", "a4"}
    assert rules.number("a", b"", session=None, messages=NONE) == 0, "nobody is known by no key"


def test_j2_and_j4_a_session_stays_where_it_is_for_each_tenant(gateway: World) -> None:
    rules = kinds("session_affinity")
    assert len({served(gateway, rules, A, b"s") for _ in range(10)}) == 1
    pairs = [(served(gateway, rules, A, b"%d" % i), served(gateway, rules, B, b"%d" % i)) for i in range(40)]
    assert len(set(pairs)) > 8, "independent of each other"
    assert rules.number("a", A, session=None, messages=NONE) == 0


def test_j3_while_its_deployment_rests_it_is_served_elsewhere(gateway: World) -> None:
    rules = kinds("session_affinity")
    usual = served(gateway, rules, A, b"s")
    health = gateway.table.health(usual)
    health.cool(gateway.now + 10)
    others = {served(gateway, rules, A, b"s") for _ in range(5)}
    assert len(others) == 1
    assert usual not in others
    gateway.now += 11
    assert served(gateway, rules, A, b"s") == usual


def test_j6_and_j7_a_long_cached_prompt_stays_where_it_is(gateway: World) -> None:
    rules = kinds("prompt_caching")
    long, short = cached("x" * 5000), cached("x" * 4000)
    turns = [cached("x" * 5000, {"role": "user", "content": turn}) for turn in ("one", "two")]
    assert len({served(gateway, rules, A, None, messages) for messages in [long, *turns] * 2}) == 1
    assert len({served(gateway, rules, A, None, short) for _ in range(40)}) == 4
    assert rules.number("a", A, session=b"s", messages=short) == 0
    assert rules.number("a", A, session=None, messages=long) != rules.number("a", B, session=None, messages=long)


def test_the_next_turn_of_a_conversation_belongs_with_the_last() -> None:
    turn = {"role": "user", "content": [{"type": "text", "text": "y" * 6000, "cache_control": {"type": "ephemeral"}}]}
    first, second = cached("x" * 5000), cached("x" * 5000, turn)
    assert cached_prefix(first, 4096) == cached_prefix(second, 4096)
    late = cached("short", turn)
    prefix = cached_prefix(late, 4096)
    assert prefix is not None
    assert prefix == late[: late.rindex(b'"cache_control"')]


@pytest.mark.parametrize(
    "text", ['"cache_control": {', '\\"cache_control\\": {', "cache_control", '", "cache_control": {"type"']
)
def test_text_that_speaks_of_caching_is_no_caching(text: str) -> None:
    assert cached_prefix(json.dumps([{"role": "user", "content": "x" * 5000 + text}]).encode(), 4096) is None


def test_precedence() -> None:
    rules = kinds("prompt_caching", "deployment_affinity", "session_affinity")
    long = cached("x" * 5000)
    assert rules.number("a", A, session=b"s", messages=long) == affinity("session", A, "a", b"s")
    assert rules.number("a", A, session=None, messages=long) == affinity("user", A, "a")
    prefix = cached_prefix(long, 4096)
    assert prefix is not None
    assert rules.number("a", b"", session=None, messages=long) == affinity("prompt", b"", "a", prefix)


def test_settings() -> None:
    router = RouterSettings(
        optional_pre_call_checks=("session_affinity", "router_budget_limiting"),
        model_group_affinity_config={"b": ("deployment_affinity", "prompt_caching"), "c": ()},
    )
    rules = affinity_of(router, {"MINIMUM_PROMPT_CACHE_TOKEN_COUNT": "2048"})
    assert [rules.of(group) for group in "abc"] == [("session",), ("user", "prompt"), ()]
    assert rules.minimum == 8192
    assert affinity_of(RouterSettings(), {"MINIMUM_PROMPT_CACHE_TOKEN_COUNT": "many"}) == Affinity()


@pytest.mark.parametrize(
    ("body", "headers", "session"),
    [
        ({"metadata": {"session_id": "m"}}, {b"x-tianji-session-id": b"h"}, b"m"),
        ({"metadata": {"session_id": 7}}, {}, b"7"),
        ({"metadata": {"session_id": ""}}, {b"x-litellm-session-id": b"h"}, b"h"),
        ({"metadata": {"session_id": ["x"]}}, {}, None),
        ({"metadata": "text"}, {b"x-litellm-trace-id": b"t"}, b"t"),
        ({}, {b"x-litellm-trace-id": b"t", b"x-litellm-session-id": b"h", b"x-tianji-session-id": b"own"}, b"own"),
        ({}, {b"x-litellm-session-id": b""}, None),
        ({}, {}, None),
    ],
)
def test_where_a_session_is_named(
    body: Mapping[str, Any], headers: Mapping[bytes, bytes], session: bytes | None
) -> None:
    assert session_of(body, headers) == session


@given(st.tuples(st.binary(max_size=3), st.text(max_size=3), st.binary(max_size=3)), st.data())
def test_no_two_keys_are_one(parts: tuple[bytes, str, bytes], data: st.DataObject) -> None:
    other = data.draw(st.tuples(st.binary(max_size=3), st.text(max_size=3), st.binary(max_size=3)))
    assert (affinity("session", *parts) == affinity("session", *other)) is (parts == other)
    assert affinity("user", *parts) != affinity("session", *parts)
