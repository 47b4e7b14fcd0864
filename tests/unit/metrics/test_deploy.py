"""What is deployed beside the gateway speaks of families that there are."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec

from tianji.management.status.series import METRICS
from tianji.metrics.families import FAMILIES

DEPLOY = Path(__file__).parents[3] / "deploy"
KNOWN = {
    f"{family.name}{part}"
    for family in (*FAMILIES, *METRICS)
    for part in (("_bucket", "_sum", "_count") if family.kind == "histogram" else ("",))
}
LABELS = {label for family in FAMILIES for label in family.labels} | {"le"}
NAME = re.compile(r"\b(?:litellm|tianji)_\w+")


def check(expression: str) -> None:
    names = set(NAME.findall(expression))
    assert names
    assert names - LABELS <= KNOWN, names - LABELS - KNOWN
    for labels in re.findall(r"by \(([^)]*)\)", expression):
        assert {label.strip() for label in labels.split(",")} <= LABELS


def test_the_dashboard_asks_for_what_there_is() -> None:
    panels = json.loads((DEPLOY / "grafana-dashboard.json").read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) > 10
    for panel in panels:
        for target in panel["targets"]:
            check(target["expr"])
            assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) <= LABELS


def test_the_rules_ask_for_what_there_is() -> None:
    groups: Any = msgspec.yaml.decode((DEPLOY / "prometheus-alerts.yaml").read_text())
    rules = groups["groups"][0]["rules"]
    assert len({rule["alert"] for rule in rules}) == len(rules)
    for rule in rules:
        check(rule["expr"])
        assert rule["annotations"]["summary"]
