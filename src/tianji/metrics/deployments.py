"""What is known of deployments at the moment: out of the memory that all workers share, and the configuration."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from tianji._core.journal.sheet import Alike
from tianji._core.routing.health import Health, HealthTable
from tianji.config.schema import Config, ModelEntry
from tianji.ledger.entry import SUCCESS

if TYPE_CHECKING:
    from tianji.ledger.terms import Terms

WELL, AILING, OUT = 0, 1, 2
APART: Final = 0.5  # seconds by which the end of a rest has to move for it to be another one


class Known(Struct, frozen=True):
    """A deployment: its group, and the labels that stand for it."""

    group: str
    labels: Mapping[str, str]
    requests: int | None = None
    tokens: int | None = None


class Deployments:
    """The deployments of a configuration, and those of the database once something was asked of them."""

    def __init__(self, table: HealthTable) -> None:
        self._table = table
        self._known: dict[str, Known] = {}
        self._codes: dict[str, str] = {}  # of the last failure
        self._rests: dict[str, float] = {}  # monotonic seconds of their ends
        self.rested: dict[tuple[str, str], int] = {}  # how often, by id and status of the failure before

    def adopt(self, config: Config) -> None:
        """Go by another configuration."""
        self._known = {entry.id: _known(entry) for entry in config.model_list}

    @property
    def groups(self) -> dict[str, str]:
        """Return the model groups by the ids of their deployments."""
        return {name: known.group for name, known in self._known.items()}

    def hear(self, alike: Alike) -> None:
        """Learn what entries that are alike say of their deployment."""
        terms: Terms = alike.account.shared.terms
        name = terms.deployment_id
        if not name:
            return
        known = self._known.get(name)
        if known is None or not known.labels["api_base"]:
            labels = {
                "litellm_model_name": terms.model,
                "model_id": name,
                "api_base": terms.api_base,
                "api_provider": terms.provider,
            }
            group = terms.model_group if known is None else known.group
            limits = (None, None) if known is None else (known.requests, known.tokens)
            self._known[name] = Known(group, labels, *limits)
        if alike.status != SUCCESS:
            self._codes[name] = alike.error_code or ""

    def look(self, now: float) -> list[str]:
        """Count rests that have begun since the last time, and return whose. `now`: monotonic seconds."""
        fresh = []
        for name in self._known:
            until = now + self._table.health(name).cooled_for(now)
            if until > now and until > self._rests.get(name, now) + APART:
                row = (name, self._codes.get(name, ""))
                self.rested[row] = self.rested.get(row, 0) + 1
                fresh.append(name)
            self._rests[name] = until
        return fresh

    def labels(self, name: str) -> Mapping[str, str]:
        """Return the labels of a deployment."""
        return self._known[name].labels

    def states(self, now: float) -> Iterator[tuple[Mapping[str, str], float]]:
        """Yield labels and the state: 0 well, 1 its last requests failed, 2 left out."""
        for name, known in self._known.items():
            yield known.labels, state(self._table.health(name), now)

    def limits(self, of: str) -> Iterator[tuple[Mapping[str, str], float]]:
        """Yield labels and the configured limit of `requests` or `tokens` a minute, where there is one."""
        for known in self._known.values():
            limit = known.requests if of == "requests" else known.tokens
            if limit is not None:
                yield {**known.labels, "model_group": known.group}, limit

    def rests(self) -> Iterable[tuple[Mapping[str, str], float]]:
        """Yield labels and how often it was left out."""
        for (name, code), count in self.rested.items():
            if name in self._known:
                yield {**self._known[name].labels, "exception_status": code}, count


def state(health: Health, now: float) -> int:
    """Return how a deployment is."""
    if health.cooled_for(now) or health.sick_for(now) or health.broke_for(now):
        return OUT
    return AILING if health.failures_in_a_row else WELL


def _known(entry: ModelEntry) -> Known:
    params = entry.params
    head, _, model = params.model.rpartition("/") if params.custom_llm_provider else params.model.partition("/")
    provider = params.custom_llm_provider or (head if model else "")  # a bare name's is known with its first answer
    labels = {"litellm_model_name": model or head, "model_id": entry.id, "api_base": "", "api_provider": provider}
    return Known(entry.model_name, labels, params.rpm, params.tpm)
