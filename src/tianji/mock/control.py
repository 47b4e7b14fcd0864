"""The endpoints that set faults and tell what the mock saw.

GET    /mock/control       the rules in force
POST   /mock/control       add a rule, or a list of them: {"faults": {...}, "path": .., "model": ..,
                               "authorization": .., "times": n}
DELETE /mock/control       forget the rules
GET    /mock/requests      the requests received, oldest first
DELETE /mock/requests      forget them
GET    /mock/connections   counts of open, in_progress, aborted, accepted, requests; the aborts with their times
GET    /mock/wait?aborted=1&timeout_ms=5000     the same, once every count named is reached; 408 if it is not
"""

from typing import Any
from urllib.parse import parse_qsl

import msgspec

from tianji.errors import InvalidRequest, MalformedJSON, RequestTimeout, RouteNotFound, TianjiError
from tianji.mock import routes
from tianji.mock.faults import Rule
from tianji.mock.http import Request
from tianji.mock.script import Answer, Script, compile_script
from tianji.mock.state import State

PREFIX = "/mock/"
DEFAULT_WAIT_MS = 5000


async def serve(state: State, request: Request) -> Script:
    """Answer one control request."""
    head = request.head
    try:
        answer = Answer(body=msgspec.json.encode(await _serve(state, request)))
    except TianjiError as error:
        answer = routes.error_answer(head.path, error.status, error.message)
    return compile_script(answer, keep_alive=head.keep_alive)


async def _serve(state: State, request: Request) -> Any:
    result: Any = []
    match request.head.method, request.head.path.removeprefix(PREFIX):
        case "GET", "control":
            result = state.rules.active
        case "POST", "control":
            state.rules.add(decode_rules(request.body))
            result = state.rules.active
        case "DELETE", "control":
            state.rules.clear()
        case "GET", "requests":
            result = state.recorder.list()
        case "DELETE", "requests":
            state.recorder.clear()
        case "GET", "connections":
            result = _connections(state)
        case "GET", "wait":
            result = await _wait(state, request.head.query)
        case _:
            raise _no_route(request)
    return result


def _no_route(request: Request) -> RouteNotFound:
    return RouteNotFound(f"The mock has no control route {request.head.method} {request.head.path}")


def decode_rules(body: bytes) -> list[Rule]:
    """Read one rule or a list of them. Raises InvalidRequest."""
    kind: Any = list[Rule] if body.lstrip().startswith(b"[") else Rule
    try:
        found = msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"The rule does not fit: {error}") from error
    except msgspec.DecodeError as error:
        raise MalformedJSON(f"The rule is not JSON: {error}") from error
    return found if isinstance(found, list) else [found]


def _connections(state: State) -> dict[str, Any]:
    return state.counts() | {"aborts": list(state.aborts)}


async def _wait(state: State, query: str) -> dict[str, Any]:
    try:
        wanted = {name: int(value) for name, value in parse_qsl(query, strict_parsing=True)}
        timeout_ms = wanted.pop("timeout_ms", DEFAULT_WAIT_MS)
        await state.wait(timeout_ms / 1000, **wanted)
    except TimeoutError as error:
        raise RequestTimeout(f"Not reached in {timeout_ms} ms; the counts are {state.counts()}") from error
    except (ValueError, KeyError) as error:
        raise InvalidRequest(f"Wait for one or more of {', '.join(state.counts())}, each a number") from error
    return _connections(state)
