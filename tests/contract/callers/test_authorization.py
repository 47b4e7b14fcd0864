"""Every management route, asked by every role, for an object of its own and for somebody else's.

The routes come out of the table itself: one that this file does not know fails it. What belongs to others has the word
FOREIGN in its ids, and no answer that a role gets about its own may hold that word.
"""

import hashlib
from collections.abc import Iterator

import httpx
import pytest
from tests.contract.callers.rights import CASES, EACH_FOR_ITSELF, HIDDEN, LISTS
from tests.contract.callers.roles import ADMIN, FOREIGN, HEAD, LEADER, NOBODY, ROLES, USER, VIEWER, WATCHER, World
from tests.contract.harness import Gateway, Mock, openai_model

from tianji.auth.owners import digest
from tianji.management.administration import FOLDERS
from tianji.objects.ids import Copy, Ref, Seal
from tianji.objects.kinds import KINDS
from tianji.objects.rows import IN_PATH
from tianji.objects.rows import ROWS as OBJECTS
from tianji.passthrough.routes import TAGS as PASSED_ON

ROUTES = [(row.method, row.path) for families in FOLDERS.values() for rows in families.values() for row in rows]


@pytest.fixture(scope="module")
def world(mock_process: Mock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    config = {
        "model_list": [openai_model("m", "gpt-test", mock_process.url) | {"model_info": {"id": "m-1"}}],
        "general_settings": {
            "store_model_in_db": True,
            "provider_url_destination_allowed_hosts": ["127.0.0.1"],
        },
        "litellm_settings": {"callbacks": ["tried"], "store_audit_logs": True},
        "callback_settings": {
            "tried": {
                "callback_type": "generic_api",
                "log_format": "single",
                "endpoint": f"{mock_process.url}/v1/chat/completions",
            }
        },
    }
    with Gateway(config, tmp_path_factory.mktemp("roles"), edge="native") as gateway:
        made = World(gateway)
        with made.stranger:
            yield made


def done(world: World, role: str, side: str, route: tuple[str, str]) -> httpx.Response:
    method, path = route
    fields = CASES[route][0](world, role, side)
    for name in [name for name in fields if name.startswith("path:")]:
        path = path.replace("{" + name[5:] + "}", fields.pop(name))
    answer = world.send(world.keys[role], method, path, **fields)
    if method != "GET" and answer.status_code == 200:
        world.kept.touched()
    return answer


ASKS_OTHERS = {"/spend/capture_rate"}  # of whom this gateway has no key


def allowed(answer: httpx.Response, path: str) -> bool:
    """Whether it was done. Whatever is refused is refused as such, and nothing else goes wrong."""
    if path in ASKS_OTHERS and answer.status_code == 503:
        return True
    if path in EACH_FOR_ITSELF and answer.status_code == 200:
        told = answer.json()
        good = told["successful_updates"]
        return bool(good)
    assert answer.status_code in (200, 401, 403, 400 if path in HIDDEN else 403), answer.text
    return answer.status_code == 200


def test_every_route_is_here() -> None:
    assert set(ROUTES) == set(CASES)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("route", ROUTES, ids=" ".join)
def test_a_role_may_do_to_its_own_what_the_table_says(world: World, route: tuple[str, str], role: str) -> None:
    answer = done(world, role, "own", route)
    assert allowed(answer, route[1]) == (role in CASES[route][1]), answer.text
    if role not in (ADMIN, VIEWER) and answer.status_code == 200:
        assert FOREIGN not in answer.text


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("route", ROUTES, ids=" ".join)
def test_nobody_but_an_administrator_touches_what_is_foreign(world: World, route: tuple[str, str], role: str) -> None:
    method, path = route
    answer = done(world, role, FOREIGN, route)
    if path in LISTS:
        assert allowed(answer, path) == (role in CASES[route][1])
    elif path == "/budget/settings" and role == HEAD:
        assert answer.status_code == 404  # whether there is one is nobody else's business
    else:
        reads = method == "GET" or path == "/organization/info"  # which tells of several by POST
        assert allowed(answer, path) == (role == ADMIN or (role == VIEWER and reads)), answer.text
    if role not in (ADMIN, VIEWER) and answer.status_code == 200 and path not in EACH_FOR_ITSELF:
        assert FOREIGN not in answer.text


@pytest.mark.parametrize("route", ROUTES, ids=" ".join)
def test_nobody_comes_without_a_key(world: World, route: tuple[str, str]) -> None:
    method, path = route
    for headers in ({}, {"authorization": "Bearer sk-nobody-has-this-one"}, {"authorization": "Bearer"}):
        assert world.stranger.request(method, path, headers=headers).status_code == 401


# ---- all routes there are, the table's own word on them against what it means


OF_A_SESSION = {"/session/logout", "/sso/logout", "/user/password/change", "/sso/cli/complete/{login_id}"}
JUDGED_BY_THEMSELVES = {"/login", "/v2/login", "/v3/login", "/sso/cli/poll/{login_id}", "/sso/callback"}
READING = ("GET", "HEAD", "OPTIONS")


def table(world: World) -> list[tuple[str, str, str, str]]:
    """Method, path, access and tenant of every route that the gateway answers itself."""
    paths = world.gateway.client.get("/openapi.json").json()["paths"]
    return [
        (method.upper(), path, row["x-access"], row["x-tenant"])
        for path, rows in paths.items()
        for method, row in rows.items()
        if row["tags"] != [*PASSED_ON]  # that is answered by somebody else
    ]


def may_come(role: str, access: str, method: str) -> bool:
    """Whether the row of a route lets a role in at all; whose object it is comes afterwards."""
    if access in ("open", "key", "info", "self"):
        return True
    if access == "master_key":
        return False
    if role == ADMIN:
        return True
    if role == VIEWER:
        return method in READING
    if access == "internal_user":
        return role in (HEAD, LEADER, USER) or (role == WATCHER and method in READING)
    return access == "organization_admin" and role == HEAD


def call(world: World, method: str, path: str, headers: dict[str, str]) -> httpx.Response:
    """Ask for nothing in particular: ids that nobody has, and a body that says nothing."""
    for part in [part for part in path.split("/") if "{" in part]:
        path = path.replace(part, part.partition("{")[0] + "nobodys-id" + part.partition("}")[2])
    body = {} if method in ("GET", "HEAD") else {"json": {}}
    return world.stranger.request(method, path, headers=headers, **body)


@pytest.mark.parametrize("role", ROLES)
def test_every_route_lets_in_whom_its_row_names(world: World, role: str) -> None:
    owner = {} if role == NOBODY else {"user_id": f"user-{role}"}
    headers = {"authorization": f"Bearer {world.master('POST', '/key/generate', **owner)['key']}"}
    wrong = []
    for method, path, access, _ in table(world):
        status = call(world, method, path, headers).status_code
        if not may_come(role, access, method):
            good = status in (401, 403)
        elif path in JUDGED_BY_THEMSELVES | OF_A_SESSION:
            good = status != 500
        else:
            good = status not in ((401, 403, 500) if role == ADMIN else (401, 500))
        if not good:
            wrong.append((method, path, access, status))
    assert wrong == []


@pytest.mark.parametrize("sent", [{}, {"authorization": "Bearer sk-nobody-has-this-one"}], ids=["nothing", "nobody's"])
def test_no_route_but_the_open_ones_lets_anybody_in(world: World, sent: dict[str, str]) -> None:
    wrong = []
    for method, path, access, _ in table(world):
        status = call(world, method, path, sent).status_code
        if path not in JUDGED_BY_THEMSELVES and (status == 401) == (access == "open"):
            wrong.append((method, path, access, status))
    assert wrong == []


def test_what_touches_a_callers_data_is_looked_at_here_or_where_objects_are(world: World) -> None:
    """A new family of routes that name somebody's object needs a test like those above."""
    known = {path for _, path in ROUTES} | {path for row in OBJECTS for path in row.templates} | OF_A_SESSION
    named = {
        path
        for _, path, _, tenant in table(world)
        if tenant == "caller" and {part.partition("{")[2].partition("}")[0] for part in path.split("/")} - NO_OBJECTS
    }
    assert {path for path in named - known if not path.startswith(ELSEWHERE)} == set()


# where the id names no object of a caller's, or has a test of its own
NO_OBJECTS = {"", "model", "model_id", "tool", "servers"}
ELSEWHERE = (
    "/v1/responses/", "/responses/", "/openai/v1/responses/",  # test_stored_responses
    "/v1/messages/batches/",  # test_message_batches
    "/v1/realtime/calls/", "/realtime/calls/", "/openai/v1/realtime/calls/",  # test_calls
)  # fmt: skip


def ids_of(owner: str, salt: str) -> dict[str, str]:
    """The ids of objects that somebody has, one of each kind."""
    copy = Copy(digest("deployment m-1"), "upstreams-id")
    return {kind.name: Seal(salt).close(kind, Ref(digest(owner), (copy,))) for kind in KINDS}


@pytest.mark.parametrize("role", ROLES[1:])
def test_objects_of_others_are_not_there(world: World, mock: Mock, role: str) -> None:
    """By every route that names one, also beside an object of his own."""
    headers = {"authorization": f"Bearer {world.keys[role]}"}
    own = "key " + hashlib.sha256(world.keys[role].encode()).hexdigest() if role == NOBODY else f"user user-{role}"
    foreign, mine = (ids_of(owner, world.gateway.key) for owner in ("user somebody", own))
    for row in OBJECTS:
        names = [name for name in IN_PATH if "{" + name + "}" in row.path]
        for at in range(len(names)):
            ids = {name: (foreign if number == at else mine)[name] for number, name in enumerate(names)}
            for template in row.templates:
                path = template.format(**ids, provider="openai")
                answer = world.stranger.request(row.method, path, headers=headers)
                assert answer.status_code == 404, (row.method, path, answer.text)
    assert mock.requests() == []
    world.stranger.get(f"/v1/files/{mine['file']}", headers=headers)
    assert [one["path"] for one in mock.requests()] == ["/v1/files/upstreams-id"]  # his own is asked for
