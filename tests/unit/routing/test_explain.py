"""What would happen to a request, and what did."""

from tianji._core.routing.needs import Needs
from tianji.routing.abilities import ABILITY
from tianji.routing.eligibility import Scope
from tianji.routing.explain import Considered, Verdict, explain
from tianji.routing.router import Request
from tianji.routing.trail import LONGEST, Trail

from .simulation import Make, World


def explained(gateway: World, model: str, needs: Needs | None = None, **request: object) -> list[Considered]:
    asked = Request(model=model, **request)  # type: ignore[arg-type]
    return explain(gateway.router, asked, needs or Needs(), *gateway.resolve(model), gateway.now)


def test_every_deployment_has_its_reason(world: Make) -> None:
    gateway = world(
        "a:[a1,a2,a3,a4,a5,a6]",
        router={"routing_strategy": "lowest-cost"},
        params={
            "a1": {"region_name": "us"},
            "a2": {"region_name": "eu"},
            "a3": {"region_name": "eu"},
            "a4": {"region_name": "eu", "input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6},
            "a5": {"region_name": "eu", "max_parallel_requests": 1},
            "a6": {"region_name": "eu", "order": 2},
        },
        infos={"a2": {"supports_vision": False}, "a4": {"order": 2}},
    )
    gateway.table.health("a3").cool(gateway.now + 4)
    held = Needs(pin=gateway.table.health("a5"))
    assert gateway.selections.groups["a"].choose(held, gateway.now) == 4
    needs = Needs(bits=ABILITY["images"], scope=Scope(regions=("eu",)))
    for _ in range(2):  # nothing is taken
        (found,) = explained(gateway, "a", needs)
        assert found == Considered(
            "a",
            "cost",
            "a4",
            (
                Verdict("a1", "region", 0),
                Verdict("a2", "ability", 0),
                Verdict("a3", "cooldown", 4),
                Verdict("a4", "kept", 3e-6),
                Verdict("a5", "parallel", 1),
                Verdict("a6", "kept", 10),
            ),
        )
    assert gateway.ask(needs=needs).calls == ["a4"]
    assert gateway.in_flight() == 1


def test_the_way_through_fallbacks(world: Make) -> None:
    router = {"fallbacks": [{"a": ["nope", "b", "c", "d"]}, {"c": ["e"]}], "max_fallbacks": 2}
    gateway = world("a:[a1] b:[b1] c:[c1] d:[d1] e:[e1]", router=router)
    gateway.table.health("a1").cool(gateway.now + 4)

    def admits(name: str, _group: object) -> str | None:
        return "key" if name == "b" else None

    found = explained(gateway, "a", admits=admits)
    assert [(one.group, one.chosen, one.refused) for one in found] == [
        ("a", None, None),
        ("nope", None, "unknown"),
        ("b", None, "key"),
        ("c", "c1", None),
        ("e", "e1", None),
    ]
    assert [one.group for one in explained(gateway, "a", disable_fallbacks=True)] == ["a"]
    result = gateway.script(c1=500).ask(admits=admits)
    assert result.calls == ["c1", "e1"]
    assert result.trail == (
        "a:dropped=cooldown; nope:skipped=unknown; b:skipped=key; c/c1:sent; c/c1:failed=500; e/e1:sent"
    )


def test_the_trail_tells_of_waits_and_rests(world: Make) -> None:
    gateway = world("a:[a1] b:[b1]", router={"num_retries": 1, "fallbacks": [{"a": ["b"]}], "allowed_fails": 1})
    trail = gateway.script(a1=500).ask().trail.split("; ")
    assert trail[0:2] == ["a/a1:sent", "a/a1:failed=500"]
    assert trail[2].startswith("a:waited=")
    assert trail[3:] == ["a/a1:sent", "a/a1:failed=500,rests=5", "b/b1:sent"]


def test_the_trail_of_a_real_request_explains_where_that_is_asked(world: Make) -> None:
    gateway = world("a:[a1,a2] b:[b1]", router={"fallbacks": [{"a": ["b"]}]}, params={"a1": {"weight": 3}})
    gateway.table.health("a2").cool(gateway.now + 4)
    result = gateway.script(a1=500).ask(explains=True)
    assert result.trail.split("; ") == [
        "a/a1:kept=1",
        "a/a2:dropped=cooldown,4",
        "a/a1:sent",
        "a/a1:failed=500",
        "b/b1:kept=1",
        "b/b1:sent",
    ]


def test_a_trail_is_a_header_and_names_groups_apart() -> None:
    trail = Trail()
    trail.add("a", "sent", "id-1")
    trail.add("b\r\nx: y", "skipped", detail="ключ")
    trail.add("a", "failed", "id-1", "500")
    assert trail.header() == b"a/id-1:sent; b??x: y:skipped=????; a/id-1:failed=500"
    assert list(trail.groups()) == ["a", "b\r\nx: y"]
    for _ in range(5000):
        trail.add("a", "sent")
    assert len(trail.header()) == LONGEST
