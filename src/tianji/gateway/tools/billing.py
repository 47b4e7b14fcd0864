"""What calls of tools cost: held against the limits of whoever calls, and written into the ledger, a row a call."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from msgspec import Struct

from tianji._core.exchange import Exchange
from tianji.auth.identity import Identity
from tianji.auth.limits import Limits
from tianji.gateway.admissions import Admissions
from tianji.ids import CallIds
from tianji.ledger.entry import FAILURE, SUCCESS, Entry
from tianji.limiting.rows import Holder
from tianji.mcp.server import Server

CALL_TYPE: Final = "call_mcp_tool"
PROVIDER: Final = "mcp"
ATTO: Final = 1_000_000_000  # of a nano-dollar
_new_name = CallIds().new


class Called(Struct, frozen=True):
    """One call of a tool."""

    server: Server
    tool: str
    arguments: dict[str, Any]

    @property
    def namespaced(self) -> str:
        """As the ledger names it: the server, and its tool."""
        return f"{self.server.name}/{self.tool}"


class Bill(Struct):
    """What a call costs. `answered`: whether it is to be paid for; began: microseconds since 1970.

    guardrails: what the ledger has of those that judged it
    """

    nano: int
    began: int
    answered: bool = False
    guardrails: bytes = b""


class Billing:
    """See the module. `keep`: takes entries for the ledger; None: there is none."""

    def __init__(self, admissions: Admissions, keep: Callable[[Entry], None] | None) -> None:
        self._admissions = admissions
        self._keep = keep

    @asynccontextmanager
    async def paid(self, exchange: Exchange, caller: Identity, called: Called) -> AsyncIterator[Bill]:
        """Let a call in, and have it paid for once it has an answer, whatever becomes of that.

        Raises RateLimited and BudgetExceeded.
        """
        group, price = f"mcp/{called.server.name}", called.server.price(called.tool)
        hold = await self._admissions.hold(caller, group, 1, 0, price, tuple(_holders(caller, called.server, group)))
        bill, failure = Bill(price, time.time_ns() // 1000), None
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
        if self._keep is None:
            return
        nano = bill.nano if bill.answered else 0
        call_id = exchange.call_id or _new_name()
        self._keep(
            Entry(
                request_id=f"{_new_name()}-tool",
                call_id=call_id,
                started_at=bill.began,
                ended_at=time.time_ns() // 1000,
                status=SUCCESS if error is None else FAILURE,
                call_type=CALL_TYPE,
                model_group=called.namespaced,
                model=f"MCP: {called.tool}",
                provider=PROVIDER,
                key=caller.key,
                key_alias=caller.key_alias,
                user_id=caller.user_id,
                team_id=caller.team_id,
                organization_id=caller.organization_id,
                agent_id=caller.agent_id,
                project_id=caller.project_id,
                cost=nano,
                items=(("calls", 1, nano * ATTO),) if nano else (),
                guardrails=bill.guardrails,
                error_code=None if error is None else str(getattr(error, "status", getattr(error, "code", 500))),
                error_class=None if error is None else type(error).__name__,
                error_message=None if error is None else str(getattr(error, "message", ""))[:2000],
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
