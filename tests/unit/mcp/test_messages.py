"""JSON-RPC: what is a message, and what is said of what is none."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tianji.mcp.messages import Message, RpcError, answer, read, refusal, request, result_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
MEMBERS = st.dictionaries(st.sampled_from(["jsonrpc", "id", "method", "params", "result", "error"]), JSON)


@given(st.binary(max_size=200) | MEMBERS.map(lambda value: json.dumps({"jsonrpc": "2.0"} | value).encode()))
@example(b"[" * 100_000)
@example(b'{"jsonrpc": "2.0", "id": true, "method": "x"}')
def test_whatever_comes_is_a_message_or_an_error(body: bytes) -> None:
    with contextlib.suppress(RpcError):
        found = read(body)
        assert isinstance(found.params, dict)
        assert found.id is None or (isinstance(found.id, str | int) and not isinstance(found.id, bool))


@given(st.text() | st.integers(-(2**53), 2**53), st.text(min_size=1), st.dictionaries(st.text(max_size=8), JSON))
def test_a_request_is_read_as_it_was_written(name: str | int, method: str, params: dict[str, Any]) -> None:
    assert read(json.dumps(request(name, method, params)).encode()) == Message(method, name, params)


def test_what_is_no_request() -> None:
    assert read(b'{"jsonrpc":"2.0","method":"n"}') == Message("n", None, {})
    assert read(b'{"jsonrpc":"2.0","id":1,"result":{}}').method == ""
    for body, code in ((b"{", -32700), (b"[]", -32600), (b"{}", -32600), (b'{"jsonrpc":"2.0"}', -32600)):
        with pytest.raises(RpcError) as caught:
            read(body)
        assert caught.value.code == code
    with pytest.raises(RpcError, match="params is no object"):
        read(b'{"jsonrpc":"2.0","method":"m","params":[1]}')


@given(JSON)
def test_an_answer_is_a_result_or_an_error(value: object) -> None:
    for message in (value, {"result": value}, {"error": value}, {"error": {"code": value, "message": value}}):
        with contextlib.suppress(RpcError, ValueError):
            assert isinstance(result_of(message), dict)


def test_answers() -> None:
    assert answer(1, {}) == {"jsonrpc": "2.0", "id": 1, "result": {}}
    assert refusal("a", RpcError(-1, "no", {"x": 1}))["error"] == {"code": -1, "message": "no", "data": {"x": 1}}
    assert result_of(answer(1, {"a": 2})) == {"a": 2}
    with pytest.raises(RpcError, match="no"):
        result_of(refusal(1, RpcError(-1, "no")))
