"""Who shares answers, and who has any: as the configuration says."""

import json
import os
import signal
from pathlib import Path

from tests.contract.cache.caching import KEY, ask, config, hit, key
from tests.contract.conftest import StartGateway
from tests.contract.harness import Gateway, Mock, eventually, openai_model


def reloaded(gateway: Gateway, mock: Mock, scope: str) -> None:
    """Have the gateway go by another scope; a model of that name says that it does."""
    wanted = config(mock, cache_scope=scope)
    of_team = {"team_id": "a1", "team_public_model_name": "own"}
    wanted["model_list"] += [
        openai_model(scope, scope, mock.url),
        openai_model("x", "x", mock.url) | {"model_info": of_team},
    ]
    gateway.write(wanted)
    os.kill(gateway.process.pid, signal.SIGHUP)
    eventually(lambda: scope in gateway.models(), "the reload")


def shares(gateway: Gateway, keys: dict[str, str], seed: int) -> set[str]:
    """Return whose requests are answered with what the first of team one was."""
    assert not hit(ask(gateway, keys["one"], seed=seed))
    return {name for name, one in keys.items() if hit(ask(gateway, one, seed=seed, cache={"no-store": True}))}


def test_nothing_of_one_tenant_reaches_another(start_gateway: StartGateway, mock: Mock, tmp_path: Path) -> None:
    running = start_gateway(config(mock), env={"TIANJI_DATA_DIR": str(tmp_path / "data")})
    for name in ("a", "b"):
        made = running.post("/organization/new", {"organization_id": name, "organization_alias": name})
        assert made.status_code == 200, made.text
    for team, organization in (("a1", "a"), ("a2", "a"), ("b1", "b")):
        made = running.post("/team/new", {"team_id": team, "organization_id": organization})
        assert made.status_code == 200, made.text
    keys = {
        "one": key(running, team_id="a1"),
        "beside": key(running, team_id="a1"),
        "other team": key(running, team_id="a2"),
        "other organization": key(running, team_id="b1"),
        "nobody": key(running),
    }
    assert shares(running, keys, 1) == {"one", "beside", "other team"}
    reloaded(running, mock, "team")
    assert shares(running, keys, 2) == {"one", "beside"}
    reloaded(running, mock, "key")
    assert shares(running, keys, 3) == {"one"}
    both = [ask(running, keys[name], model="own", seed=4) for name in ("one", "beside")]
    assert not any(map(hit, both))  # of a model of their team neither
    assert hit(ask(running, keys["one"], model="own", seed=4))


def test_what_tags_lead_to_is_not_shared(start_gateway: StartGateway, mock: Mock) -> None:
    wanted = config(mock)
    wanted["model_list"] += [openai_model("tiered", f"{tag}-up", mock.url, tags=[tag]) for tag in ("paid", "free")]
    wanted["router_settings"]["enable_tag_filtering"] = True
    running = start_gateway(wanted)
    for tags in (["paid"], ["free"], ["free", "unknown"]):
        asked = [ask(running, model="tiered", metadata={"tags": tags}) for _ in range(2)]
        assert [hit(one) for one in asked] == [tags[-1] == "unknown", True]
    assert [json.loads(one["body"])["model"] for one in mock.requests()] == ["paid-up", "free-up"]
    for more in (
        {"extra_headers": {"x-mock-tokens": "3"}},
        {"drop_params": True},
        {"additional_drop_params": ["seed"]},
    ):
        assert not any(hit(ask(running, seed=1, **more)) for _ in range(2))
    assert not hit(ask(running, seed=1))


def test_opting_in(start_gateway: StartGateway, mock: Mock) -> None:
    running = start_gateway(config(mock, mode="default_off", supported_call_types=["acompletion"], namespace="ns"))
    assert not any(hit(ask(running)) for _ in range(2))
    assert [hit(ask(running, cache={"use-cache": True})) for _ in range(2)] == [False, True]
    assert ask(running, cache={"use-cache": True}).headers[KEY].startswith("ns:")
    embedded = {"model": "embed", "input": "a", "cache": {"use-cache": True}}
    assert not any(hit(running.post("/v1/embeddings", embedded)) for _ in range(2))
