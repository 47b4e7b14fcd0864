"""Whole configurations compile, and what is written in them arrives."""

import re
from pathlib import Path

import pytest

from tianji._core.routing.dice import Dice
from tianji._core.routing.health import HealthTable
from tianji._core.routing.needs import Needs
from tianji.config import load
from tianji.errors import UnknownModel
from tianji.routing.abilities import OPERATION
from tianji.routing.attempts import Attempts, Send
from tianji.routing.failure import Kind
from tianji.routing.resolution import Resolution
from tianji.routing.router import Group, Request, Router
from tianji.routing.selections import Offer, Selections, compile_selections
from tianji.routing.settings import compile_router

from .simulation import failed

ROOT = Path(__file__).parents[3]
VARIABLE = re.compile(r"os\.environ/(\w+)")
KNOWN = {"TIANJI_ENVIRONMENT": "staging", "DATABASE_URL": "postgresql://user@host/name"}
FILES = sorted([*(ROOT / "tests/unit/config/conformance").glob("*.yaml"), *(ROOT / "examples").glob("*.yaml")])


def compiled(file: Path) -> tuple[Selections, Router]:
    environ = {name: "6399" if name.endswith("PORT") else "http://x" for name in VARIABLE.findall(file.read_text())}
    loaded = load(file, {**environ, **KNOWN}, directory=file.parent)
    members: dict[str, list[Offer]] = {}
    for entry in loaded.config.model_list:
        members.setdefault(entry.model_name, []).append(Offer(entry, frozenset(OPERATION)))
    table, dice = HealthTable(256), Dice(1)
    selections = compile_selections(loaded.config, members, table, dice)

    def resolve(name: str) -> tuple[Group, Resolution | None]:
        raise UnknownModel(name)

    return selections, compile_router(loaded.config, {}, selections, resolve, dice, table)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_sample_compiles_and_serves(file: Path) -> None:
    selections, router = compiled(file)
    for name, selection in selections.groups.items():
        group = type("Group", (), {"name": name, "selection": selection})()
        attempts = Attempts(router, Request(model=name), needs := Needs(bits=OPERATION["chat"]), group)
        step = attempts.next(0.0)
        if all(offer.entry.info.blocked for offer in selections.offers[name]):
            continue
        assert isinstance(step, Send)
        needs.succeeded(0.0)
        assert selection.in_flight == 0


def test_what_is_written_arrives() -> None:
    (file,) = [file for file in FILES if file.stem == "02_balancing"]
    selections, router = compiled(file)
    group = selections.groups["house-gpt"]
    assert (group.strategy, [health.id for health in group.healths]) == ("usage", ["east-1", "west-1"])
    allowed = {
        answer: router.retries.allowance(failed(answer, {}), ["house-gpt"], "east-1", None).retries
        for answer in (429, "Z", 401, 500)
    }
    assert allowed == {429: 4, "Z": 1, 401: 0, 500: 2}
    assert router.retries.least_wait(["house-gpt"]) == 1
    assert router.fallbacks.general == {"house-gpt": ("backup-gpt",), "*": ("backup-gpt",)}
    assert router.fallbacks.own_table(Kind.CONTEXT_WINDOW) == {"house-gpt": ("long-context",)}
    assert router.fallbacks.own_table(Kind.CONTENT_POLICY) == {"house-gpt": ("backup-gpt",)}
    assert router.fallbacks.most == 3
    east = group.healths[0]
    assert [router.cooldowns.failed(east, failed(500, {}), 0.0) for _ in range(6)] == [*[None] * 5, 15]
    assert [router.cooldowns.failed(east, failed("Z", {}), 0.0) for _ in range(3)] == [None, None, 15]
    taken = [Needs(bits=OPERATION["chat"]) for _ in range(1000)]
    positions = [group.choose(needs, 120.0) for needs in taken]
    assert (positions.count(0), positions.count(1)) == (600, 40), "requests at a time, and a minute"
