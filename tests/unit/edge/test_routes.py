from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.auth.access import Access, Tenant
from tianji.edge.routes import REMEMBERED, Route, RouteTable
from tianji.errors import MethodNotAllowed, RouteNotFound


def row(methods, path):
    return Route(tuple(methods.split()), path, lambda exchange, match: None, Access.KEY, Tenant.CALLER, "")


TABLE = RouteTable(
    [
        row("GET", "/"),
        row("POST", "/v1/chat/completions"),
        row("GET POST", "/v1/models"),
        row("GET", "/v1/models/{model_id:path}"),
        row("GET", "/v1/models/special"),
        row("POST", "/engines/{model:path}/chat/completions"),
        row("POST", "/engines/{model:path}/completions"),
        row("GET", "/keys/{key}/parts/{part}"),
        row("DELETE", "/keys/mine/parts/{part}"),
        row("POST", "/v1/models/{model:path}:ask"),
        row("POST", "/v1/models/{model:path}:askAgain"),
    ]
)


@pytest.mark.parametrize(
    ("method", "path", "template", "params"),
    [
        ("GET", "/", "/", {}),
        ("HEAD", "/", "/", {}),
        ("POST", "/v1/chat/completions", "/v1/chat/completions", {}),
        ("POST", "/v1/chat/completions/", "/v1/chat/completions", {}),
        ("POST", "/v1/ch%61t/completions", "/v1/chat/completions", {}),
        ("GET", "/v1/models/special", "/v1/models/special", {}),
        ("GET", "/v1/models/gpt-4o", "/v1/models/{model_id:path}", {"model_id": "gpt-4o"}),
        ("GET", "/v1/models/a/b/c", "/v1/models/{model_id:path}", {"model_id": "a/b/c"}),
        ("GET", "/v1/models/a%2Fb", "/v1/models/{model_id:path}", {"model_id": "a/b"}),
        ("HEAD", "/v1/models/a%20b", "/v1/models/{model_id:path}", {"model_id": "a b"}),
        ("GET", "/v1/models/m%C3%BC", "/v1/models/{model_id:path}", {"model_id": "mü"}),
        ("POST", "/engines/a/b/chat/completions", "/engines/{model:path}/chat/completions", {"model": "a/b"}),
        ("POST", "/engines/a/completions", "/engines/{model:path}/completions", {"model": "a"}),
        ("GET", "/keys/mine/parts/7", "/keys/{key}/parts/{part}", {"key": "mine", "part": "7"}),
        ("DELETE", "/keys/mine/parts/7", "/keys/mine/parts/{part}", {"part": "7"}),
        ("POST", "/v1/models/a/b:ask", "/v1/models/{model:path}:ask", {"model": "a/b"}),
        ("POST", "/v1/models/a:1:askAgain", "/v1/models/{model:path}:askAgain", {"model": "a:1"}),
        ("GET", "/v1/models/a:ask", "/v1/models/{model_id:path}", {"model_id": "a:ask"}),
    ],
)
def test_what_matches(method, path, template, params):
    match = TABLE.match(method, path.encode())
    assert (match.route.path, dict(match.params)) == (template, params)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "*",
        "//",
        "/v1",
        "/v1//models",
        "//v1/models",
        "/v1/models//",
        "/v1%2Fmodels",
        "/v1/./models",
        "/v1/x/../models",
        "/v1/%2e%2e/models",
        "/v1/models/..",
        "/v1/models/a%2F..%2Fb",
        "/v1/models/a%2F%2Fb",
        "/v1/models/%2F",
        "/v1/models/a%00b",
        "/v1/models/%FF",
        "/v1/models/a%0Ab",
        "/V1/MODELS",
        "/v1/models%2Fspecial",
        "/keys/a%2Fparts/7",
    ],
)
def test_what_matches_nothing(path):
    with pytest.raises(RouteNotFound):
        TABLE.match("GET", path.encode())


@pytest.mark.parametrize("path", ["/v1/models/:ask", "/v1/models/..:ask", "/v1/models/a/:ask", "/v1/models/a:Ask"])
def test_what_stands_before_a_tail_is_a_part(path):
    with pytest.raises((RouteNotFound, MethodNotAllowed)):
        TABLE.match("POST", path.encode())


def test_a_wrong_method_is_told_the_right_ones():
    for path, allowed in (("/v1/models", ("GET", "HEAD", "POST")), ("/keys/mine/parts/1", ("DELETE", "GET", "HEAD"))):
        with pytest.raises(MethodNotAllowed) as caught:
            TABLE.match("PATCH", path.encode())
        assert caught.value.allowed == allowed
        assert caught.value.headers == ((b"allow", ", ".join(allowed).encode()),)


def test_exact_paths_are_found_without_matching():
    assert TABLE.exact[b"/v1/chat/completions"]["POST"] is TABLE.match("POST", b"/v1/chat/completions")


@pytest.mark.parametrize("paths", [("/a", "/a"), ("/a/{b}", "/a/{b}"), ("/{a:path}/{b:path}",), ("/{a:int}",), ("a",)])
def test_a_table_that_makes_no_sense_is_refused(paths):
    with pytest.raises(ValueError, match=r"/|slash"):
        RouteTable([row("GET", path) for path in paths])


def test_a_route_names_who_may_call_it_and_whose_data_it_touches():
    def handler(exchange, match):
        pass

    with pytest.raises(TypeError, match="access"):
        Route(("GET",), "/a", handler, tenant=Tenant.NONE, summary="")
    with pytest.raises(TypeError, match="tenant"):
        Route(("GET",), "/a", handler, access=Access.OPEN, summary="")
    with pytest.raises(ValueError, match="no caller"):
        RouteTable([Route(("GET",), "/a", handler, Access.OPEN, Tenant.CALLER, "")])


@given(st.binary(max_size=60))
def test_any_path_matches_or_is_refused(path):
    try:
        match = TABLE.match("GET", b"/" + path)
    except (RouteNotFound, MethodNotAllowed):
        return
    for value in match.params.values():
        assert not {"", ".", ".."} & set(value.split("/"))


@given(st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=30))
def test_a_value_survives_its_encoding(value):
    raw = f"/v1/models/{quote(value, safe='')}".encode()
    bad = {"", ".", ".."} & set(value.split("/")) or not value.isprintable()
    if bad:
        with pytest.raises(RouteNotFound):
            TABLE.match("GET", raw)
    elif value != "special":
        assert TABLE.match("GET", raw).params == {"model_id": value}


def test_another_table_takes_its_place_in_an_edge_and_what_was_found_is_forgotten():
    table = RouteTable([row("GET", "/a/{name}"), row("GET", "/same")])
    exact, found = table.exact, table.match("GET", b"/a/x")
    assert (found.params, found.raw) == ({"name": "x"}, b"/a/x")
    assert table.match("GET", b"/a/x") is found  # remembered
    other = row("GET", "/a/{other:path}")
    table.adopt(RouteTable([other, row("GET", "/new")]))
    assert table.exact is exact
    assert exact.keys() == {b"/new"}
    assert table.match("GET", b"/a/x").params == {"other": "x"}
    assert exact.keys() == {b"/new", b"/a/x"}
    with pytest.raises(RouteNotFound):
        table.match("GET", b"/same")


def test_paths_that_clients_invent_do_not_fill_the_memory():
    table = RouteTable([row("GET", "/a/{name}")])
    for number in range(3 * REMEMBERED):
        table.match("GET", b"/a/%d" % number)
    assert len(table.exact) <= REMEMBERED


def test_a_path_that_was_found_is_looked_up_as_it_was_sent_and_few_are_kept():
    table = RouteTable([row("GET", "/a/{rest:path}"), row("POST", "/a/own")])
    assert table.match("GET", b"/a/own").raw == b"/a/own"
    assert table.match("POST", b"/a/own").route.path == "/a/own"
    assert (table.match("GET", b"/a/b").raw, table.match("GET", b"/a/b/").raw) == (b"/a/b", b"/a/b/")
    assert set(table.exact[b"/a/own"]) == {"GET", "POST"}
    for number in range(REMEMBERED):
        table.match("GET", b"/a/%d" % number)
    assert len(table.exact) <= REMEMBERED + 1
    assert set(table.exact[b"/a/own"]) == {"POST"}, "the first that was found gave way"
