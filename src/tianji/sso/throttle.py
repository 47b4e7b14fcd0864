"""How often names and passwords may be tried: by where somebody is, and by the name that he tries from there.

An attempt is counted before its password is looked at, so a refusal says nothing of the password. Where the gateway may
stand behind a proxy that it was not told of, everybody is at the same place: then only names are counted.
Source of the numbers: https://docs.litellm.ai/docs/proxy/ui
"""

from collections.abc import Mapping
from ipaddress import IPv6Address, ip_network

from tianji._core.edges.attempts import AttemptTable
from tianji._core.edges.exchange import Exchange
from tianji.auth.rules import Address, Rules, within
from tianji.clock import SYSTEM, Clock
from tianji.config.environment import is_true, lookup
from tianji.config.schema import GeneralSettings
from tianji.errors import RateLimited

_SITE = 64  # bits of an IPv6 address that one customer has


class Throttle:
    """Counts attempts in `table`, which all workers share."""

    def __init__(self, table: AttemptTable, clock: Clock = SYSTEM) -> None:
        self._table = table
        self._clock = clock

    def begin(
        self, exchange: Exchange, username: str, general: GeneralSettings, environ: Mapping[str, str]
    ) -> tuple[str, ...]:
        """Count an attempt; return what `succeed` takes back. Raises RateLimited (429) for one too many."""
        if is_true(lookup(environ, "DISABLE_LOGIN_RATE_LIMIT")):
            return ()
        address = Rules(general).address(exchange)
        most = _most(address, general)
        if most == 0:
            return ()
        place = _place(address)
        counted = [(f"name {place} {username.strip().lower()}", max(1, most // 2))]
        if general.trusted_proxy_ranges:
            counted.insert(0, (f"place {place}", most))
        for name, limit in counted:
            self._count(name, limit, general)
        return tuple(name for name, _ in counted)

    def succeed(self, counted: tuple[str, ...]) -> None:
        """Take back an attempt that did not fail."""
        for name in counted:
            self._table.give_back(name)

    def guess(self, name: str, general: GeneralSettings) -> None:
        """Count an attempt to say the code of a login. Raises RateLimited (429) for one too many."""
        self._count(f"code {name}", max(1, general.max_failed_login_attempts_per_source // 2), general)

    def _count(self, name: str, most: int, general: GeneralSettings) -> None:
        window, rest = (
            max(1, int(seconds))
            for seconds in (general.failed_login_window_seconds, general.failed_login_block_seconds)
        )
        wait = self._table.take(name, self._clock.monotonic(), most=most, window=window, rest=rest)
        if wait:
            raise RateLimited(
                f"there were too many attempts to sign in; try again in {wait} seconds",
                limit_type="login_attempts",
                retry_after=wait,
                reset_at=None,
            )


def _place(address: Address | None) -> str:
    if isinstance(address, IPv6Address):
        return str(ip_network((address, _SITE), strict=False))
    return str(address)


def _most(address: Address | None, general: GeneralSettings) -> int:
    """Return the limit of a place: the one of the narrowest network that it is in, 0 for none."""
    overrides = general.max_failed_login_attempts_per_source_overrides
    places = {ip_network(place, strict=False): most for place, most in overrides.items()}
    if address is not None:
        known = [place for place in places if within(address, (place,))]
        if known:
            return places[max(known, key=lambda place: place.prefixlen)]
    return general.max_failed_login_attempts_per_source
