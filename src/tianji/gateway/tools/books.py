"""What the ledger, and callbacks by it, get to know of tools: each call, and where traces are told the request itself.

A request is a span with the client's above it; below it are its calls of tools, and the servers that it had list
something (https://opentelemetry.io/docs/specs/semconv/gen-ai/mcp/). One by which a model is asked in turns has the
questions below it, too.
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct, field

from tianji._core.edges.exchange import Exchange
from tianji._core.requests.tracing import Trace, Tracing
from tianji.auth.identity import ANYONE, Identity
from tianji.errors import Header, TianjiError
from tianji.gateway.admission.parties import beside
from tianji.gateway.bookkeeping import Bookkeeping, Party, whose
from tianji.ids import CallIds
from tianji.ledger.entry import FAILURE, SUCCESS, Entry, Payload, Place

LISTED: Final = "mcp_lists"
"""The member of `litellm_metadata` that says which servers listed something."""
NOTED: Final = "mcp_tool_call_metadata"
LONGEST_PATH: Final = 256  # characters
TRACEPARENT: Final = b"traceparent"
new_name: Final = CallIds().new


class Course(Struct):
    """A request that is under way. trace: where it belongs; calls: so many of its calls have places there already.

    lists: what servers were asked for, as callbacks are told of it
    """

    trace: Trace
    began: int
    calls: int = 0
    lists: list[dict[str, Any]] = field(default_factory=list)


class Books:
    """Those of one configuration. `keep`: takes entries for the ledger; None: there is none.

    tracing: what is done about traces; None: nothing
    """

    def __init__(self, books: Bookkeeping, keep: Callable[[Entry], None] | None, tracing: Tracing | None) -> None:
        self.keep = keep
        self._books = books
        self._tracing = tracing if tracing is not None and tracing.records and keep is not None else None
        self._under_way: dict[Exchange, Course] = {}

    @contextlib.contextmanager
    def request(self, exchange: Exchange, call_type: str) -> Iterator[None]:
        """Tell of a request once it is answered, where traces are told. call_type: empty, and nobody hears of it."""
        trace = None if self._tracing is None or not call_type else self._tracing.begin(exchange.headers)
        if trace is None:
            yield
            return
        course = self._under_way[exchange] = Course(trace, now())
        status = 0
        try:
            yield
        except TianjiError as error:
            status = error.status
            raise
        finally:
            del self._under_way[exchange]
            self._tell(exchange, call_type, course, status or exchange.status or 500)

    def carried(self, exchange: Exchange) -> list[Header]:
        """Return the client's headers as a question below its request has them."""
        course = self._under_way.get(exchange)
        if course is None:
            return exchange.headers
        first = place_of(course, 0)
        own = (
            TRACEPARENT,
            b"00-%b-%b-%02x" % (first.trace_id.hex().encode(), first.parent_id.hex().encode(), first.flags),
        )
        return [own, *(pair for pair in exchange.headers if pair[0] != TRACEPARENT)]

    def place(self, exchange: Exchange) -> Place | None:
        """Return where the next call of a tool belongs; None where nobody is told of traces."""
        course = self._under_way.get(exchange)
        if course is None:
            return None
        course.calls += 1
        return place_of(course, course.calls - 1)

    def listed(self, exchange: Exchange, server: str, method: str, began: int, failure: str | None) -> None:
        """Note that a server was asked for a list. began: microseconds since 1970."""
        course = self._under_way.get(exchange)
        if course is not None:
            course.lists.append(
                {"server": server, "method": method, "began": began, "ended": now(), "failure": failure}
            )

    def said(
        self, exchange: Exchange, arguments: Mapping[str, Any], about: Mapping[str, Any], result: Any
    ) -> tuple[Party, Payload | None]:
        """Return whom a call of a tool is for, and what is kept of it. result: None for one that failed."""
        request = msgspec.json.encode({"input": arguments, "litellm_metadata": {NOTED: about}})
        return self._books.beside(exchange, request, b"" if result is None else msgspec.json.encode(result))

    def confided(self, exchange: Exchange, arguments: Mapping[str, Any], error: BaseException) -> str:
        """Return what an error says of a call, as whoever is told of it may hear it."""
        return self._books.confided(beside(exchange), str(getattr(error, "message", "")), arguments)

    def _tell(self, exchange: Exchange, call_type: str, course: Course, status: int) -> None:
        if self.keep is None:
            return
        caller = exchange.identity if isinstance(exchange.identity, Identity) else ANYONE
        party, payload = self._books.beside(exchange, b"{}", b"")
        if course.lists:
            noted = msgspec.json.encode({"litellm_metadata": {LISTED: {"asked": course.lists}}})
            payload = msgspec.structs.replace(payload or Payload(), request=noted)
        first, path = place_of(course, 0), exchange.path[:LONGEST_PATH]
        own = first.parent_id, first.caller_id, first.caller_id
        call_id = exchange.call_id or new_name()
        self.keep(
            Entry(
                request_id=f"{call_id}-request",
                call_id=call_id,
                started_at=course.began,
                ended_at=now(),
                status=SUCCESS if status < 300 else FAILURE,
                call_type=call_type,
                error_code=None if status < 300 else str(status),
                payload=payload,
                place=Place(first.trace_id, *own, first.flags, status, exchange.method, path),
                **whose(exchange, caller, party),
            )
        )


def place_of(course: Course, number: int) -> Place:
    """Return where one of a request's calls belongs."""
    told: Any = course.trace.told(number)
    return Place(*told)


def now() -> int:
    """Return the microseconds since 1970."""
    return time.time_ns() // 1000
