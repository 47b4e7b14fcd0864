"""Every management route, asked by every role, for an object of its own and for somebody else's.

The routes come out of the table itself: one that this file does not know fails it. What belongs to others has the word
FOREIGN in its ids, and no answer that a role gets about its own may hold that word.
"""

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from tests.contract.harness import Gateway, Mock, openai_model
from tests.contract.roles import (
    ADMIN,
    ENDPOINTS,
    EVERYBODY,
    FOREIGN,
    HEAD,
    LEADER,
    NOBODY,
    ROLES,
    USER,
    VIEWER,
    WATCHER,
    World,
    guardrail,
    model,
    numbers,
)

from tianji.management.administration import FAMILIES
from tianji.objects.ids import Copy, Ref, Seal, digest
from tianji.objects.kinds import KINDS
from tianji.objects.rows import IN_PATH
from tianji.objects.rows import ROWS as OBJECTS
from tianji.passthrough.routes import TAGS as PASSED_ON

ROUTES = [(row.method, row.path) for rows in FAMILIES.values() for row in rows]
Ask = Callable[[World, str, str], dict[str, Any]]  # what to send: (world, role, side) -> fields; `path:` in the path
CUSTOMER: dict[str, tuple[Ask, set[str]]] = {
    "new": (lambda w, r, s: {"user_id": f"{s}-{next(numbers)}"}, {ADMIN}),
    "update": (lambda w, r, s: {"user_id": w.named("/customer/new", s, user_id=None), "alias": "x"}, {ADMIN}),
    "delete": (lambda w, r, s: {"user_ids": [w.named("/customer/new", s, user_id=None)]}, {ADMIN}),
    "block": (lambda w, r, s: {"user_ids": [w.named("/customer/new", s, user_id=None)]}, {ADMIN}),
    "unblock": (lambda w, r, s: {"user_ids": [w.named("/customer/new", s, user_id=None)]}, {ADMIN}),
    "info": (lambda w, r, s: {"end_user_id": w.named("/customer/new", s, user_id=None)}, {ADMIN, VIEWER}),
    "list": (lambda w, r, s: {}, {ADMIN, VIEWER}),
}
DAYS = {"start_date": "2026-01-01 00:00:00", "end_date": "2026-01-02 00:00:00"}
SPAN = {"start_date": "2026-01-01", "end_date": "2026-01-02"}
ACTIVITY: dict[str, tuple[Ask, set[str]]] = {
    "user": (
        lambda w, r, s: {
            **SPAN,
            **({} if (r, s) == (NOBODY, "own") else {"user_id": f"user-{r if s == 'own' else s}"}),
        },
        EVERYBODY,
    ),
    "team": (lambda w, r, s: {**SPAN, "team_ids": f"team-{s}"}, EVERYBODY - {NOBODY}),
    "organization": (lambda w, r, s: {**SPAN, "organization_ids": f"org-{s}"}, {ADMIN, VIEWER, HEAD}),
    "tag": (lambda w, r, s: {**SPAN, "tags": "t"}, EVERYBODY - {NOBODY}),
    **{name: (lambda w, r, s: SPAN, {ADMIN, VIEWER}) for name in ("customer", "end_user", "agent")},
}
GLOBAL = (
    "spend", "spend/logs", "spend/keys", "spend/teams", "spend/models", "spend/provider", "spend/tags",
    "spend/all_tag_names", "spend/report", "activity", "activity/model",
    "activity/cache_hits",
)  # fmt: skip
# path: what to send, which roles may do it to what is theirs
CALLBACK = "/team/{team_id}/callback"
CASES: dict[tuple[str, str], tuple[Ask, set[str]]] = {
    ("POST", "/key/generate"): (
        lambda w, r, s: {"team_id": "team-foreign"} if s == FOREIGN else {},
        {ADMIN, HEAD, LEADER, USER},
    ),
    ("POST", "/key/service-account/generate"): (lambda w, r, s: {"team_id": f"team-{s}"}, {ADMIN, HEAD, LEADER}),
    ("POST", "/key/update"): (
        lambda w, r, s: {"key": w.key(r, s), "key_alias": f"x{next(numbers)}"},
        {ADMIN, HEAD, LEADER, USER},
    ),
    ("POST", "/key/bulk_update"): (
        lambda w, r, s: {"keys": [{"key": w.key(r, s), "aliases": {}}]},
        {ADMIN, HEAD, LEADER, USER},
    ),
    ("POST", "/key/delete"): (lambda w, r, s: {"keys": [w.key(r, s)]}, {ADMIN, HEAD, LEADER, USER}),
    ("POST", "/key/block"): (lambda w, r, s: {"key": w.key(r, s)}, {ADMIN, HEAD, LEADER, USER}),
    ("POST", "/key/unblock"): (lambda w, r, s: {"key": w.key(r, s)}, {ADMIN, HEAD, LEADER, USER}),
    ("POST", "/key/regenerate"): (lambda w, r, s: {"key": w.key(r, s)}, {ADMIN, HEAD, LEADER, USER}),
    ("POST", "/key/{key}/regenerate"): (lambda w, r, s: {"path:key": w.key(r, s)}, {ADMIN, HEAD, LEADER, USER}),
    ("POST", "/key/{key}/reset_spend"): (lambda w, r, s: {"path:key": w.key(r, s), "reset_to": 0}, {ADMIN}),
    ("GET", "/key/info"): (lambda w, r, s: {"key": w.keys[r] if s == "own" else w.key(r, s)}, EVERYBODY),
    ("POST", "/v2/key/info"): (lambda w, r, s: {"keys": [w.keys[r] if s == "own" else w.key(r, s)]}, EVERYBODY),
    ("GET", "/key/list"): (
        lambda w, r, s: {"return_full_object": True, "include_team_keys": True, "team_id": f"team-{s}"},
        EVERYBODY,
    ),
    ("GET", "/key/aliases"): (lambda w, r, s: {}, EVERYBODY),
    ("POST", "/user/new"): (lambda w, r, s: {"organizations": [f"org-{s}"]}, {ADMIN, HEAD}),
    ("POST", "/user/update"): (lambda w, r, s: {"user_id": w.user(s), "user_alias": "x"}, {ADMIN, HEAD}),
    ("POST", "/user/bulk_update"): (
        lambda w, r, s: {"users": [{"user_id": w.user(s), "user_alias": "x"}]},
        {ADMIN, HEAD},
    ),
    ("POST", "/user/delete"): (lambda w, r, s: {"user_ids": [w.user(s)]}, {ADMIN, HEAD}),
    ("GET", "/user/info"): (
        lambda w, r, s: {"user_id": f"user-{r}" if s == "own" else w.user(s)},
        EVERYBODY - {NOBODY},
    ),
    ("GET", "/v2/user/info"): (
        lambda w, r, s: {"user_id": f"user-{r}" if s == "own" else w.user(s)},
        EVERYBODY - {NOBODY},
    ),
    ("GET", "/user/list"): (lambda w, r, s: {}, {ADMIN, VIEWER, HEAD, LEADER}),
    ("POST", "/team/new"): (lambda w, r, s: {"organization_id": f"org-{s}"}, {ADMIN, HEAD}),
    ("POST", "/team/update"): (lambda w, r, s: {"team_id": f"team-{s}", "team_alias": "x"}, {ADMIN, HEAD, LEADER}),
    ("PATCH", "/team/{team_id}"): (lambda w, r, s: {"path:team_id": f"team-{s}", "team_alias": "x"}, {ADMIN, HEAD}),
    ("POST", "/team/delete"): (lambda w, r, s: {"team_ids": [w.team(s)]}, {ADMIN, HEAD}),
    ("POST", "/team/block"): (lambda w, r, s: {"team_id": w.team(s)}, {ADMIN, HEAD}),
    ("POST", "/team/unblock"): (lambda w, r, s: {"team_id": w.team(s)}, {ADMIN, HEAD}),
    ("POST", "/team/model/add"): (lambda w, r, s: {"team_id": w.team(s), "models": ["m"]}, {ADMIN}),
    ("POST", "/team/model/delete"): (lambda w, r, s: {"team_id": w.team(s), "models": ["m"]}, {ADMIN}),
    ("GET", "/team/info"): (lambda w, r, s: {"team_id": f"team-{s}"}, EVERYBODY - {NOBODY}),
    ("GET", "/team/list"): (lambda w, r, s: {"organization_id": f"org-{s}"}, EVERYBODY),
    ("GET", "/v2/team/list"): (lambda w, r, s: {"organization_id": f"org-{s}"}, EVERYBODY),
    ("GET", "/team/available"): (lambda w, r, s: {}, EVERYBODY),
    ("POST", "/team/member_add"): (
        lambda w, r, s: {"team_id": f"team-{s}", "member": {"user_id": f"member-{s}-{next(numbers)}"}},
        {ADMIN, HEAD, LEADER},
    ),
    ("POST", "/team/bulk_member_add"): (
        lambda w, r, s: {"team_id": f"team-{s}", "members": [{"user_id": f"member-{s}-{next(numbers)}"}]},
        {ADMIN, HEAD},
    ),
    ("POST", "/team/member_update"): (
        lambda w, r, s: {"team_id": f"team-{s}", "user_id": w.member(s), "role": "user"},
        {ADMIN, HEAD, LEADER},
    ),
    ("POST", "/team/member_delete"): (
        lambda w, r, s: {"team_id": f"team-{s}", "user_id": w.member(s)},
        {ADMIN, HEAD, LEADER},
    ),
    ("GET", "/team/permissions_list"): (lambda w, r, s: {"team_id": f"team-{s}"}, EVERYBODY - {NOBODY}),
    ("POST", "/team/permissions_update"): (
        lambda w, r, s: {"team_id": f"team-{s}", "team_member_permissions": []},
        {ADMIN, HEAD, LEADER},
    ),
    ("POST", CALLBACK): (lambda w, r, s: {"path:team_id": w.team(s), "callback_name": "langfuse"}, {ADMIN, HEAD}),
    ("GET", CALLBACK): (lambda w, r, s: {"path:team_id": f"team-{s}"}, {ADMIN, VIEWER, HEAD, LEADER}),
    ("DELETE", CALLBACK + "/{callback_name}"): (
        lambda w, r, s: {"path:team_id": w.telling_team(s), "path:callback_name": "langfuse"},
        {ADMIN, HEAD},
    ),
    ("POST", "/team/{team_id}/disable_logging"): (
        lambda w, r, s: {"path:team_id": f"team-{s}"},
        {ADMIN, HEAD, LEADER},
    ),
    ("GET", "/callbacks/list"): (lambda w, r, s: {}, {ADMIN, VIEWER}),
    ("GET", "/callbacks/configs"): (lambda w, r, s: {}, {ADMIN, VIEWER}),
    ("GET", "/get/config/callbacks"): (lambda w, r, s: {}, {ADMIN, VIEWER}),
    ("GET", "/health/services"): (lambda w, r, s: {"service": "tried"}, {ADMIN, VIEWER}),
    ("POST", "/team/permissions_bulk_update"): (
        lambda w, r, s: {"team_ids": [w.team(s)], "permissions": ["/key/info"]},
        {ADMIN, HEAD},
    ),
    ("POST", "/organization/new"): (lambda w, r, s: {"organization_alias": s}, {ADMIN}),
    ("PATCH", "/organization/update"): (lambda w, r, s: {"organization_id": f"org-{s}", "metadata": {}}, {ADMIN}),
    ("DELETE", "/organization/delete"): (lambda w, r, s: {"organization_ids": [w.organization(s)]}, {ADMIN}),
    ("GET", "/organization/list"): (lambda w, r, s: {}, EVERYBODY),
    ("GET", "/organization/info"): (lambda w, r, s: {"organization_id": f"org-{s}"}, {ADMIN, VIEWER, HEAD}),
    ("POST", "/organization/member_add"): (
        lambda w, r, s: {"organization_id": f"org-{s}", "member": {"user_id": f"member-{s}-{next(numbers)}"}},
        {ADMIN, HEAD},
    ),
    ("PATCH", "/organization/member_update"): (
        lambda w, r, s: {"organization_id": f"org-{s}", "user_id": w.user(s), "role": "internal_user"},
        {ADMIN, HEAD},
    ),
    ("DELETE", "/organization/member_delete"): (
        lambda w, r, s: {"organization_id": f"org-{s}", "user_id": w.user(s)},
        {ADMIN, HEAD},
    ),
    **{
        ("GET" if action in ("info", "list") else "POST", f"/{name}/{action}"): case
        for name in ("customer", "end_user")
        for action, case in CUSTOMER.items()
    },
    ("POST", "/budget/new"): (lambda w, r, s: {"budget_id": f"{s}-{next(numbers)}"}, {ADMIN}),
    ("POST", "/budget/update"): (lambda w, r, s: {"budget_id": w.organization_budget[s], "rpm_limit": 1}, {ADMIN}),
    ("POST", "/budget/info"): (lambda w, r, s: {"budgets": [w.organization_budget[s]]}, {ADMIN}),
    ("POST", "/budget/delete"): (lambda w, r, s: {"id": w.named("/budget/new", s, budget_id=None)}, {ADMIN}),
    ("GET", "/budget/list"): (lambda w, r, s: {}, {ADMIN, VIEWER, HEAD}),
    ("GET", "/budget/settings"): (lambda w, r, s: {"budget_id": w.organization_budget[s]}, {ADMIN, VIEWER, HEAD}),
    ("POST", "/tag/new"): (lambda w, r, s: {"name": f"tag-{next(numbers)}"}, {ADMIN}),
    ("POST", "/tag/update"): (lambda w, r, s: {"name": w.named("/tag/new", "t", name=None)}, {ADMIN}),
    ("POST", "/tag/info"): (lambda w, r, s: {"names": [w.named("/tag/new", "t", name=None)]}, {ADMIN}),
    ("POST", "/tag/delete"): (lambda w, r, s: {"name": w.named("/tag/new", "t", name=None)}, {ADMIN}),
    ("GET", "/tag/list"): (lambda w, r, s: {}, EVERYBODY - {NOBODY}),
    ("GET", "/spend/logs"): (lambda w, r, s: {"user_id": f"user-{r}" if s == "own" else s}, EVERYBODY - {NOBODY}),
    **{
        ("GET", f"/spend/logs/{path}"): (lambda w, r, s: {**DAYS, "team_id": f"team-{s}"}, EVERYBODY - {NOBODY})
        for path in ("v2", "ui")
    },
    ("GET", "/spend/logs/ui/{request_id}"): (
        lambda w, r, s: {"path:request_id": w.request(r, s)},
        EVERYBODY - {NOBODY},
    ),
    **{("GET", f"/spend/{name}"): (lambda w, r, s: {}, EVERYBODY - {NOBODY}) for name in ("keys", "users", "tags")},
    **{("GET", f"/global/{path}"): (lambda w, r, s: {}, {ADMIN, VIEWER}) for path in GLOBAL},
    ("POST", "/global/spend/end_users"): (lambda w, r, s: {}, {ADMIN}),
    ("POST", "/model/new"): (lambda w, r, s: model(s), {ADMIN, HEAD, LEADER}),
    ("POST", "/model/update"): (lambda w, r, s: {"model_info": {"id": w.model(s)}}, {ADMIN, HEAD, LEADER}),
    ("PATCH", "/model/{model_id}/update"): (lambda w, r, s: {"path:model_id": w.model(s)}, {ADMIN, HEAD, LEADER}),
    ("POST", "/model/delete"): (lambda w, r, s: {"id": w.model(s)}, {ADMIN, HEAD, LEADER}),
    ("POST", "/model/block"): (lambda w, r, s: {"id": w.model(s)}, {ADMIN}),
    ("POST", "/model/unblock"): (lambda w, r, s: {"id": w.model(s)}, {ADMIN}),
    **{
        ("GET", path): (lambda w, r, s: {}, EVERYBODY)
        for path in ("/model/info", "/v1/model/info", "/v2/model/info", "/model_group/info")
    },
    ("POST", "/access_group/new"): (
        lambda w, r, s: {"access_group": f"g{next(numbers)}", "model_ids": [w.model(s)]},
        {ADMIN},
    ),
    ("GET", "/access_group/list"): (lambda w, r, s: {}, {ADMIN, VIEWER}),
    ("GET", "/access_group/{access_group}/info"): (
        lambda w, r, s: {"path:access_group": w.group(s)},
        {ADMIN, VIEWER},
    ),
    ("PUT", "/access_group/{access_group}/update"): (
        lambda w, r, s: {"path:access_group": w.group(s), "model_ids": [w.model(s)]},
        {ADMIN},
    ),
    ("DELETE", "/access_group/{access_group}/delete"): (lambda w, r, s: {"path:access_group": w.group(s)}, {ADMIN}),
    ("GET", "/coordination_redis/settings"): (lambda w, r, s: {}, {ADMIN, VIEWER}),
    **{
        ("POST", f"/coordination_redis/settings{end}"): (lambda w, r, s: {"settings": {}}, {ADMIN})
        for end in ("", "/test")
    },
    ("GET", "/cache/settings"): (lambda w, r, s: {}, {ADMIN, VIEWER}),
    **{("POST", f"/cache/settings{end}"): (lambda w, r, s: {"cache_settings": {}}, {ADMIN}) for end in ("", "/test")},
    ("POST", "/fallback"): (lambda w, r, s: {"model": w.model(s), "fallback_models": ["m"]}, {ADMIN}),
    ("GET", "/fallback/{model}"): (lambda w, r, s: {"path:model": w.fallback(s)}, {ADMIN, VIEWER}),
    ("DELETE", "/fallback/{model}"): (lambda w, r, s: {"path:model": w.fallback(s)}, {ADMIN}),
    ("GET", ENDPOINTS): (lambda w, r, s: {}, {ADMIN, VIEWER}),
    ("GET", f"{ENDPOINTS}/team/{{team_id}}"): (lambda w, r, s: {"path:team_id": f"team-{s}"}, {ADMIN, VIEWER}),
    ("POST", ENDPOINTS): (
        lambda w, r, s: {"path": f"/{s}-{next(numbers)}", "target": "https://example.com"},
        {ADMIN},
    ),
    ("POST", f"{ENDPOINTS}/{{endpoint_id}}"): (
        lambda w, r, s: {"path:endpoint_id": w.endpoint(s), "timeout": 1},
        {ADMIN},
    ),
    ("DELETE", ENDPOINTS): (lambda w, r, s: {"endpoint_id": w.endpoint(s)}, {ADMIN}),
    **{
        ("GET", f"/{name}/daily/activity{end}"): (ask, roles)
        for end in ("", "/aggregated")
        for name, (ask, roles) in ACTIVITY.items()
    },
    ("GET", "/guardrails/list"): (lambda w, r, s: {}, EVERYBODY),
    ("GET", "/v2/guardrails/list"): (lambda w, r, s: w.approved(FOREIGN), EVERYBODY - {NOBODY}),
    ("POST", "/guardrails"): (lambda w, r, s: guardrail("g"), {ADMIN}),
    ("GET", "/guardrails"): (lambda w, r, s: {}, {ADMIN, VIEWER}),
    ("POST", "/guardrails/register"): (lambda w, r, s: guardrail(s), {ADMIN}),
    ("GET", "/guardrails/submissions"): (lambda w, r, s: {}, {ADMIN, VIEWER}),
    **{
        (method, f"/guardrails/submissions/{{guardrail_id}}{end}"): (
            lambda w, r, s: {"path:guardrail_id": w.submission(s)},
            roles,
        )
        for method, end, roles in (
            ("GET", "", {ADMIN, VIEWER}),
            ("POST", "/approve", {ADMIN}),
            ("POST", "/reject", {ADMIN}),
        )
    },
    **{
        ("GET", f"/guardrails/{{guardrail_id}}{end}"): (
            lambda w, r, s: {"path:guardrail_id": w.guardrail()},
            {ADMIN, VIEWER},
        )
        for end in ("", "/info")
    },
    **{
        (method, "/guardrails/{guardrail_id}"): (
            lambda w, r, s: {"path:guardrail_id": w.guardrail(), **guardrail("g")},
            {ADMIN},
        )
        for method in ("PUT", "PATCH", "DELETE")
    },
    ("POST", "/credentials"): (lambda w, r, s: {"credential_name": f"c-{next(numbers)}"}, {ADMIN}),
    ("GET", "/credentials"): (lambda w, r, s: {}, {ADMIN, VIEWER}),
    ("GET", "/credentials/by_name/{credential_name}"): (
        lambda w, r, s: {"path:credential_name": w.named("/credentials", s, credential_name=None)},
        {ADMIN, VIEWER},
    ),
    ("PATCH", "/credentials/{credential_name}"): (
        lambda w, r, s: {"path:credential_name": w.named("/credentials", s, credential_name=None)},
        {ADMIN},
    ),
    ("DELETE", "/credentials/{credential_name}"): (
        lambda w, r, s: {"path:credential_name": w.named("/credentials", s, credential_name=None)},
        {ADMIN},
    ),
}
# what names no object: everybody who may ask gets his part, and none of what is foreign
LISTS = {
    "/guardrails/list", "/v2/guardrails/list",
    "/v2/key/info", "/key/list", "/key/aliases", "/user/list", "/team/list", "/v2/team/list", "/team/available",
    "/organization/list", "/budget/list", "/tag/list", "/spend/logs", "/spend/logs/v2", "/spend/logs/ui",
    "/spend/keys", "/spend/users", "/spend/tags", "/model/info", "/v1/model/info", "/v2/model/info",
    "/model_group/info", "/tag/daily/activity", "/tag/daily/activity/aggregated",
}  # fmt: skip
EACH_FOR_ITSELF = {"/key/bulk_update", "/user/bulk_update"}  # 200, and what failed is told


@pytest.fixture(scope="module")
def world(mock_process: Mock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    config = {
        "model_list": [openai_model("m", "gpt-test", mock_process.url) | {"model_info": {"id": "m-1"}}],
        "general_settings": {"store_model_in_db": True},
        "litellm_settings": {"callbacks": ["tried"]},
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
    return world.send(world.keys[role], method, path, **fields)


def allowed(answer: httpx.Response, path: str) -> bool:
    """Whether it was done. Whatever is refused is refused as such, and nothing else goes wrong."""
    if path in EACH_FOR_ITSELF and answer.status_code == 200:
        told = answer.json()
        good = told["successful_updates"]
        return bool(good)
    assert answer.status_code in (200, 401, 403), answer.text
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
        assert allowed(answer, path) == (role == ADMIN or (role == VIEWER and method == "GET")), answer.text
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
NO_OBJECTS = {"", "model", "model_id"}
ELSEWHERE = (
    "/v1/responses/", "/responses/", "/openai/v1/responses/",  # test_stored_responses
    "/v1/messages/batches/",  # test_message_batches
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
