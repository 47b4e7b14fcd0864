"""When a request is sent to a second deployment, because the first one takes longer than it usually does.

Waiting for a high percentile of what the deployment itself usually takes sends few requests twice and still cuts off
the long tail (Dean and Barroso, "The tail at scale", 2013).
"""

from typing import Final

from msgspec import Struct

from tianji._core.routing.health import Health
from tianji.config.schema.model import ModelEntry
from tianji.config.schema.router import RouterSettings

LEAST: Final = 0.01  # seconds; less would be load, not help


class Hedge(Struct, frozen=True):
    """`hedge_after`: so many seconds, or with `percentile` so long as that share of its last answers took."""

    seconds: float = 0.0
    percentile: float = 0.0

    def delay(self, health: Health, now: float, *, streamed: bool) -> float | None:
        """Seconds after which the same request goes elsewhere too; None: never, because too little is known yet.

        They count until the first token of a streamed answer, and until the whole of another.
        """
        if not self.percentile:
            return self.seconds
        seconds = health.answers_within(self.percentile, streamed, now)
        return None if seconds is None else max(LEAST, seconds)


def hedge_of(entry: ModelEntry, router: RouterSettings) -> Hedge | None:
    """Read `hedge_after` of a deployment, else that of the router; None when neither has one."""
    written = router.hedge_after if entry.params.hedge_after is None else entry.params.hedge_after
    if written is None:
        return None
    if isinstance(written, str):
        return Hedge(percentile=int(written[1:]) / 100)
    return Hedge(seconds=written)
