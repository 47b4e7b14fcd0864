"""Little is left of what a provider lets a key have, as its answers say."""

from collections.abc import Iterator
from typing import Final

from tianji.alerts.alert import Alert
from tianji.alerts.facts import Deployment
from tianji.alerts.rules.requests import who
from tianji.ledger.entry import Entry

AGAIN: Final = 3600.0  # seconds until it is told again of a key
_WHOLE: Final = 1000  # of which `Entry.remaining` has so many parts


def hear(entry: Entry, share: float, known: Deployment | None) -> Iterator[Alert]:
    """Yield that a share of at least `share` is used. `known`: the deployment; keys of several are told of once."""
    if entry.remaining is None or len(entry.remaining) < 3:
        return
    used = entry.remaining[2] / _WHOLE
    if used >= share:
        account = entry.deployment_id if known is None else known.account
        yield Alert(
            kind="ratelimit_alerts",
            text=f"{who(entry)}: {used:.0%} of a limit of the provider's are used; {share:.0%} are to be told of",
            key=f"ratelimit_alerts:{account}",
            ttl=AGAIN,
        )
