"""Requests that come many at a time, in a file or in one body, on their way: one that is refused refuses all.

Nobody would look for its answer among the others'.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

import msgspec

from tianji._core.upstreams.spool import Extent, Spool
from tianji.dialects.rows import ROWS
from tianji.errors import ClientGone, InvalidRequest, TianjiError
from tianji.gateway.translation.request_lines import MEMBERS, Content, in_lines

BESIDE: Final = 16  # requests that are judged at a time
_OPERATIONS: Final = {path: row.operation for row in ROWS for path in row.paths if "{" not in path}
_LONGEST_NAME: Final = 64  # characters of a client's own name for a request, in an error
Judge = Callable[[str, str, bytes], Awaitable[bytes]]
"""From operation, model and body of a request to its body as it goes on. Raises what it is refused with."""
Item = TypeVar("Item")
Made = TypeVar("Made")


async def file(content: Content, judge: Judge, gone: Callable[[], bool]) -> Extent:
    """Return a file of requests as it goes on. `gone`: whether nobody waits any more.

    Raises InvalidRequest for a line that nobody can read, what a line is refused with, both say which, and ClientGone.
    """
    spool, number = Spool(), 0
    async for lines in in_lines(content):
        first, number = number + 1, number + len(lines)
        numbered = [(at, line) for at, (line, _) in enumerate(lines, first)]
        judged = await several(numbered, lambda one: _line(*one, judge), gone)
        spool.write(b"".join(line + end for line, (_, end) in zip(judged, lines, strict=True)))
    return Extent(spool, 0, spool.size)


async def several(
    items: Sequence[Item], judge: Callable[[Item], Awaitable[Made]], gone: Callable[[], bool]
) -> list[Made]:
    """Return what becomes of all, some at a time.

    Raises what the first is refused with that is refused, and ClientGone where nobody waits any more.
    """
    found: list[Made] = []
    for at in range(0, len(items), BESIDE):
        if gone():
            raise ClientGone("the client has gone before all of its requests were judged")
        ends = await asyncio.gather(*map(judge, items[at : at + BESIDE]), return_exceptions=True)
        for end in ends:
            if isinstance(end, BaseException):
                raise end
            found.append(end)
    return found


async def _line(number: int, line: bytes, judge: Judge) -> bytes:
    """Return a line as it goes on: what was not judged, as a member that stands twice, does not."""
    if not line.strip():
        return line
    place = f"line {number}"
    try:
        members = MEMBERS.decode(line)
        body, address = bytes(members["body"]), msgspec.json.decode(members.get("url", b'""'))
        model = MEMBERS.decode(body).get("model")
        named = "" if model is None else msgspec.json.decode(model, type=str)
    except (msgspec.DecodeError, KeyError, RecursionError, UnicodeDecodeError):
        said = f"{place}: the guardrails of this gateway cannot read it: a request with a `body` is expected"
        raise InvalidRequest(said, param="file") from None
    operation = _OPERATIONS.get(address, "") if isinstance(address, str) else ""
    try:
        body = await judge(operation, named, body)
    except TianjiError as error:
        raise located(error, place, members) from None
    return msgspec.json.encode(members | {"body": msgspec.Raw(body)})


def located(error: TianjiError, place: str, members: dict[str, msgspec.Raw]) -> TianjiError:
    """Return an error that says which request is refused, and by whom."""
    with contextlib.suppress(KeyError, msgspec.DecodeError):
        place += f" {msgspec.json.decode(members['custom_id'], type=str)[:_LONGEST_NAME]!r}"
    guardrail = getattr(error, "guardrail", "")
    by = f" is refused by the guardrail {guardrail}" if guardrail else ""
    error.message = f"{place}{by}: {error.message}"
    return error
