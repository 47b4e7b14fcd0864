"""A name whose model group is learnt: from what conversations say of the answers before."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.contract.conftest import StartGateway
from tests.contract.harness import PATIENCE, Gateway, Mock, eventually, openai_model

QUESTION = {"role": "user", "content": "Draft an email to my landlord"}
ANSWER = {"role": "assistant", "content": "Dear landlord"}


def config(mock: Mock) -> dict[str, Any]:
    said = {"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6}
    learns = {"available_models": ["dear", "cheap"], "weights": {"quality": 0, "cost": 1}}
    params = {"model": "auto_router/adaptive_router", "adaptive_router_config": learns}
    group = {"model_name": "auto", "litellm_params": params}
    dear = openai_model("dear", "dear-up", mock.url)
    dear["model_info"] = {
        "input_cost_per_token": 1e-3,
        "output_cost_per_token": 1e-3,
        "adaptive_router_preferences": {"quality_tier": 3, "strengths": ["writing"]},
    }
    cheap = openai_model("cheap", "cheap-up", mock.url) | {"model_info": said}
    return {"model_list": [dear, cheap, group]}


def learnt(gateway: Gateway) -> dict[tuple[str, str], tuple[int, float]]:
    (router,) = gateway.client.get("/adaptive_router/state").json()["routers"]
    assert (router["router_name"], router["available_models"]) == ("auto", ["dear", "cheap"])
    return {(cell["request_type"], cell["model"]): (cell["samples"], cell["beta"]) for cell in router["cells"]}


def noted(database: Path) -> str | None:
    """Return what the database keeps of it."""
    if not database.exists():
        return None
    with closing(sqlite3.connect(database)) as connection:
        try:
            found = connection.execute("SELECT value FROM ledger_state WHERE name = 'adaptive router auto'").fetchone()
        except sqlite3.OperationalError:  # it is being made
            return None
    return None if found is None or "[0,3]" not in found[0] else found[0]


def complain(gateway: Gateway, about: str) -> None:
    """Have a conversation in which the user is not content."""
    question = {"role": "user", "content": f"{QUESTION['content']} about {about}"}
    asked = gateway.chat({"model": "auto", "messages": [question]})
    assert asked.headers["x-litellm-adaptive-router-model"] == "cheap"
    assert asked.headers["x-tianji-auto-router"] == "adaptive: writing"
    assert asked.json()["model"] == "auto"
    again = [question, ANSWER, {"role": "user", "content": "forget it"}]
    assert gateway.chat({"model": "auto", "messages": again}).status_code == 200


def test_workers_learn_together_and_the_next_gateway_goes_on(
    start_gateway: StartGateway, mock: Mock, tmp_path: Path
) -> None:
    database = tmp_path / "books.db"
    kept = {"DATABASE_URL": f"sqlite:///{database}"}
    with start_gateway(config(mock), workers=2, env=kept) as gateway:
        assert learnt(gateway)["writing", "dear"] == (0, 0.5)  # it is strong at it
        for about in ("rain", "snow", "wind"):
            complain(gateway, about)
        assert learnt(gateway)["writing", "cheap"] == (3, 8.0)
        assert sum(samples for samples, _ in learnt(gateway).values()) == 3
        eventually(lambda: noted(database), "it is written down", PATIENCE)
    with start_gateway(config(mock), env=kept) as gateway:
        eventually(lambda: learnt(gateway)["writing", "cheap"] == (3, 8.0), "what was learnt is known", PATIENCE)


def test_a_better_model_may_be_asked_for(start_gateway: StartGateway, mock: Mock) -> None:
    gateway = start_gateway(config(mock))
    body = {"model": "auto", "messages": [QUESTION]}
    asked = gateway.client.post("/v1/chat/completions", json=body, headers={"x-litellm-min-quality-tier": "3"})
    assert asked.headers["x-litellm-adaptive-router-model"] == "dear"
    assert mock.last()["json"]["model"] == "dear-up"
    assert gateway.client.post("/router/explain", json=body).json()["group"] == "cheap"  # and nothing is learnt


def test_without_such_a_router_there_is_nothing_to_tell(start_gateway: StartGateway, mock: Mock) -> None:
    gateway = start_gateway({"model_list": [openai_model("a", "a-up", mock.url)]})
    assert gateway.client.get("/adaptive_router/state").json() == {"routers": []}
