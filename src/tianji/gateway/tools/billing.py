"""What calls of tools cost: held against the limits of whoever calls, and written into the ledger, a row a call."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from msgspec import Struct

from tianji._core.edges.exchange import Exchange
from tianji.auth.identity import Identity
from tianji.auth.limits import Limits
from tianji.gateway.admission.admissions import Admissions
from tianji.gateway.bookkeeping import whose
from tianji.gateway.tools.books import Books, new_name, now
from tianji.ledger.credentials import without_secrets
from tianji.ledger.entry import FAILURE, SUCCESS, Entry
from tianji.limiting.rows import Holder
from tianji.mcp.server import Server

CALL_TYPE: Final = "call_mcp_tool"
PROVIDER: Final = "mcp"
ATTO: Final = 1_000_000_000  # of a nano-dollar
SESSION: Final = b"mcp-session-id"


class Called(Struct, frozen=True):
    """One call of a tool."""

    server: Server
    tool: str
    arguments: dict[str, Any]

    @property
    def namespaced(self) -> str:
        """As the ledger names it: the server, and its tool."""
        return f"{self.server.name}/{self.tool}"

    def about(self, exchange: Exchange) -> dict[str, Any]:
        """Return what callbacks are told of it beside what was said, by the names of LiteLLM's proxy."""
        info = self.server.entry.mcp_info
        costs = info.mcp_server_cost_info
        session = exchange.header(SESSION)
        return {
            "name": self.tool,
            "mcp_server_name": self.server.shown_name,
            "mcp_server_logo_url": info.logo_url,
            "namespaced_tool_name": self.namespaced,
            "mcp_server_cost_info": {
                "default_cost_per_query": costs.default_cost_per_query,
                "tool_name_to_cost_per_query": dict(costs.tool_name_to_cost_per_query),
            },
            "mcp_session_id": None if session is None else session.decode("latin-1"),
            "mcp_auth_mode": self.server.scheme,
            "mcp_server_resource": self.server.origin or None,
        }


class Bill(Struct):
    """What a call costs. `answered`: whether it is to be paid for; began: microseconds since 1970.

    arguments: what the server is sent; result: what the client gets, None where that is an error
    guardrails: what the ledger has of those that judged it
    """

    nano: int
    began: int
    arguments: dict[str, Any]
    result: dict[str, Any] | None = None
    answered: bool = False
    guardrails: bytes = b""


class Billing:
    """See the module."""

    def __init__(self, admissions: Admissions, books: Books) -> None:
        self._admissions = admissions
        self._books = books

    @asynccontextmanager
    async def paid(self, exchange: Exchange, caller: Identity, called: Called) -> AsyncIterator[Bill]:
        """Let a call in, and have it paid for once it has an answer, whatever becomes of that.

        Raises RateLimited and BudgetExceeded.
        """
        group, price = f"mcp/{called.server.name}", called.server.price(called.tool)
        hold = await self._admissions.hold(caller, group, 1, 0, price, tuple(_holders(caller, called.server, group)))
        bill, failure = Bill(price, now(), called.arguments), None
        try:
            yield bill
        except (Exception, asyncio.CancelledError) as error:
            failure = error
            raise
        finally:
            if bill.answered:
                hold.settle(bill.nano)
            else:
                hold.release()
            self._book(exchange, caller, called, bill, failure)

    def _book(
        self, exchange: Exchange, caller: Identity, called: Called, bill: Bill, error: BaseException | None
    ) -> None:
        keep = self._books.keep
        if keep is None:
            return
        nano = bill.nano if bill.answered else 0
        result = bill.result if error is None else None
        arguments = without_secrets(bill.arguments)
        party, payload = self._books.said(exchange, arguments, called.about(exchange), result)
        keep(
            Entry(
                request_id=f"{new_name()}-tool",
                call_id=exchange.call_id or new_name(),
                started_at=bill.began,
                ended_at=now(),
                status=SUCCESS if error is None else FAILURE,
                call_type=CALL_TYPE,
                model_group=called.namespaced,
                model=f"MCP: {called.tool}",
                provider=PROVIDER,
                api_base=called.server.origin,
                **whose(exchange, caller, party),
                cost=nano,
                items=(("calls", 1, nano * ATTO),) if nano else (),
                guardrails=bill.guardrails,
                error_code=None if error is None else str(getattr(error, "status", getattr(error, "code", 500))),
                error_class=None if error is None else type(error).__name__,
                error_message=None if error is None else self._books.confided(exchange, arguments, error)[:2000],
                payload=payload,
                place=self._books.place(exchange),
            )
        )


def _holders(caller: Identity, server: Server, group: str) -> list[Holder]:
    """Return who limits the calls of a server beside those above the caller: the server, his key and his team."""
    found = [Holder("model", group, Limits(rpm_limit=server.rpm))] if server.rpm else []
    for kind, name, metadata in (
        ("key", caller.key, caller.metadata),
        ("team", caller.team_id, caller.team_metadata),
    ):
        rates = metadata.get("mcp_rpm_limit")
        figures = [rates[form] for form in server.names if form in rates] if isinstance(rates, dict) else []
        if name and figures and isinstance(figures[0], int):
            whose = f"{kind}/{name}/{server.id}"  # a row of its own: that of the key counts all its requests
            found.append(Holder("model", whose, Limits(rpm_limit=figures[0])))
    return found
