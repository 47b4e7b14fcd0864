"""What is known of deployments: names, regions, groups; and which fallbacks stood in for what had failed."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Final

from msgspec import Struct

from tianji.config.schema import Config, ModelEntry
from tianji.ledger.entry import SUCCESS, Entry

REMEMBERED: Final = 10_000  # requests of which an attempt failed
_DIGITS: Final = 12  # of the hash of a key
_REGIONS: Final = ("aws_region_name", "vertex_location", "vertex_ai_location")


class Deployment(Struct, frozen=True):
    """A deployment of the configuration. account: stands for the key that it asks with, and says nothing of it."""

    group: str
    title: str
    region: str | None
    account: str


def deployments_of(config: Config) -> Mapping[str, Deployment]:
    """Return the deployments by id."""
    return {entry.id: _deployment(entry) for entry in config.model_list}


def _deployment(entry: ModelEntry) -> Deployment:
    params = entry.params
    regions = (params.region_name, *(params.provider.get(name) for name in _REGIONS))
    region = next((one for one in regions if isinstance(one, str) and one), None)
    account = sha256(params.api_key.encode()).hexdigest()[:_DIGITS] if params.api_key else entry.id
    return Deployment(entry.model_name, f"{entry.model_name} ({params.model}, deployment {entry.id})", region, account)


class Fallbacks:
    """Finds the groups that stood in, by what failed before in the same request."""

    def __init__(self) -> None:
        self._failed: dict[str, str] = {}  # by request: the group that failed first

    def hear(self, entry: Entry, deployments: Mapping[str, Deployment]) -> tuple[str, str, bool] | None:
        """Return the group that failed first, the one that stood in and whether that answered; None for no fallback."""
        known = deployments.get(entry.deployment_id)
        if known is None:
            return None
        call = entry.request_id.rpartition("-")[0]
        first = self._failed.pop(call, None) if entry.attempt else None
        if entry.status != SUCCESS:
            if len(self._failed) >= REMEMBERED:
                self._failed.pop(next(iter(self._failed)))
            self._failed[call] = first or known.group
        if first is None or first == known.group:
            return None
        return first, known.group, entry.status == SUCCESS
