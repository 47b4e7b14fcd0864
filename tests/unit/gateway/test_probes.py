"""Which model a deployment is asked for, to see whether it answers."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tianji._core.limits.limiter import LimitTable
from tianji._core.routing.dice import Dice
from tianji._core.routing.health import HealthTable
from tianji._core.sharing.shm import SharedCounters
from tianji.accounting.prices.catalogue import Catalogue
from tianji.accounting.prices.deployments import listed_facts
from tianji.config.loader import load
from tianji.gateway.compiled.shared import Shared
from tianji.gateway.compiled.snapshot import Snapshot, acceptable
from tianji.gateway.upkeep.probes import cheapest, named

KEYS = {"OPENAI_API_KEY": "sk-one", "ANTHROPIC_API_KEY": "k", "GEMINI_API_KEY": "k"}


async def never(_texts: list[str]) -> list[list[float]]:
    raise AssertionError("nothing is embedded")


def compiled(tmp_path: Path, name: str, params: str, info: str = "") -> Snapshot:
    file = tmp_path / "config.yaml"
    file.write_text(
        f"model_list: [{{model_name: '{name}', litellm_params: {{{params}}}, model_info: {{id: a{info}}}}}]"
    )
    loaded = load(file, KEYS, directory=tmp_path, accepts=acceptable(KEYS))
    shared = Shared(SharedCounters(1024), HealthTable(64), LimitTable(16))
    return Snapshot(loaded, shared, Dice(1), lambda _: never)


def asked(snapshot: Snapshot) -> tuple[str | None, str | None]:
    """Return what is asked for in the background, and by somebody."""
    ((pair,),) = snapshot.members.values()
    return named(snapshot, *pair), cheapest(snapshot, *pair)


def test_a_model_is_asked_for_itself(tmp_path: Path) -> None:
    assert asked(compiled(tmp_path, "m", "model: openai/gpt-4o")) == ("gpt-4o", "gpt-4o")


def test_a_pattern_says_what_stands_for_it(tmp_path: Path) -> None:
    snapshot = compiled(tmp_path, "openai/*", "model: 'openai/*'", ", health_check_model: openai/gpt-4o")
    assert asked(snapshot) == ("gpt-4o", "gpt-4o")


@pytest.mark.parametrize("provider", ["openai", "anthropic", "gemini"])
def test_for_a_pattern_stands_the_cheapest_that_is_still_there(tmp_path: Path, provider: str) -> None:
    snapshot = compiled(tmp_path, f"{provider}/*", f"model: '{provider}/*'")
    background, found = asked(snapshot)
    assert background is None
    assert found is not None
    ((entry, deployment),) = snapshot.members[f"{provider}/*"]
    catalogue, today = Catalogue.current(KEYS), datetime.now(UTC).date().isoformat()
    facts = listed_facts(entry, deployment.provider, found, catalogue)
    assert facts["mode"] == "chat"
    assert str(facts.get("deprecation_date", "9999")) > today
    known = [listed_facts(entry, provider, name.removeprefix(f"{provider}/"), catalogue)
             for name in snapshot.listed.behind(f"{provider}/*")]  # fmt: skip
    assert not any(
        float(str(one["input_cost_per_token"])) < float(str(facts["input_cost_per_token"]))
        for one in known
        if one.get("mode") == "chat"
        and one.get("input_cost_per_token") is not None
        and str(one.get("deprecation_date") or "9999") > today
    )


def test_nobody_knows_what_is_behind_an_address_of_ones_own(tmp_path: Path) -> None:
    snapshot = compiled(tmp_path, "openai/*", "model: 'openai/*', api_base: 'http://up.test/v1'")
    assert asked(snapshot) == (None, None)
