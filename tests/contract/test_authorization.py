"""Every management route, asked by every role, for an object of its own and for somebody else's.

The routes come out of the table itself: one that this file does not know fails it. What belongs to others has the word
FOREIGN in its ids, and no answer that a role gets about its own may hold that word.
"""

import hashlib
import itertools
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest
from tests.contract.harness import Gateway, Mock, openai_model

from tianji.management.administration import FAMILIES

FOREIGN = "foreign"
ROLES = (
    "proxy_admin",
    "proxy_admin_viewer",
    "org_admin",
    "team_admin",
    "internal_user",
    "internal_user_viewer",
    "none",
)
ADMIN, VIEWER, HEAD, LEADER, USER, WATCHER, NOBODY = ROLES
EVERYBODY = set(ROLES)
ENDPOINTS = "/config/pass_through_endpoint"
ROUTES = [(row.method, row.path) for rows in FAMILIES.values() for row in rows]
numbers = itertools.count()


class World:
    """A gateway with two organizations, and a key for each role in the first."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.keys: dict[str, str] = {}
        for side in ("own", FOREIGN):
            self.master(
                "POST", "/organization/new", organization_id=f"org-{side}", organization_alias=side, max_budget=9
            )
            self.master("POST", "/team/new", team_id=f"team-{side}", organization_id=f"org-{side}", team_alias=side)
        for role in ROLES[:-1]:
            stored = role if role.startswith(("proxy", "internal")) else "internal_user"
            self.master("POST", "/user/new", user_id=f"user-{role}", user_role=stored, auto_create_key=False)
        member = {"user_id": f"user-{HEAD}", "role": "org_admin"}
        self.master("POST", "/organization/member_add", organization_id="org-own", member=member)
        team = [
            {"user_id": f"user-{LEADER}", "role": "admin"},
            {"user_id": f"user-{USER}"},
            {"user_id": f"user-{WATCHER}"},
        ]
        self.master("POST", "/team/member_add", team_id="team-own", member=team)
        for role in ROLES:
            owner = {} if role == NOBODY else {"user_id": f"user-{role}"}
            self.keys[role] = self.master("POST", "/key/generate", **owner)["key"]
        self.organization_budget = {
            side: self.master("GET", "/organization/info", organization_id=f"org-{side}")["budget_id"]
            for side in ("own", FOREIGN)
        }

    def send(self, by: str, method: str, path: str, /, **fields: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {by}"}
        if method == "GET":
            return self.gateway.client.get(path, params=fields, headers=headers)
        return self.gateway.client.request(method, path, json=fields, headers=headers)

    def master(self, method: str, path: str, /, **fields: Any) -> Any:
        answer = self.send(self.gateway.key, method, path, **fields)
        assert answer.status_code == 200, answer.text
        return answer.json()

    # ---- fresh objects, so that nothing depends on what was asked before

    def key(self, role: str, side: str) -> str:
        """A key of the role's user, or of a stranger's in the other team."""
        if side == FOREIGN:
            alias = f"{FOREIGN}-{next(numbers)}"
            return str(self.master("POST", "/key/generate", team_id=f"team-{side}", key_alias=alias)["token"])
        owner = {} if role == NOBODY else {"user_id": f"user-{role}"}
        return str(self.master("POST", "/key/generate", **owner)["token"])

    def user(self, side: str) -> str:
        name = f"user-{side}-{next(numbers)}"
        organizations = [f"org-{side}"]
        self.master("POST", "/user/new", user_id=name, organizations=organizations, auto_create_key=False)
        return name

    def team(self, side: str) -> str:
        name = f"team-{side}-{next(numbers)}"
        self.master("POST", "/team/new", team_id=name, organization_id=f"org-{side}")
        return name

    def member(self, side: str) -> str:
        name = f"member-{side}-{next(numbers)}"
        self.master("POST", "/team/member_add", team_id=f"team-{side}", member={"user_id": name})
        return name

    def organization(self, side: str) -> str:
        name = f"org-{side}-{next(numbers)}"
        self.master("POST", "/organization/new", organization_id=name, organization_alias=side)
        return name

    def request(self, role: str, side: str) -> str:
        """A request in the ledger, of the role's own key or of a stranger."""
        name = f"request-{side}-{next(numbers)}"
        key = FOREIGN if side == FOREIGN else hashlib.sha256(self.keys[role].encode()).hexdigest()
        row = {
            "request_id": name,
            "call_id": name,
            "started_at": 0,
            "ended_at": 0,
            "cost": 1,
            "key": key,
            "tags": "[]",
            "facts": "{}",
        }
        with closing(sqlite3.connect(self.gateway.file.parent / "tianji-data" / "tianji.db")) as connection, connection:
            names = ", ".join(row)
            connection.execute(f"INSERT INTO ledger ({names}) VALUES ({', '.join('?' * len(row))})", [*row.values()])
        return name

    def model(self, side: str) -> str:
        """A deployment of a team."""
        name = f"model-{side}-{next(numbers)}"
        self.master("POST", "/model/new", **{**model(side), "model_info": {"id": name, "team_id": f"team-{side}"}})
        return name

    def group(self, side: str) -> str:
        """An access group."""
        name = f"group-{side}-{next(numbers)}"
        self.master("POST", "/access_group/new", access_group=name, model_ids=[self.model(side)])
        return name

    def fallback(self, side: str) -> str:
        """A model with fallbacks."""
        name = self.model(side)
        self.master("POST", "/fallback", model=name, fallback_models=["m"])
        return name

    def endpoint(self, side: str) -> str:
        """A path that leads elsewhere."""
        made = self.master("POST", ENDPOINTS, path=f"/{side}-{next(numbers)}", target="https://example.com/v1")
        return str(made["endpoints"][0]["id"])

    def named(self, path: str, side: str, **fields: Any) -> str:
        """Something of a kind that belongs to nobody."""
        name = f"{side}-{next(numbers)}"
        self.master("POST", path, **{member: name if value is None else value for member, value in fields.items()})
        return name


def model(side: str) -> dict[str, Any]:
    """What a deployment of a team is made of."""
    params = {"model": "openai/x", "api_key": "sk-of-the-team-0815"}
    return {"model_name": f"x-{side}", "litellm_params": params, "model_info": {"team_id": f"team-{side}"}}


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
)  # fmt: skip
# path: what to send, which roles may do it to what is theirs
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
    "/v2/key/info", "/key/list", "/key/aliases", "/user/list", "/team/list", "/v2/team/list", "/team/available",
    "/organization/list", "/budget/list", "/tag/list", "/spend/logs", "/spend/logs/v2", "/spend/logs/ui",
    "/spend/keys", "/spend/users", "/spend/tags", "/model/info", "/v1/model/info", "/v2/model/info",
    "/model_group/info", "/tag/daily/activity", "/tag/daily/activity/aggregated",
}  # fmt: skip
EACH_FOR_ITSELF = {"/key/bulk_update", "/user/bulk_update"}  # 200, and what failed is told


@pytest.fixture(scope="module")
def world(mock_process: Mock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    config = {
        "model_list": [openai_model("m", "gpt-test", mock_process.url)],
        "general_settings": {"store_model_in_db": True},
    }
    with Gateway(config, tmp_path_factory.mktemp("roles"), edge="native") as gateway:
        yield World(gateway)


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
        answer = httpx.request(method, world.gateway.url + path, headers=headers, trust_env=False)
        assert answer.status_code == 401
