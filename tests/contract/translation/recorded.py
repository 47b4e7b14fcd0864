"""Recorded forms of vendors' answers, and deployments and counters to hold against them."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

from tests.contract.harness import Gateway, Mock

FIXTURES = Path(__file__).parents[1] / "fixtures"
KEY = "sk-ant-canary-Zt4Wc8Rv17Qx2Lm9"


def recorded(vendor: str, *names: str) -> dict[str, Any]:
    """Return those recorded forms of a vendor, by name."""
    return {name: json.loads((FIXTURES / vendor / f"{name}.json").read_text()) for name in names}


RECORDED = recorded("anthropic", "tools", "search")
ERRORS = recorded("anthropic", "errors")["errors"]
CHAT = recorded("openai", "tools", "refusal", "logprobs", "audio")
RESPONSES = recorded("responses", "tools", "custom", "search", "refusal", "incomplete", "failed")


def claude(name: str, base: str, **params: object) -> dict[str, Any]:
    params = {"model": "anthropic/claude-sonnet-4-5", "api_base": base, "api_key": KEY, **params}
    return {"model_name": name, "litellm_params": params}


def answers(mock: Mock, form: dict[str, Any]) -> None:
    """Have the mock answer in a recorded form, whole and streamed. An event that is text is no JSON: `[DONE]`."""
    events = [event if isinstance(event, str) else json.dumps(event) for event in form["stream"]]
    mock.control({"body": json.dumps(form["whole"]), "events": events})


def joined(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what the deltas of a stream in OpenAI's form say together."""
    said: dict[str, Any] = {}
    for chunk in chunks:
        for choice in chunk["choices"]:
            for name, value in choice["delta"].items():
                if name == "tool_calls":
                    for call in value:
                        _call(said.setdefault(name, {}), call)
                elif name in ("content", "reasoning_content", "refusal"):
                    said[name] = said.get(name, "") + (value or "")
                else:
                    said.setdefault(name, []).append(value)
    return said


def _call(calls: dict[int, Any], piece: dict[str, Any]) -> None:
    given = piece.get("custom") or piece["function"]
    whole = calls.setdefault(piece["index"], {"arguments": ""})
    whole |= {"id": piece["id"]} if "id" in piece else {}
    whole |= {"name": given["name"]} if "name" in given else {}
    whole["arguments"] += given.get("input") or given.get("arguments") or ""


def spent(gateway: Gateway) -> Fraction:
    lines = gateway.client.get("/metrics").text.splitlines()
    dollars = (float(line.split()[-1]) for line in lines if line.startswith("tianji_spend_dollars_total{"))
    return Fraction(round(sum(dollars) * 10**9), 10**9)  # a float has more digits than money has
