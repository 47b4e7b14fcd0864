"""Which guardrails a request meets: by default, by name, by owner, by model, by tag and by stream."""

import msgspec
import pytest
from tests.unit.guardrails.kinds import looking

from tianji.config.schema.sections import Pipeline, PipelineStep
from tianji.errors import InvalidRequest, PermissionDenied
from tianji.guardrails.guardrail import Guardrail, Modes
from tianji.guardrails.policies import Applied
from tianji.guardrails.selection import Asking, Owned, Plan, Selection, owned, wishes
from tianji.guardrails.vendor import Hook
from tianji.guardrails.verdict import Allow

PRE, POST, LOG = Hook.PRE_CALL, Hook.POST_CALL, Hook.LOGGING_ONLY


def guardrail(name: str, *hooks: Hook, **about: object) -> Guardrail:
    modes = about.pop("modes", Modes(frozenset(hooks or {PRE})))
    return looking(lambda _content, _occasion: Allow(), name=name, id=name, modes=modes, **about)


ALL = [
    guardrail("usual", default_on=True),
    guardrail("named"),
    guardrail("after", POST),
    guardrail("logged", LOG),
    guardrail("tagged", modes=Modes(frozenset({POST}), {"strict": frozenset({PRE})}), default_on=True),
    guardrail("streams", default_on=True, streams={PRE: "streaming"}),
]


def plan(**asking: object) -> Plan:
    return Selection(ALL).plan(Asking(**asking))


def names(found: Plan, hook: Hook = PRE) -> list[str]:
    return [one.name for one in found.at(hook)]


def test_those_of_everybody_and_those_that_are_named() -> None:
    assert names(plan()) == ["usual"]
    assert names(plan(names=("named",))) == ["usual", "named"]
    assert names(plan(owner=Owned(names=("named",)))) == ["usual", "named"]
    assert names(plan(model_names=("named",))) == ["usual", "named"]
    assert names(plan(applied=Applied(names=("named",)))) == ["usual", "named"]


def test_who_is_exempt_by_an_admin_meets_none_by_default() -> None:
    assert names(plan(owner=Owned(none=True), names=("named",))) == ["named"]
    assert names(plan(owner=Owned(left_out=frozenset({"usual"})))) == []


def test_what_looks_at_logs_alone_needs_no_name() -> None:
    assert names(plan(), LOG) == ["logged"]
    assert plan().judges
    assert not Selection([guardrail("logged", LOG)]).plan(Asking()).judges


def test_the_first_tag_that_is_known_decides() -> None:
    assert "tagged" in names(plan(tags=("other", "strict")))
    assert "tagged" not in names(plan(tags=("other",)))
    assert "tagged" in names(plan(tags=("other",)), POST)


def test_a_stream_has_its_own() -> None:
    assert "streams" in names(plan(streamed=True))
    assert "streams" not in names(plan(streamed=False))


def test_a_name_that_nobody_has_is_refused_where_the_request_says_it() -> None:
    with pytest.raises(InvalidRequest, match="no guardrail is called nobody"):
        plan(names=("nobody",))
    assert names(plan(owner=Owned(names=("nobody",)))) == ["usual"]
    assert names(Selection(ALL, ignores_unknown=True).plan(Asking(names=("nobody",)))) == ["usual"]


def test_those_of_one_name_take_turns_and_each_hook_has_its_own() -> None:
    pair = [
        guardrail(
            "pair",
            default_on=True,
        ),
        guardrail("pair", PRE, POST, default_on=True),
    ]
    found = Selection(pair).plan(Asking())
    assert [found.at(PRE, turn)[0] for turn in (0, 1, 2)] == [pair[0], pair[1], pair[0]]
    assert found.at(POST, 0) == [pair[1]] == found.at(POST, 1)


def test_what_a_pipeline_runs_does_not_run_again() -> None:
    pipeline = Pipeline(mode=PRE, steps=(PipelineStep(guardrail="usual"),))
    found = plan(applied=Applied(names=("usual",), pipelines=(("p", pipeline),)))
    assert names(found) == []
    assert found.steps["usual"] == (ALL[0],)
    assert "usual" in found.names


def test_equal_requests_share_their_plan() -> None:
    selection = Selection(ALL)
    assert selection.plan(Asking(names=("named",))) is selection.plan(Asking(names=("named",)))


def test_what_admins_wrote_is_read_and_nothing_else() -> None:
    found = owned(
        {"guardrails": ["a"], "opted_out_global_guardrails": ["u"], "policies": ["p"]},
        {"guardrails": ["b", 7], "disable_global_guardrails": True},
    )
    assert found == Owned(("a", "b"), ("p",), none=True, left_out=frozenset({"u"}))
    assert owned({"disable_global_guardrails": "yes"}) == Owned()
    assert owned({}, {"guardrails": {"modify_guardrails": False}}) == Owned(fixed=True)
    assert owned({}, {"guardrails": {"modify_guardrails": True}}) == Owned()


def test_a_team_may_keep_its_members_from_naming_guardrails() -> None:
    selection, fixed = Selection(ALL), Owned(names=("named",), fixed=True)
    assert selection.plan(Asking(owner=fixed)).names
    with pytest.raises(PermissionDenied, match="modify"):
        selection.plan(Asking(names=("named",), owner=fixed))


def test_a_request_says_names_and_values() -> None:
    found = wishes([b'["a", {"b": {"extra_body": {"x": 1}}}]', None, b'["c"]'], b'{"language": "de"}')
    assert found.names == ("a", "b", "c")
    assert found.dynamic == {"b": {"x": 1}}
    assert found.settings == {"language": "de"}
    assert wishes([b'"[\\"a\\"]"'], None).names == ("a",), "a field of a form is a text"


@pytest.mark.parametrize("raw", [b'"a"', b"[1]", b'[{"a": 1}]', b"{}", b'["\\ud800"]'])
def test_what_is_no_list_of_names_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidRequest, match="guardrails"):
        wishes([raw], None)


def test_too_many_names_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="32"):
        wishes([msgspec.json.encode([f"g{i}" for i in range(33)])], None)
