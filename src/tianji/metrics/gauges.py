"""The families that are as things stand when they are asked for: budgets, limits, deployments."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from tianji._core.limits.limiter import KIND_NAMES, Limit, LimitTable
from tianji.config.schema import Config
from tianji.errors import StoreUnavailable
from tianji.lazy import load
from tianji.limiting.rows import Kind, row_name
from tianji.limiting.rules import COUNTED
from tianji.metrics.cells import Cells
from tianji.metrics.deployments import Deployments
from tianji.metrics.exposition import gauges
from tianji.metrics.facts import Facts, Names
from tianji.metrics.plan import Plan
from tianji.storage.store import Store

if TYPE_CHECKING:  # it loads SQLAlchemy
    from tianji.metrics.standings import Standing

FRESH: Final = 1.0  # seconds for which what the database said is told again
LATELY: Final = 120.0  # seconds for which the memory of limits has a row that nobody uses
_IDS: Final[Mapping[str, Callable[[Facts], str | None]]] = {
    "api_key": lambda facts: facts.key,
    "team": lambda facts: facts.team_id,
    "org": lambda facts: facts.organization_id,
    "user": lambda facts: facts.user_id,
    "customer": lambda facts: facts.end_user,
}
_OF_PROJECTS: Final = "_project_model_"
_LIMITED: Final[Mapping[str, Kind]] = {"api_key": "key", "team": "team"}
Rows = dict[str, list[tuple[Mapping[str, str], float]]]


class Gauges:
    """Reads them. While the database is away, what it said last is told."""

    def __init__(
        self,
        store: Store,
        limits: LimitTable,
        deployments: Deployments,
        *,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._limits = limits
        self._deployments = deployments
        self._now = now
        self._monotonic = monotonic
        self._read_at = -FRESH
        self._rows: Rows = {}
        self._counted = COUNTED["total"]
        self.names = Names()

    def adopt(self, config: Config) -> None:
        """Go by another configuration, which says what tokens count for a limit of tokens."""
        self._counted = COUNTED[config.general_settings.token_rate_limit_type]

    async def read(self, cells: Cells, plan: Plan) -> None:
        """Ask the database, if that was not done just now and some family wants it."""
        if self._monotonic() - self._read_at < FRESH:
            return
        if not await asyncio.to_thread(lambda: self._store.location.exists):
            return
        try:
            self._rows = await self._asked(cells, plan)
        except StoreUnavailable:
            return
        self._read_at = self._monotonic()

    async def _asked(self, cells: Cells, plan: Plan) -> Rows:
        reader = load("tianji.metrics.standings")
        facts = [facts for facts, _ in cells.items()]
        lately = list(cells.recent(LATELY))
        rows: Rows = {name: [] for name in plan.families}
        database = await self._store.open()
        async with database.reading() as connection:
            self.names = await reader.names(connection, plan.metadata, {one.key for one in facts})
            for kind in reader.KINDS:
                if not any(f"_{kind.whose}_" in name for name in plan.families):
                    continue
                ids = {name for one in facts if (name := _IDS[kind.whose](one))}
                busy = {_IDS[kind.whose](one) for one in lately}
                for standing in await reader.standings(connection, kind, ids, everybody=plan.all_budgets):
                    for family, value in standing.budget(self._now()):
                        rows.get(family.format(kind.whose), []).append((standing.labels, value))
                    for family, labels, value in self._used(kind.whose, standing, standing.id in busy):
                        rows.get(family, []).append((labels, value))
            if any(_OF_PROJECTS in name for name in rows):
                for standing, used in await reader.projects(connection, {one.key for one in lately}):
                    for family, labels, value in self._of_project(standing, used):
                        rows.get(family, []).append((labels, value))
            if "litellm_team_members_metric" in rows:
                rows["litellm_team_members_metric"] = [
                    ({"team": team, "team_alias": self.names.teams.get(team, "")}, count)
                    for team, count in (await reader.members(connection)).items()
                ]
            if rows.keys() & {"litellm_total_users", "litellm_active_users", "litellm_teams_count"}:
                for family, count in (await reader.counts(connection)).items():
                    rows.get(family, []).append(({}, count))
        return rows

    def _used(self, whose: str, standing: "Standing", busy: bool) -> Iterator[tuple[str, Mapping[str, str], float]]:
        kind = _LIMITED.get(whose)
        if kind is None:
            return
        for name in ("requests", "tokens"):
            allowed = getattr(standing, name)
            if allowed is not None:
                labels = {**standing.labels, "rate_limit_type": name}
                used = self._of_minute(row_name(kind, standing.id), name) if busy else 0
                yield f"litellm_{whose}_rate_limit_allowed_metric", labels, allowed
                yield f"litellm_{whose}_rate_limit_used_metric", labels, used
            for model, most in standing.models.get(name, {}).items():
                used = self._of_minute(row_name(kind, standing.id, "model", model), name) if busy else 0
                labels = {**standing.labels, "model": model}
                yield f"litellm_remaining_{whose}_{name}_for_model", labels, max(0, most - used)

    def _of_project(self, standing: "Standing", busy: bool) -> Iterator[tuple[str, Mapping[str, str], float]]:
        for name, models in standing.models.items():
            for model, most in models.items():
                labels = {**standing.labels, "requested_model": model, "rate_limit_type": name}
                used = self._of_minute(row_name("project", standing.id, "model", model), name) if busy else 0
                yield f"litellm{_OF_PROJECTS}rate_limit_allowed_metric", labels, most
                yield f"litellm{_OF_PROJECTS}rate_limit_used_metric", labels, used

    def _of_minute(self, row: str, name: str) -> int:
        """Return how many of `requests` or `tokens` a row of limits has used within the last minute."""
        kind = self._counted if name == "tokens" else name
        return Limit(self._limits, row).used(KIND_NAMES.index(kind), self._monotonic())

    def lines(self, plan: Plan, refused: Mapping[str, int]) -> Iterator[str]:
        """Yield the lines of all of them. `refused`: events that callbacks could not deliver."""
        now = self._monotonic()
        found: Rows = {
            **self._rows,
            "litellm_callback_logging_failures_metric_total": [
                ({"callback_name": name}, count) for name, count in refused.items() if count
            ],
            "litellm_deployment_state": list(self._deployments.states(now)),
            "litellm_deployment_rpm_limit": list(self._deployments.limits("requests")),
            "litellm_deployment_tpm_limit": list(self._deployments.limits("tokens")),
            "litellm_deployment_cooled_down_total": list(self._deployments.rests()),
        }
        for name, rows in found.items():
            family = plan.families.get(name)
            if family is not None:
                yield from gauges(family, rows)
