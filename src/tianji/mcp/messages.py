"""JSON-RPC 2.0 as the Model Context Protocol has it: one message at a time.

https://modelcontextprotocol.io/specification/2025-11-25/basic and https://www.jsonrpc.org/specification
"""

from typing import Any, Final

import msgspec
from msgspec import Struct

VERSIONS: Final = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
"""Revisions of the protocol that begin with a handshake, the oldest first."""
LATEST: Final = VERSIONS[-1]
PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603
REFUSED: Final = -32000
"""What a gateway refuses, or could not have done; `data` says more. The protocol leaves -32000 to -32019 to servers."""
RESOURCE_NOT_FOUND: Final = -32002
UNSUPPORTED_VERSION: Final = -32022
Id = str | int


class RpcError(Exception):
    """An error as JSON-RPC has it."""

    def __init__(self, code: int, message: str, data: object = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data

    def wire(self) -> dict[str, Any]:
        """Return the member `error`."""
        said: dict[str, Any] = {"code": self.code, "message": self.message}
        return said if self.data is None else {**said, "data": self.data}


class Message(Struct, frozen=True):
    """What a client sent. `id`: None for a notification; method: empty for an answer, which nobody asked for."""

    method: str
    id: Id | None
    params: dict[str, Any]


def read(body: bytes) -> Message:
    """Read one message. Raises RpcError for what is none."""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise RpcError(PARSE_ERROR, "the body is not JSON") from error
    if isinstance(found, list):
        raise RpcError(INVALID_REQUEST, "the body is a list: send each message by itself")
    if not isinstance(found, dict) or found.get("jsonrpc") != "2.0":
        raise RpcError(INVALID_REQUEST, 'the body is no message of JSON-RPC: an object with "jsonrpc": "2.0"')
    method, params, name = found.get("method", ""), found.get("params"), found.get("id")
    if not isinstance(method, str) or not (method or "result" in found or "error" in found):
        raise RpcError(INVALID_REQUEST, "the message names no method")
    if params is not None and not isinstance(params, dict):
        raise RpcError(INVALID_PARAMS, "params is no object")
    if name is not None and (isinstance(name, bool) or not isinstance(name, str | int)):
        raise RpcError(INVALID_REQUEST, "the id of a message is text or a whole number")
    return Message(method, name, params or {})


def request(name: Id, method: str, params: dict[str, Any]) -> dict[str, Any]:
    """Return a request."""
    return {"jsonrpc": "2.0", "id": name, "method": method, "params": params}


def notification(method: str) -> dict[str, Any]:
    """Return a notification."""
    return {"jsonrpc": "2.0", "method": method}


def answer(name: Id | None, result: object) -> dict[str, Any]:
    """Return a good answer."""
    return {"jsonrpc": "2.0", "id": name, "result": result}


def refusal(name: Id | None, error: RpcError) -> dict[str, Any]:
    """Return an answer that is an error."""
    return {"jsonrpc": "2.0", "id": name, "error": error.wire()}


def result_of(message: Any) -> dict[str, Any]:
    """Return what an answer says. Raises RpcError for an error, and ValueError for what is no answer."""
    if not isinstance(message, dict):
        raise ValueError("an answer is an object")
    error = message.get("error")
    if isinstance(error, dict):
        code = error.get("code")
        known = code if isinstance(code, int) and not isinstance(code, bool) else INTERNAL_ERROR
        raise RpcError(known, str(error.get("message") or "it failed"), error.get("data"))
    found = message.get("result")
    if not isinstance(found, dict):
        raise ValueError("an answer has a result, which is an object")
    return found
