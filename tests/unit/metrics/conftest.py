"""Numbers as they are told, of entries that a test makes."""

from collections.abc import Iterable
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.unit.ledger.conftest import NOON
from tests.unit.ledger.conftest import entry as plain

from tianji.config.schema import Config, Settings
from tianji.ledger.entry import Entry
from tianji.ledger.rows import sheet_of
from tianji.metrics.cells import Cells
from tianji.metrics.exposition import render
from tianji.metrics.facts import Names
from tianji.metrics.plan import Plan, plan_of

Numbers = dict[str, float]


def entry(number: int = 1, attempt: int = 0, **fields: Any) -> Entry:
    """An entry of a deployment, of 250 ms of which the upstream took 200."""
    usual = {"request_id": f"{number:032x}-{attempt}", "attempt": attempt, "deployment_id": "d", "upstream": 200_000}
    return plain(number, **{**usual, **fields})


def failure(number: int = 1, attempt: int = 0, code: str = "500", **fields: Any) -> Entry:
    """An attempt that failed."""
    return entry(number, attempt, status="failure", error_code=code, error_class="UpstreamError", cost=0, **fields)


def plan(**settings: Any) -> Plan:
    """What is told under some of `litellm_settings`."""
    return plan_of(Config(litellm_settings=Settings(**settings)))


class World:
    """Cells at a time that the test moves."""

    def __init__(self) -> None:
        self.now = NOON / 1e6
        self.cells = Cells(lambda: self.now)
        self.groups = {"d": "gpt", "e": "other-group"}
        self.plan = plan()
        self.adopt(self.plan)

    def adopt(self, plan: Plan, **settings: Any) -> None:
        self.plan = plan
        self.cells.adopt(marks=plan.marks, without=plan.without(), groups=self.groups, **settings)

    def hear(self, entries: Iterable[Entry]) -> None:
        self.cells.hear(sheet_of(entries))

    def text(self, names: Names | None = None) -> str:
        return "".join(f"{line}\n" for line in render(self.cells, self.plan, names or Names(), self.groups))

    def numbers(self, family: str, *labels: str, names: Names | None = None) -> Numbers:
        """Return values of a family's samples, by the labels that are asked for, joined by commas."""
        found: Numbers = {}
        for one in text_string_to_metric_families(self.text(names)):
            for sample in one.samples:
                if sample.name == family:
                    key = ",".join(sample.labels[label] for label in labels)
                    found[key] = found.get(key, 0) + sample.value
        return found


@pytest.fixture
def world() -> World:
    return World()
