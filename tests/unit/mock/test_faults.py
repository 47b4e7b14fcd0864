"""The vocabulary's sources, without a server."""

import pytest

from tianji.errors import InvalidRequest
from tianji.mock.faults import FIELDS, NONE, Faults, Rule, Rules, from_headers, from_model


@pytest.mark.parametrize(
    ("model", "faults"),
    [
        ("mock-status-429", Faults(status=429)),
        ("openai/mock-status-429", Faults(status=429)),
        ("mock-status-429-retry-after-2", Faults(status=429, retry_after="2")),
        ("mock-cut-500", Faults(cut_at=500)),
        ("mock-cut-at-500", Faults(cut_at=500)),
        ("mock-stall-3", Faults(stall_at=3)),
        ("mock-stall-3-stall-ms-20", Faults(stall_at=3, stall_ms=20)),
        ("mock-first-byte-250-token-rate-40", Faults(first_byte_ms=250, token_rate=40)),
        ("mock-close-1", Faults(close=True)),
        ("mock-no-done-1-tokens-3", Faults(no_done=True, tokens=3)),
        ("mock-gpt-4o", NONE),
        ("mock-status-429x", NONE),
        ("mock-status", NONE),
        ("mock-", NONE),
        ("mock", NONE),
        ("gpt-4o", NONE),
        ("status-429", NONE),
    ],
)
def test_from_model(model: str, faults: Faults) -> None:
    assert from_model(model) == faults


def test_from_model_refuses_bad_values() -> None:
    with pytest.raises(InvalidRequest, match="status"):
        from_model("mock-status-7")


def test_from_headers_reads_every_kind() -> None:
    given = {"status": b"500", "token-rate": b"1.5", "close": b"true", "headers": b'{"a":"b"}', "raw": rb"a\r\n\\n\x41"}
    headers = [(b"x-mock-" + name.encode(), value) for name, value in given.items()]
    found = from_headers([(b"host", b"x"), *headers])
    assert found == Faults(status=500, token_rate=1.5, close=True, headers={"a": "b"}, raw="a\r\n\\nA")


@pytest.mark.parametrize(("name", "value"), [(b"tokens", b"many"), (b"events", b"{"), (b"nothing", b"1")])
def test_from_headers_refuses(name: bytes, value: bytes) -> None:
    with pytest.raises(InvalidRequest, match=name.decode()):
        from_headers([(b"x-mock-" + name, value)])


def test_every_field_has_a_header_form() -> None:
    values = {"headers": b"{}", "events": b"[]", "raw": b"x", "call": b'{"name":"f"}'}
    for field in FIELDS:
        name = b"x-mock-" + field.replace("_", "-").encode()
        value = values.get(field, b"200" if field not in ("no_done", "reset", "gzip", "close", "close_after") else b"1")
        assert getattr(from_headers([(name, value)]), field) is not None


def test_over_merges_field_by_field() -> None:
    assert Faults(tokens=1).over(Faults(tokens=2, status=500)) == Faults(tokens=1, status=500)
    assert NONE.over(Faults(tokens=2)) == Faults(tokens=2)


def test_rules_are_used_up_in_order() -> None:
    rules = Rules()
    rules.add([Rule(Faults(status=500), times=1), Rule(Faults(status=429), times=2), Rule(Faults(status=418), times=0)])
    assert [rules.take("/x", "m", "").status for _ in range(4)] == [500, 429, 429, None]
    assert not rules.active


def test_rules_match_on_all_that_is_given() -> None:
    rules = Rules()
    rules.add([Rule(Faults(tokens=1), path="/completions", model="m", authorization="sk-1")])
    assert rules.take("/v1/chat/completions", "m", "Bearer sk-1").tokens == 1
    assert rules.take("/v1/chat/completions", "m", "sk-1").tokens == 1
    assert rules.take("/v1/chat/completions", "n", "sk-1") is NONE
    assert rules.take("/v1/embeddings", "m", "sk-1") is NONE
    assert rules.take("/v1/chat/completions", "m", "Bearer sk-2") is NONE


def test_adding_a_rule_leaves_the_callers_own_alone() -> None:
    mine = Rule(Faults(status=500), times=1)
    rules = Rules()
    rules.add([mine])
    rules.take("", "", "")
    assert mine.times == 1


def test_peek_uses_nothing_up() -> None:
    rules = Rules()
    rules.add([Rule(Faults(slow_read=5), times=1), Rule(Faults(tokens=1), model="m")])
    assert rules.peek("/x", "").slow_read == 5
    assert len(rules.active) == 2
