"""A gateway with two organizations and somebody of each role, for tests of who may do what."""

import hashlib
import itertools
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import httpx
from tests.contract.harness import Gateway, client_at
from tests.contract.management.managing import ask, good

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
numbers = itertools.count()


class Kept:
    """What was made and not touched since: a new one of its kind has the gateway compile all that there are."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, ...], str] = {}

    def get(self, *what: str, make: Callable[[], str]) -> str:
        """What is kept under this name, or else what is made now."""
        return self._made.get(what) or self._made.setdefault(what, make())

    def touched(self) -> None:
        """Something was changed, so nothing of what is kept counts as fresh."""
        self._made.clear()


class World:
    """A gateway with two organizations, and a key for each role in the first."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.stranger = client_at(gateway.url)  # without a key
        self.keys: dict[str, str] = {}
        self.kept = Kept()
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
        return ask(self.gateway, method, path, by, **fields)

    def master(self, method: str, path: str, /, **fields: Any) -> Any:
        return good(self.gateway, method, path, **fields)

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

    def telling_team(self, side: str) -> str:
        name = self.team(side)
        self.master("POST", f"/team/{name}/callback", callback_name="langfuse")
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
        with closing(sqlite3.connect(self.gateway.file.parent / "tianji-data" / "tianji.db")) as connection, connection:
            account = connection.execute(
                "INSERT INTO ledger_accounts (digest, key, tags, rates) VALUES (?, ?, '[]', '{}')", (name, key)
            ).lastrowid
            connection.execute(
                "INSERT INTO ledger_rows (request_id, call_id, account, started_at, ended_at, cost, quantities) "
                "VALUES (?, ?, ?, 0, 0, 1, '[]')",
                (name, name, account),
            )
        return name

    def model(self, side: str, what: str = "model") -> str:
        """A deployment of a team."""

        def make() -> str:
            name = f"model-{side}-{next(numbers)}"
            self.master("POST", "/model/new", **{**model(side), "model_info": {"id": name, "team_id": f"team-{side}"}})
            return name

        return self.kept.get(what, side, make=make)

    def group(self, side: str) -> str:
        """An access group."""

        def make() -> str:
            name = f"group-{side}-{next(numbers)}"
            self.master("POST", "/access_group/new", access_group=name, model_ids=[self.model(side)])
            return name

        return self.kept.get("group", side, make=make)

    def fallback(self, side: str) -> str:
        """A model with fallbacks."""

        def make() -> str:
            name = self.model(side, "with fallbacks")
            self.master("POST", "/fallback", model=name, fallback_models=["m"])
            return name

        return self.kept.get("fallback", side, make=make)

    def endpoint(self, side: str) -> str:
        """A path that leads elsewhere."""

        def make() -> str:
            made = self.master("POST", ENDPOINTS, path=f"/{side}-{next(numbers)}", target="https://example.com/v1")
            return str(made["endpoints"][0]["id"])

        return self.kept.get("endpoint", side, make=make)

    def prompt(self, role: str, side: str) -> str:
        """A prompt, which is that of keys that may use it: the role's own, or nobody's."""

        def make() -> str:
            said = prompt(side)
            self.master("POST", "/prompts", **said)
            if side != FOREIGN:
                self.master("POST", "/key/update", key=self.keys[role], prompts=[said["prompt_id"]])
            return str(said["prompt_id"])

        return self.kept.get("prompt", *([role] if side != FOREIGN else []), side, make=make)

    def nothing(self, *_made: object) -> dict[str, Any]:
        """Send nothing, once things were made."""
        return {}

    def guardrail(self) -> str:
        """A guardrail, which is nobody's."""
        return self.kept.get(
            "guardrail", make=lambda: str(self.master("POST", "/guardrails", **guardrail("g"))["guardrail_id"])
        )

    def submission(self, side: str) -> str:
        """A guardrail that a team has submitted."""

        def make() -> str:
            key = self.master("POST", "/key/generate", team_id=f"team-{side}")["key"]
            made = self.send(key, "POST", "/guardrails/register", **guardrail(side))
            assert made.status_code == 200, made.text
            return str(made.json()["guardrail_id"])

        return self.kept.get("submission", side, make=make)

    def approved(self, side: str) -> str:
        """A team's guardrail that runs."""

        def make() -> str:
            name = self.submission(side)
            self.master("POST", f"/guardrails/submissions/{name}/approve")
            self.kept.touched()
            return name

        return self.kept.get("approved", side, make=make)

    def named(self, path: str, side: str, **fields: Any) -> str:
        """Something of a kind that belongs to nobody."""

        def make() -> str:
            name = f"{side}-{next(numbers)}"
            self.master("POST", path, **{member: name if value is None else value for member, value in fields.items()})
            return name

        return self.kept.get(path, side, make=make)


def entry(world: World, side: str) -> str:
    """An entry of the audit log, about a team."""
    found = world.master("GET", "/audit", object_id=f"team-{side}", page_size=1)
    return str(found["audit_logs"][0]["id"])


def setting(world: World) -> str:
    """A setting that is kept in the database."""
    name = "max_batch_file_size_mb"
    world.master("POST", "/config/field/update", field_name=name, field_value=7)
    return name


def callback(world: World) -> str:
    """A callback that is kept in the database."""
    world.master("POST", "/config/update", litellm_settings={"failure_callback": ["posthog"]})
    return "posthog"


def model(side: str) -> dict[str, Any]:
    """What a deployment of a team is made of."""
    params = {"model": "openai/x", "api_key": "sk-of-the-team-0815"}
    return {"model_name": f"x-{side}", "litellm_params": params, "model_info": {"team_id": f"team-{side}"}}


def prompt(side: str) -> dict[str, Any]:
    """What a prompt is made of."""
    params = {"prompt_integration": "dotprompt", "dotprompt_content": "---\nmodel: m\n---\nUser: hello"}
    return {"prompt_id": f"{side}-{next(numbers)}", "litellm_params": params}


def kept_tool_server(world: World, side: str) -> str:
    """The id of an MCP server, which everybody may use, or nobody."""

    def made() -> str:
        return str(world.master("POST", "/v1/mcp/server", **tool_server(side))["server_id"])

    return world.kept.get("tool server", side, make=made)


BILLS: dict[str, dict[str, str]] = {  # programs for bills, and what each is set up with: nobody is there to be told
    "cloudzero": {"api_key": "k", "connection_id": "c"},
    "mavvrik": {"api_key": "k", "connection_id": "c", "api_endpoint": "http://127.0.0.1:1/tenant"},
    "ternary": {"api_key": "k", "connection_id": "c", "base_url": "http://127.0.0.1:1"},
    "vantage": {"api_key": "k", "integration_token": "t", "base_url": "http://127.0.0.1:1"},
}


def billed(world: World, name: str) -> None:
    """Set a program for bills up."""

    def made() -> str:
        world.master("POST", f"/{name}/init", **BILLS[name])
        return name

    world.kept.get("bills", name, make=made)


def tool_server(side: str) -> dict[str, Any]:
    """What an MCP server is made of."""
    name = f"{side}_{next(numbers)}"
    return {"server_name": name, "url": "https://example.com/mcp", "allow_all_keys": side != FOREIGN}


def guardrail(side: str) -> dict[str, Any]:
    """What a guardrail is made of."""
    params = {"guardrail": "generic_guardrail_api", "mode": "pre_call", "api_base": "https://example.com"}
    return {"guardrail_name": f"{side}-{next(numbers)}", "litellm_params": params}
