"""Makes the guards of a worker out of each configuration that it goes by."""

import asyncio
import functools
import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from tianji._core.requests.forward import Endpoint
from tianji._core.upstreams.pool import Pool
from tianji.dialects.openai import Dialect
from tianji.egress.address import AddressPolicy
from tianji.egress.pool import open_pool
from tianji.errors import UnknownModel
from tianji.gateway.additions.destinations import allowed_hosts
from tianji.gateway.admission.parties import Parties
from tianji.gateway.bookkeeping import Bookkeeping
from tianji.gateway.compiled.shared import Shared
from tianji.gateway.compiled.snapshot import Snapshot
from tianji.gateway.guarding.answers.answering import Rules
from tianji.gateway.guarding.consulting import Models
from tianji.gateway.guarding.guards import Guards, Setting, plan_after
from tianji.gateway.guarding.leading import Leading
from tianji.gateway.guarding.logged import Backlog
from tianji.gateway.guarding.paths import paths_of
from tianji.guardrails.asking import Caller
from tianji.guardrails.building import build_all
from tianji.guardrails.guardrail import Guardrail
from tianji.guardrails.policies import Policies
from tianji.guardrails.records import Series
from tianji.guardrails.running import Runner
from tianji.guardrails.selection import Selection

LOG: Final = logging.getLogger("tianji.guardrails")
FAREWELL: Final = 120.0  # seconds after which nobody runs a guardrail any more that another configuration has replaced


class Building:
    """Keeps the guardrails that were built. `endpoints`: see Models."""

    def __init__(
        self,
        folder: Path,
        shared: Shared,
        pool: Pool,
        books: Bookkeeping,
        endpoints: Iterable[tuple[Dialect, Endpoint]],
    ) -> None:
        self._folder = folder
        self._pool = pool
        self._books = books
        self._models = Models(endpoints)
        self._series = Series(shared.counters)
        self._leading = Leading(shared.led)
        self._backlog = Backlog()
        self._caller: Caller | None = None
        self._built: tuple[Guardrail, ...] = ()

    def guards(self, snapshot: Snapshot) -> Guards | None:
        """Return the guards of a configuration; None where it has none."""
        config = snapshot.config
        built = build_all(config, self._folder, snapshot.environ)
        for entry, fault in built.faults:
            LOG.error("guardrail %s is left out: %s", entry.name, fault.message)
        self._adopt(built.guardrails)
        if not built.guardrails:
            return None
        self._caller = self._caller or Caller(self._pool, self._strangers, snapshot.environ, self._models)
        self._caller.allowed = allowed_hosts(config)
        of_models, of_deployments = of_members(snapshot)
        setting = Setting(
            selection=Selection(built.guardrails, ignores_unknown=config.litellm_settings.guardrail_ignore_unknown),
            policies=Policies(config.policies, config.policy_attachments),
            parties=Parties(config),
            of_models=of_models,
            of_deployments=of_deployments,
            group_of=functools.partial(group_of, snapshot),
            paths=paths_of(config.general_settings.pass_through_endpoints),
        )
        rules = Rules(
            runner=Runner(self._caller, self._series.heard),
            after=functools.partial(plan_after, setting),
            leading=self._leading,
            books=self._books,
            backlog=self._backlog,
            block_status=config.litellm_settings.guardrail_block_status,
            compat=snapshot.table.compat,
        )
        return Guards(setting, rules)

    def _adopt(self, built: tuple[Guardrail, ...]) -> None:
        for guardrail in self._built:
            asyncio.get_event_loop().call_later(FAREWELL, guardrail.close)
        self._built = built

    def _strangers(self) -> Pool:
        return open_pool(check=AddressPolicy().check)

    def close(self) -> None:
        """End what was begun for guardrails."""
        self._backlog.close()
        for guardrail in self._built:
            guardrail.close()
        if self._caller is not None:
            self._caller.close()


def group_of(snapshot: Snapshot, model: str) -> str:
    """Return the group of a model by the name that it was asked for, or that it gave itself; "" for none of ours.

    What answers may name a version of what was asked, so the beginning of a name counts where nothing else fits.
    """
    try:
        return snapshot.find(model)[0].name if model else ""
    except UnknownModel:
        return max((name for name in snapshot.groups if model.startswith(name)), key=len, default="")


def of_members(snapshot: Snapshot) -> tuple[Mapping[str, tuple[str, ...]], Mapping[str, tuple[str, ...]]]:
    """Return which guardrails deployments ask for: by model group, of all its deployments together, and by id."""
    by_model: dict[str, dict[str, None]] = defaultdict(dict)
    by_id: dict[str, tuple[str, ...]] = {}
    for name, pairs in snapshot.members.items():
        for entry, deployment in pairs:
            if entry.params.guardrails:
                by_model[name].update(dict.fromkeys(entry.params.guardrails))
                by_id[deployment.id] = entry.params.guardrails
    return {name: tuple(found) for name, found in by_model.items()}, by_id
