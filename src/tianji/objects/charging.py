"""What callers do with batches is held against their limits before an upstream sees it.

What a batch comes to was counted when its file came, and stands in its id, which nobody can change: all its requests
count at once.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Final

from tianji._core.edges.exchange import Exchange
from tianji.auth.identity import Identity
from tianji.clock import Clock
from tianji.config.schema.general import GeneralSettings
from tianji.errors import RateLimited
from tianji.gateway.admission.admissions import Admissions
from tianji.ids import CallIds
from tianji.lazy import load
from tianji.limiting.rows import Holder
from tianji.objects.allotting import of_batch, of_uploads, refusal
from tianji.objects.lines import Counted
from tianji.storage.allowances import Allowance
from tianji.storage.store import Store

_TABLE: Final = "tianji.storage.allotments"
_new_name: Final = CallIds().new


class Taken:
    """What was taken for something that has no id yet. `id`: set it when there is one."""

    id: str | None = None


class Charging:
    """Takes from the limits of callers, as the configuration wants it."""

    def __init__(
        self, admissions: Admissions, store: Store, general: Callable[[], GeneralSettings], clock: Clock
    ) -> None:
        self._admissions = admissions
        self._store = store
        self._general = general
        self._clock = clock

    @asynccontextmanager
    async def batch(
        self, exchange: Exchange, caller: Identity, provider: str, counts: Mapping[str, Counted]
    ) -> AsyncIterator[Taken]:
        """Have the requests of a batch count, unless what is done meanwhile fails.

        They count for the caller, and for the customer and the tags that `exchange` names for the batch as a whole.
        counts: what there is for each model group, "" where nobody knows for which

        Raises RateLimited, BudgetExceeded for who has nothing left, and AuthenticationFailed for a blocked customer.
        """
        others = await self._admissions.others(exchange)
        general = self._general()
        if (
            general.disable_batch_input_file_rate_limiting
            or provider in general.skip_batch_input_file_rate_limiting_for_providers
        ):
            yield Taken()
            return
        caller, others, allowances = of_batch(caller, others)
        rows, tokens = sum(one.rows for one in counts.values()), sum(one.tokens for one in counts.values())
        try:
            async with self._allotted(allowances, tokens, "tokens") as taken, AsyncExitStack() as held:
                for group, counted in counts.items():
                    await held.enter_async_context(self._held(caller, others, group, counted))
                yield taken
        except RateLimited as refused:
            told = f"there are {rows} requests, with {tokens} tokens in their prompts"
            refused.message = f"Batch rate limit exceeded: {told}. {refused.message}"
            raise

    @asynccontextmanager
    async def request(self, exchange: Exchange, caller: Identity, group: str, nano: int = 0) -> AsyncIterator[None]:
        """Have a request count whose cost is known when what it begins is over, unless it fails.

        nano: nano-dollars that are kept back for it meanwhile

        Raises RateLimited, BudgetExceeded for who has nothing left, and AuthenticationFailed as `batch` does.
        """
        others = await self._admissions.others(exchange)
        async with self._held(caller, others, group, Counted(1), nano):
            yield

    def upload(self, caller: Identity) -> AbstractAsyncContextManager[Taken]:
        """Have the upload of a batch's file count, unless it fails. Raises RateLimited."""
        usual = self._general().max_batch_file_uploads_per_day
        return self._allotted(of_uploads(caller, usual), 1, "uploads of files for batches")

    async def over(self, batch_id: str) -> None:
        """Let a batch that is over count no more among those under way."""
        await load(_TABLE).end(await self._store.open(), batch_id)

    @asynccontextmanager
    async def _allotted(self, allowances: Sequence[Allowance], amount: int, of: str) -> AsyncIterator[Taken]:
        taken = Taken()
        if not allowances:
            yield taken
            return
        table, database, name = load(_TABLE), await self._store.open(), _new_name()
        now = datetime.fromtimestamp(self._clock.now(), UTC)
        lack = await table.take(database, name, amount, allowances, now)
        if lack is not None:
            raise refusal(lack, amount, now, of)
        try:
            yield taken
        except BaseException:
            await table.give_back(database, name)
            raise
        if taken.id is not None:
            await table.rename(database, name, taken.id)

    @asynccontextmanager
    async def _held(
        self, caller: Identity, others: tuple[Holder, ...], group: str, counted: Counted, nano: int = 0
    ) -> AsyncIterator[None]:
        nano = -1 if self._admissions.free(group) and not nano else nano
        hold = await self._admissions.hold(caller, group, counted.rows, counted.tokens, nano, others)
        try:
            yield
        except BaseException:
            hold.release()
            raise
        hold.settle()
