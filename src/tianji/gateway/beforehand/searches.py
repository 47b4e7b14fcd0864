"""Searches of the web for a caller: whether he may, what they cost him, and what the ledger has of them."""

import time
from collections.abc import Callable

from tianji._core.edges.exchange import Exchange
from tianji.auth.identity import ANYONE, Identity
from tianji.config.schema import Config
from tianji.errors import ModelRefused, TianjiError
from tianji.gateway.admission.admissions import Admissions
from tianji.gateway.bookkeeping import Bookkeeping, whose
from tianji.ids import CallIds
from tianji.ledger.entry import FAILURE, SUCCESS, Entry
from tianji.searching.query import Query
from tianji.searching.tools import Found, Tool, Tools

_new_name = CallIds().new
ATTO = 1_000_000_000  # of a nano-dollar


class Searches:
    """Those of one configuration. `keep`: takes entries for the ledger; None: there is none."""

    def __init__(
        self,
        config: Config,
        tools: Tools,
        admissions: Admissions,
        keep: Callable[[Entry], None] | None,
        books: Bookkeeping,
    ) -> None:
        self.tools = tools
        self._admissions = admissions
        self._keep = keep
        self._books = books
        self._denies = config.general_settings.search_tool_deny_by_default

    def allowed(self, caller: Identity) -> list[Tool]:
        """Return the tools that a caller may use."""
        return [tool for tool in self.tools.tools if self._denial(caller, tool.name) is None]

    def require(self, caller: Identity, name: str) -> None:
        """Raise ObjectNotFound for a tool that there is not, and ModelRefused (403) for one that he may not use."""
        self.tools.named(name)
        denial = self._denial(caller, name)
        if denial is not None:
            error = ModelRefused(f"this key may not use the search tool {name!r}", denial)
            error.param = "search_tool_name"
            raise error

    async def search(self, exchange: Exchange, name: str, query: Query) -> Found:
        """Search as the caller of a request. Raises what `require` does, what limits refuse, and UpstreamFailure."""
        caller = exchange.identity if isinstance(exchange.identity, Identity) else ANYONE
        self.require(caller, name)
        dearest = max(self.tools.price(tool, query) for tool in self.tools.named(name))
        hold = await self._admissions.hold(caller, name, 1, 0, dearest)
        began = time.time_ns() // 1000
        try:
            found = await self.tools.search(name, query)
        except BaseException as error:
            hold.release()
            if isinstance(error, TianjiError):
                self._book(exchange, caller, name, began, None, error)
            raise
        hold.settle(found.nano)
        self._book(exchange, caller, name, began, found, None)
        return found

    def _denial(self, caller: Identity, name: str) -> str | None:
        """Return the type of the error for a caller who may not use a tool; None for one who may."""
        if caller.master:
            return None
        lists = [("key", caller.object_permission), ("team", caller.team_object_permission)]
        said = [(who, permission.get("search_tools")) for who, permission in lists]
        named = [(who, tools) for who, tools in said if isinstance(tools, list) and tools]
        if not named:
            return "key_search_tool_access_denied" if self._denies else None
        return next((f"{who}_search_tool_access_denied" for who, tools in named if name not in tools), None)

    def _book(
        self,
        exchange: Exchange,
        caller: Identity,
        name: str,
        began: int,
        found: Found | None,
        error: TianjiError | None,
    ) -> None:
        """Write a search into the ledger, under the id of the call that it belongs to."""
        if self._keep is None:
            return
        nano = 0 if found is None else found.nano
        self._keep(
            Entry(
                request_id=f"{_new_name()}-search",
                call_id=exchange.call_id or _new_name(),
                started_at=began,
                ended_at=time.time_ns() // 1000,
                status=FAILURE if found is None else SUCCESS,
                call_type="asearch",
                model_group=name,
                model=name if found is None else found.listed,
                provider="" if found is None else found.tool.kind,
                **whose(exchange, caller, self._books.for_whom(exchange)),
                cost=nano,
                items=(("queries", 1, nano * ATTO),) if nano else (),
                error_code=None if error is None else str(error.status),
                error_class=None if error is None else type(error).__name__,
                error_message=None if error is None else error.message[:2000],
            )
        )
