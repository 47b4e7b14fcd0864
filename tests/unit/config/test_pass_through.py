"""`general_settings.pass_through_endpoints`: what is refused, what is only doubted, and what the database adds."""

import msgspec
import pytest

from tianji.config import InvalidConfiguration
from tianji.config.additions import Additions, endpoint_of, extend
from tianji.config.checks.pass_through import fault_of, is_path
from tianji.config.problems import Problem
from tianji.config.schema.general import PassThroughEndpoint
from tianji.config.secrets import Secrets

from .conftest import MODEL, Snippet

GOOD = "{path: /a, target: https://internal.service/v1}"


def problems_of(snippet: Snippet, *entries: str) -> tuple[Problem, ...]:
    text = MODEL + "general_settings:\n  pass_through_endpoints:\n" + "".join(f"    - {entry}\n" for entry in entries)
    try:
        return snippet(text).problems
    except InvalidConfiguration as refused:
        return refused.findings


@pytest.mark.parametrize(
    ("entry", "key", "message", "fatal"),
    [
        ("{path: /a, target: ftp://host/x}", "target", "no http", True),
        ("{path: /a, target: 'https://user:pw@host'}", "target", "credentials", True),
        ("{path: /a, target: 'https://host/#x'}", "target", "fragment", True),
        ("{path: /a, target: 'https://[1'}", "target", "no address", True),
        ("{path: /a, target: my_module.adapter}", "target", "so there is no route", False),
        ("{path: '/a/{id}', target: https://host}", "path", "means nothing", True),
        ("{path: /é, target: https://host}", "path", "means nothing", True),
        ("{path: /a, target: https://host, methods: [get, FETCH]}", "methods", "not served", True),
        ("{path: /a, target: https://host, cost_per_request: -1}", "cost_per_request", "below 0", True),
        ("{path: /a, target: https://host, timeout: -1}", "timeout", "below 0", True),
    ],
)
def test_an_endpoint_that_is_wrong(snippet: Snippet, entry: str, key: str, message: str, fatal: bool) -> None:
    (problem,) = problems_of(snippet, GOOD.replace("/a,", "/other,"), entry)
    assert problem.key == f"general_settings.pass_through_endpoints[1].{key}"
    assert message in problem.message
    assert (problem.fatal, problem.line) == (fatal, 6)


def test_one_that_is_right_is_not_spoken_of(snippet: Snippet) -> None:
    assert problems_of(snippet, GOOD, "{path: /b, target: 'http://10.0.0.1:80/x?a=1', methods: [get]}") == ()


def test_two_for_one_path_are_refused_with_both_places(snippet: Snippet) -> None:
    (problem,) = problems_of(snippet, GOOD, "{path: a/, methods: [POST], target: https://host}")
    assert problem.fatal
    assert (problem.key, problem.line) == ("general_settings.pass_through_endpoints[1].path", 6)
    assert "for POST" in problem.message
    assert problem.remedy.endswith("c.yaml:5")
    assert (
        problems_of(snippet, GOOD.replace("}", ", methods: [GET]}"), "{path: /a, methods: [POST], target: https://h}")
        == ()
    )


def test_targets_and_paths() -> None:
    assert fault_of("https://internal.service/v1") is None
    assert fault_of("http://[::1]:8080") is None
    for wrong in ("https://", "https://a b/", "https://a\\b", "//host/x", "", "https://host:port/"):
        assert fault_of(wrong) is not None
    assert is_path("/a/b-c_d.e~1")
    assert not any(map(is_path, ("", "/a b", "/a%2f", "/a?b", "/{a}", "/*")))


class TestOfTheDatabase:
    def test_they_go_before_those_of_the_file(self, snippet: Snippet) -> None:
        entries = f"[{GOOD}, {{path: /b, target: https://b}}]"
        loaded = snippet(MODEL + f"general_settings: {{pass_through_endpoints: {entries}}}\n", SECRET="s3cret")
        mine = {"id": "1", "path": "/a/", "target": "https://mine", "headers": {"x": "key os.environ/SECRET"}}
        broken = {"id": "2", "path": "/c", "target": 5}
        extended = extend(loaded, Additions(endpoints=(mine, broken)), lambda _params: None)
        first, second = extended.loaded.config.general_settings.pass_through_endpoints
        assert (first.path, first.target, first.stored) == ("/a/", "https://mine", True)
        assert first.headers == {"x": "key s3cret"}
        assert (second.path, second.stored) == ("/b", False)
        (complaint,) = extended.complaints(Additions(endpoints=(mine, broken)))
        assert complaint.startswith("pass-through endpoint /c (2) of the database: target: must be text")

    def test_what_is_written_becomes_what_a_file_says(self) -> None:
        members = {"id": "1", "path": "/a", "target": "https://a", "methods": ["GET"], "auth": False, "timeout": 3}
        endpoint, objection = endpoint_of(members, Secrets({}))
        assert objection is None
        expected = PassThroughEndpoint(
            id="1", path="/a", target="https://a", methods=("GET",), auth=False, timeout=3.0, stored=True
        )
        assert endpoint == msgspec.structs.replace(expected)
        assert endpoint_of({"id": "1", "target": "https://a"}, Secrets({}))[0] is None
