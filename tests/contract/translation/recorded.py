"""Recorded forms of Anthropic's answers, and deployments and counters to hold against them."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

from tests.contract.harness import Gateway, Mock

FIXTURES = Path(__file__).parents[1] / "fixtures" / "anthropic"
RECORDED = {name: json.loads((FIXTURES / f"{name}.json").read_text()) for name in ("tools", "search")}
ERRORS = json.loads((FIXTURES / "errors.json").read_text())
KEY = "sk-ant-canary-Zt4Wc8Rv17Qx2Lm9"


def claude(name: str, base: str, **params: object) -> dict[str, Any]:
    params = {"model": "anthropic/claude-sonnet-4-5", "api_base": base, "api_key": KEY, **params}
    return {"model_name": name, "litellm_params": params}


def answers(mock: Mock, recorded: dict[str, Any]) -> None:
    mock.control({"body": json.dumps(recorded["whole"]), "events": [json.dumps(event) for event in recorded["stream"]]})


def spent(gateway: Gateway) -> Fraction:
    lines = gateway.client.get("/metrics").text.splitlines()
    dollars = (float(line.split()[-1]) for line in lines if line.startswith("tianji_spend_dollars_total{"))
    return Fraction(round(sum(dollars) * 10**9), 10**9)  # a float has more digits than money has
