"""A batch is held against the limits of its caller before its upstream sees it: all its requests count at once.

What they come to was counted when their file came, and stands in its id, which nobody can change.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from tianji.auth.identity import Identity
from tianji.config.schema.general import GeneralSettings
from tianji.errors import RateLimited
from tianji.gateway.admissions import Admissions
from tianji.objects.ids import Ref
from tianji.objects.places import Place


class Charging:
    """Takes from the limits of callers, as the configuration wants it."""

    def __init__(self, admissions: Admissions, general: Callable[[], GeneralSettings]) -> None:
        self._admissions = admissions
        self._general = general

    @asynccontextmanager
    async def taken(self, caller: Identity, place: Place, file: Ref) -> AsyncIterator[None]:
        """Have the requests in a file count, unless what is done meanwhile fails. Raises RateLimited."""
        general = self._general()
        if (
            general.disable_batch_input_file_rate_limiting
            or place.provider in general.skip_batch_input_file_rate_limiting_for_providers
        ):
            yield
            return
        try:
            hold = await self._admissions.hold(caller, place.group or "", file.rows, file.tokens)
        except RateLimited as refused:
            told = f"the file has {file.rows} requests and {file.tokens} tokens in their prompts"
            refused.message = f"Batch rate limit exceeded: {told}. {refused.message}"
            raise
        try:
            yield
        except BaseException:
            hold.release()
            raise
        hold.settle()
