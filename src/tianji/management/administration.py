"""The rows of the route table that manage keys and whoever stands above them.

The table says who may come; the functions that it names judge whose object is asked for, and they are loaded when the
first request comes: most workers never need them.
"""

from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from typing import Any, Final, NamedTuple

from msgspec import Struct

from tianji._core.exchange import Exchange
from tianji.auth.access import Access, Tenant
from tianji.auth.models import Groups
from tianji.clock import SYSTEM, Clock
from tianji.config.additions import Additions, Stored
from tianji.config.schema import Config
from tianji.config.secrets import Secrets
from tianji.edge.routes import Match, Route
from tianji.gateway.snapshot import Snapshot
from tianji.lazy import load
from tianji.management.models import Narrow
from tianji.storage.store import Store
from tianji.storage.valkey import Server


def _none() -> Snapshot:
    raise LookupError("nothing is served here")


class Fleet(Struct, frozen=True, kw_only=True):
    """The deployments in force, and what happens when those of the database change."""

    snapshot: Callable[[], Snapshot] = _none
    file: Callable[[], Config] = Config  # the configuration without what the database adds
    keeps: Callable[[], bool] = lambda: False  # whether the database adds to the configuration
    objection: Callable[[Additions, Stored], str | None] = lambda _additions, _stored: None  # why one would be left out
    catch_up: Callable[[], Awaitable[bool]] | None = None  # called when what the database adds has changed
    keeps_endpoints: Callable[[], bool] = lambda: False  # whether the database adds paths that lead elsewhere
    endpoint_objection: Callable[[Mapping[str, Any]], str | None] = lambda _endpoint: None  # why one would be left out
    keeps_guardrails: Callable[[], bool] = lambda: False  # whether the database adds guardrails
    keeps_prompts: Callable[[], bool] = lambda: False  # whether the database adds prompts
    prompt_objection: Callable[[Mapping[str, Any]], str | None] = lambda _prompt: None  # why one would be left out
    guardrail_objection: Callable[[Mapping[str, Any]], str | None] = lambda _entry: None  # why one would be left out
    keeps_cache: Callable[[], bool] = lambda: False  # whether the database configures the cache
    # the configuration with another cache, and why there is none
    tried_cache: Callable[[Mapping[str, Any]], tuple[Config | None, str | None]] = lambda _said: (None, None)
    keeps_coordination: Callable[[], bool] = lambda: False  # whether the database names the server of limits
    # a server that settings name, and why there is none
    tried_coordination: Callable[[Mapping[str, Any]], tuple[Server | None, str | None]] = lambda _said: (None, None)
    narrow: Callable[[], Narrow | None] = lambda: None  # what hides models from lists, see management.models


class Office(Struct, frozen=True, kw_only=True):
    """What management needs: the database, the configuration in force, and the secret that vendor secrets rest on."""

    store: Store
    config: Callable[[], Config]
    groups: Callable[[], Groups]
    salt: Callable[[], str | None]
    clock: Clock = SYSTEM
    environ: Callable[[], Mapping[str, str]] = dict
    fleet: Fleet = Fleet()
    secrets: Callable[[], Secrets] = lambda: Secrets({})  # what the references of the configuration stand for


class _Row(NamedTuple):
    method: str
    path: str
    function: str  # module of this package, and name in it
    access: Access
    tenant: Tenant
    summary: str


_OWN, _ALL = Tenant.CALLER, Tenant.ALL
FAMILIES: Final[dict[str, tuple[_Row, ...]]] = {
    "keys": (
        _Row("POST", "/key/generate", "keys.generate", Access.USER, _OWN, "Make a key."),
        _Row("POST", "/key/service-account/generate", "keys.service", Access.USER, _OWN, "Make a key of a team alone."),
        _Row("POST", "/key/update", "keys.update", Access.USER, _OWN, "Change a key."),
        _Row("POST", "/key/bulk_update", "keys.update_many", Access.USER, _OWN, "Change several keys."),
        _Row("POST", "/team/key/bulk_update", "key_lots.update", Access.USER, _OWN, "Change the keys of a team."),
        _Row("POST", "/key/delete", "keys.delete", Access.USER, _OWN, "Delete keys, by secret, hash or alias."),
        _Row("POST", "/key/block", "keys.block", Access.USER, _OWN, "Refuse a key from now on."),
        _Row("POST", "/key/unblock", "keys.unblock", Access.USER, _OWN, "Let a blocked key in again."),
        _Row("POST", "/key/regenerate", "key_rotation.regenerate", Access.USER, _OWN, "Give a key a new secret."),
        _Row("POST", "/key/{key}/regenerate", "key_rotation.regenerate", Access.USER, _OWN, "Give a key a new secret."),
        _Row("POST", "/key/{key}/reset_spend", "keys.reset_spend", Access.USER, _OWN, "Set what a key has spent."),
        _Row(
            "GET", "/key/info", "key_reading.info", Access.INFO, _OWN, "Describe a key, without one the caller's own."
        ),
        _Row("POST", "/v2/key/info", "key_reading.info_many", Access.INFO, _OWN, "Describe several keys."),
        _Row("GET", "/key/list", "key_reading.listed", Access.INFO, _OWN, "List keys, page by page."),
        _Row(
            "GET", "/key/aliases", "key_reading.aliases", Access.INFO, _OWN, "List the aliases of keys, page by page."
        ),
    ),
    "users": (
        _Row("POST", "/user/new", "users.new", Access.ORGANIZATION, _OWN, "Make a user, and a key for him."),
        _Row("POST", "/user/update", "users.update", Access.ORGANIZATION, _OWN, "Change a user."),
        _Row("POST", "/user/bulk_update", "users.update_many", Access.ORGANIZATION, _OWN, "Change several users."),
        _Row("POST", "/user/delete", "users.delete", Access.ORGANIZATION, _OWN, "Delete users with their keys."),
        _Row("GET", "/user/info", "user_reading.info", Access.INFO, _OWN, "Describe a user, his keys and teams."),
        _Row("GET", "/v2/user/info", "user_reading.flat_info", Access.INFO, _OWN, "Describe a user alone."),
        _Row("GET", "/user/list", "user_reading.listed", Access.SELF, _OWN, "List users, page by page."),
    ),
    "teams": (
        _Row("POST", "/team/new", "teams.new", Access.ORGANIZATION, _OWN, "Make a team."),
        _Row("POST", "/team/update", "teams.update", Access.SELF, _OWN, "Change a team."),
        _Row("PATCH", "/team/{team_id}", "teams.patch", Access.ORGANIZATION, _OWN, "Change a team by a merge patch."),
        _Row("POST", "/team/delete", "teams.delete", Access.ORGANIZATION, _OWN, "Delete teams with their keys."),
        _Row("POST", "/team/block", "teams.block", Access.ORGANIZATION, _OWN, "Refuse the keys of a team."),
        _Row("POST", "/team/unblock", "teams.unblock", Access.ORGANIZATION, _OWN, "Let a blocked team in again."),
        _Row("POST", "/team/model/add", "teams.add_models", Access.ADMIN, _ALL, "Let a team use more models."),
        _Row("POST", "/team/model/delete", "teams.remove_models", Access.ADMIN, _ALL, "Take models from a team."),
        _Row("GET", "/team/info", "team_reading.info", Access.INFO, _OWN, "Describe a team, its keys and members."),
        _Row("GET", "/team/list", "team_reading.listed", Access.INFO, _OWN, "List teams."),
        _Row("GET", "/v2/team/list", "team_reading.pages", Access.INFO, _OWN, "List teams, page by page."),
        _Row("GET", "/team/available", "team_reading.available", Access.INFO, _OWN, "List teams open to all."),
        _Row("POST", "/team/member_add", "team_members.add", Access.SELF, _OWN, "Add members to a team."),
        _Row("POST", "/team/bulk_member_add", "team_members.add_many", Access.ORGANIZATION, _OWN, "Add many members."),
        _Row("POST", "/team/member_update", "team_members.update", Access.SELF, _OWN, "Change a member of a team."),
        _Row("POST", "/team/member_delete", "team_members.delete", Access.SELF, _OWN, "Take a member out of a team."),
        _Row("GET", "/team/permissions_list", "team_reading.permissions", Access.SELF, _OWN, "What members may do."),
        _Row("POST", "/team/permissions_update", "teams.grant", Access.SELF, _OWN, "Set what members may do."),
        _Row(
            "POST",
            "/team/permissions_bulk_update",
            "teams.grant_to_many",
            Access.ORGANIZATION,
            _OWN,
            "Let members of several teams do more.",
        ),
    ),
    "callbacks": (
        _Row("POST", "/team/{team_id}/callback", "callbacks.add", Access.SELF, _OWN, "Give a team a callback."),
        _Row("GET", "/team/{team_id}/callback", "callbacks.of_team", Access.SELF, _OWN, "Name a team's callbacks."),
        _Row(
            "DELETE",
            "/team/{team_id}/callback/{callback_name}",
            "callbacks.remove",
            Access.SELF,
            _OWN,
            "Take a callback from a team.",
        ),
        _Row(
            "POST", "/team/{team_id}/disable_logging", "callbacks.disable", Access.SELF, _OWN, "Take all of them away."
        ),
        _Row("GET", "/callbacks/list", "callbacks.listed", Access.ADMIN, _ALL, "Name the configuration's callbacks."),
        _Row("GET", "/callbacks/configs", "callbacks.configs", Access.ADMIN, _ALL, "Describe what can be told."),
        _Row("GET", "/get/config/callbacks", "callbacks.configured", Access.ADMIN, _ALL, "The same, with what is set."),
        _Row("GET", "/health/services", "callbacks.test", Access.ADMIN, _ALL, "Send a test event to a callback."),
    ),
    "organizations": (
        _Row("POST", "/organization/new", "organizations.new", Access.ADMIN, _ALL, "Make an organization."),
        _Row("PATCH", "/organization/update", "organizations.update", Access.ADMIN, _ALL, "Change an organization."),
        _Row("DELETE", "/organization/delete", "organizations.delete", Access.ORGANIZATION, _OWN, "Delete several."),
        _Row("GET", "/organization/list", "organizations.listed", Access.INFO, _OWN, "List organizations."),
        _Row("GET", "/organization/info", "organizations.info", Access.INFO, _OWN, "Describe an organization."),
        _Row(
            "POST", "/organization/member_add", "organizations.add_members", Access.ORGANIZATION, _OWN, "Add members."
        ),
        _Row(
            "PATCH",
            "/organization/member_update",
            "organizations.update_member",
            Access.ORGANIZATION,
            _OWN,
            "Change a member of an organization.",
        ),
        _Row(
            "DELETE",
            "/organization/member_delete",
            "organizations.delete_member",
            Access.ORGANIZATION,
            _OWN,
            "Take a member out of an organization.",
        ),
    ),
    "projects": (
        _Row("POST", "/project/new", "projects.new", Access.SELF, _OWN, "Make a project of a team."),
        _Row("POST", "/project/update", "projects.update", Access.SELF, _OWN, "Change a project."),
        _Row("DELETE", "/project/delete", "projects.delete", Access.ADMIN, _ALL, "Delete projects."),
        _Row("GET", "/project/info", "projects.info", Access.INFO, _OWN, "Describe a project."),
        _Row("GET", "/project/list", "projects.listed", Access.INFO, _OWN, "List projects."),
    ),
    "customers": tuple(
        _Row(method, f"/{name}/{action}", f"customers.{function}", access, _ALL, summary)
        for name in ("customer", "end_user")
        for method, action, function, access, summary in (
            ("POST", "new", "new", Access.ADMIN, "Make a customer."),
            ("POST", "update", "update", Access.ADMIN, "Change a customer."),
            ("POST", "delete", "delete", Access.ADMIN, "Delete customers."),
            ("POST", "block", "block", Access.ADMIN, "Refuse requests for customers."),
            ("POST", "unblock", "unblock", Access.ADMIN, "Let blocked customers in again."),
            ("GET", "info", "info", Access.ADMIN, "Describe a customer."),
            ("GET", "list", "listed", Access.ADMIN, "List customers."),
        )
    ),
    "budgets": (
        _Row("POST", "/budget/new", "budgets.new", Access.ADMIN, _ALL, "Make a budget."),
        _Row("POST", "/budget/update", "budgets.update", Access.ADMIN, _ALL, "Change a budget."),
        _Row("POST", "/budget/info", "budgets.info", Access.ADMIN, _ALL, "Describe budgets."),
        _Row("POST", "/budget/delete", "budgets.delete", Access.ADMIN, _ALL, "Delete a budget."),
        _Row("GET", "/budget/list", "budgets.listed", Access.ORGANIZATION, _OWN, "List budgets."),
        _Row("GET", "/budget/settings", "budgets.settings", Access.ORGANIZATION, _OWN, "Describe a budget's fields."),
    ),
    "tags": (
        _Row("POST", "/tag/new", "tags.new", Access.ADMIN, _ALL, "Make a tag."),
        _Row("POST", "/tag/update", "tags.update", Access.ADMIN, _ALL, "Change a tag."),
        _Row("POST", "/tag/info", "tags.info", Access.ADMIN, _ALL, "Describe tags."),
        _Row("POST", "/tag/delete", "tags.delete", Access.ADMIN, _ALL, "Delete a tag."),
        _Row("GET", "/tag/list", "tags.listed", Access.USER, _ALL, "List tags."),
    ),
    "model management": (
        _Row("POST", "/model/new", "deployments.new", Access.SELF, _OWN, "Keep a deployment in the database."),
        _Row("POST", "/model/update", "deployments.update", Access.SELF, _OWN, "Change a deployment of the database."),
        _Row(
            "PATCH", "/model/{model_id}/update", "deployments.patch", Access.SELF, _OWN, "Change it by a merge patch."
        ),
        _Row("POST", "/model/delete", "deployments.delete", Access.SELF, _OWN, "Delete a deployment of the database."),
        _Row("POST", "/model/block", "deployments.block", Access.ADMIN, _ALL, "Send nothing to a deployment."),
        _Row("POST", "/model/unblock", "deployments.unblock", Access.ADMIN, _ALL, "Use a blocked deployment again."),
        *(
            _Row("GET", path, "deployment_reading.info", Access.INFO, _OWN, "Describe deployments, with their prices.")
            for path in ("/model/info", "/v1/model/info")
        ),
        _Row("GET", "/v2/model/info", "deployment_reading.pages", Access.INFO, _OWN, "The same, page by page."),
        _Row("GET", "/model_group/info", "deployment_reading.groups", Access.INFO, _OWN, "Describe models by name."),
    ),
    "access groups": (
        _Row("POST", "/access_group/new", "access_groups.new", Access.ADMIN, _ALL, "Make an access group of models."),
        _Row("GET", "/access_group/list", "access_groups.listed", Access.ADMIN, _ALL, "List access groups."),
        _Row("GET", "/access_group/{access_group}/info", "access_groups.info", Access.ADMIN, _ALL, "Describe one."),
        _Row("PUT", "/access_group/{access_group}/update", "access_groups.update", Access.ADMIN, _ALL, "Change one."),
        _Row(
            "DELETE", "/access_group/{access_group}/delete", "access_groups.delete", Access.ADMIN, _ALL, "Dissolve one."
        ),
    ),
    "coordination": tuple(
        _Row(
            method, f"/coordination_redis/settings{end}", f"coordination_settings.{function}", Access.ADMIN, _ALL, said
        )
        for method, end, function, said in (
            ("GET", "", "shown", "Describe the server over which machines share limits, masked."),
            ("POST", "", "update", "Keep another one."),
            ("POST", "/test", "test", "Try one."),
        )
    ),
    "cache settings": (
        _Row("GET", "/cache/settings", "cache_settings.shown", Access.ADMIN, _ALL, "Describe the cache, masked."),
        _Row("POST", "/cache/settings", "cache_settings.update", Access.ADMIN, _ALL, "Keep another cache."),
        _Row("POST", "/cache/settings/test", "cache_settings.test", Access.ADMIN, _ALL, "Try a cache."),
    ),
    "fallbacks": (
        _Row("POST", "/fallback", "fallbacks.new", Access.ADMIN, _ALL, "Set the fallbacks of a model."),
        _Row("GET", "/fallback/{model}", "fallbacks.info", Access.ADMIN, _ALL, "Name the fallbacks of a model."),
        _Row("DELETE", "/fallback/{model}", "fallbacks.delete", Access.ADMIN, _ALL, "Take its fallbacks away."),
    ),
    "pass-through endpoints": tuple(
        _Row(method, f"/config/pass_through_endpoint{end}", f"pass_through.{function}", Access.ADMIN, _ALL, summary)
        for method, end, function, summary in (
            ("GET", "", "listed", "List the paths that lead elsewhere."),
            ("GET", "/team/{team_id}", "of_team", "List those that a team may use."),
            ("POST", "", "new", "Lead a path elsewhere."),
            ("POST", "/{endpoint_id}", "update", "Change where a path leads."),
            ("DELETE", "", "delete", "Lead a path nowhere any more."),
        )
    ),
    "guardrails": (
        _Row("GET", "/guardrails/list", "guardrails.listed", Access.INFO, _ALL, "List the guardrails of the file."),
        _Row("GET", "/v2/guardrails/list", "guardrails.all_listed", Access.USER, _OWN, "List all guardrails, masked."),
        _Row("POST", "/guardrails", "guardrails.new", Access.ADMIN, _ALL, "Make a guardrail."),
        _Row("GET", "/guardrails", "guardrails.all_listed", Access.ADMIN, _ALL, "List all guardrails, masked."),
        _Row("POST", "/guardrails/register", "submissions.register", Access.SELF, _OWN, "Submit a team's guardrail."),
        _Row("GET", "/guardrails/submissions", "submissions.listed", Access.ADMIN, _ALL, "List what was submitted."),
        *(
            _Row(
                method,
                f"/guardrails/submissions/{{guardrail_id}}{end}",
                f"submissions.{function}",
                Access.ADMIN,
                _ALL,
                summary,
            )
            for method, end, function, summary in (
                ("GET", "", "info", "Describe what was submitted."),
                ("POST", "/approve", "approve", "Let a guardrail that was submitted run."),
                ("POST", "/reject", "reject", "Refuse a guardrail that was submitted."),
            )
        ),
        _Row("GET", "/guardrails/{guardrail_id}/info", "guardrails.info", Access.ADMIN, _ALL, "Describe a guardrail."),
        *(
            _Row(method, "/guardrails/{guardrail_id}", f"guardrails.{function}", Access.ADMIN, _ALL, summary)
            for method, function, summary in (
                ("GET", "info", "Describe a guardrail, masked."),
                ("PUT", "replace", "Replace a guardrail."),
                ("PATCH", "update", "Change what was sent of a guardrail."),
                ("DELETE", "delete", "Take a guardrail away."),
            )
        ),
    ),
    "prompts": (
        _Row("GET", "/prompts/list", "prompts.listed", Access.INFO, _OWN, "List prompts."),
        _Row("POST", "/prompts", "prompts.new", Access.ADMIN, _ALL, "Keep a prompt, or a new version of it."),
        _Row("POST", "/prompt/new", "prompts.new", Access.ADMIN, _ALL, "Keep a prompt, or a new version of it."),
        _Row("GET", "/prompts/{prompt_id}/versions", "prompts.versions", Access.ADMIN, _ALL, "List its versions."),
        _Row("GET", "/prompts/{prompt_id}/info", "prompts.info", Access.INFO, _OWN, "Describe a prompt."),
        _Row("GET", "/prompts/{prompt_id}", "prompts.info", Access.INFO, _OWN, "Describe a prompt."),
        *(
            _Row(method, "/prompts/{prompt_id}", f"prompts.{function}", Access.ADMIN, _ALL, summary)
            for method, function, summary in (
                ("PUT", "replace", "Make a new version of a prompt."),
                ("PATCH", "update", "Change what was sent of a version."),
                ("DELETE", "delete", "Take all versions of a prompt away."),
            )
        ),
    ),
    "activity": tuple(
        _Row(
            "GET",
            f"/{name}/daily/activity{end}",
            f"daily_activity.{function}_of_{kind}",
            access,
            tenant,
            f"What each {kind} used on each day{how}.",
        )
        for name, kind, access, tenant in (
            ("user", "user", Access.SELF, _OWN),
            ("team", "team", Access.SELF, _OWN),
            ("organization", "organization", Access.SELF, _OWN),
            ("project", "project", Access.ADMIN, _ALL),
            ("tag", "tag", Access.USER, _OWN),
            ("customer", "customer", Access.ADMIN, _ALL),
            ("end_user", "customer", Access.ADMIN, _ALL),
            ("agent", "agent", Access.ADMIN, _ALL),
        )
        for end, function, how in (("", "page", ", page by page"), ("/aggregated", "whole", ""))
    ),
    "spend": (
        _Row("GET", "/spend/logs", "spend_logs.logs", Access.USER, _OWN, "List requests, or what each day cost."),
        *(
            _Row("GET", path, "spend_logs.search", Access.USER, _OWN, "Search requests, page by page.")
            for path in ("/spend/logs/v2", "/spend/logs/ui")
        ),
        _Row("GET", "/spend/logs/ui/{request_id}", "spend_logs.one", Access.USER, _OWN, "Describe one request."),
        *(
            _Row("GET", f"/spend/{name}", f"spend_reports.{name}", Access.USER, _OWN, f"What {name} cost.")
            for name in ("keys", "users", "tags")
        ),
        *(
            _Row(method, f"/global/{path}", f"spend_reports.{function}", Access.ADMIN, _ALL, summary)
            for method, path, function, summary in (
                ("GET", "spend", "whole", "What everything cost."),
                ("GET", "spend/logs", "by_day", "What each day cost."),
                ("GET", "spend/keys", "by_key", "What keys cost."),
                ("GET", "spend/teams", "by_team", "What teams cost on each day."),
                ("GET", "spend/models", "by_model", "What models cost."),
                ("GET", "spend/provider", "by_provider", "What providers cost."),
                ("GET", "spend/tags", "by_tag", "What tags cost."),
                ("GET", "spend/all_tag_names", "tag_names", "Which tags there are."),
                ("POST", "spend/end_users", "by_customer", "What customers cost."),
                ("GET", "spend/report", "report", "What teams, customers or keys cost in detail."),
                ("GET", "activity", "activity", "Requests and tokens of each day."),
                ("GET", "activity/model", "activity_by_model", "Requests and tokens of each day by model."),
            )
        ),
        _Row("GET", "/provider/budgets", "spend_reports.provider_budgets", Access.ADMIN, _ALL, "What providers spent."),
        _Row(
            "GET",
            "/global/activity/exceptions",
            "exceptions_activity.of_model",
            Access.ADMIN,
            _ALL,
            "How often 429 was said on each day.",
        ),
        _Row(
            "GET",
            "/global/activity/exceptions/deployment",
            "exceptions_activity.by_deployment",
            Access.ADMIN,
            _ALL,
            "The same by upstream.",
        ),
        _Row("GET", "/global/activity/cache_hits", "cache_activity.hits", Access.ADMIN, _ALL, "What the cache spared."),
    ),
    "credentials": (
        _Row("POST", "/credentials", "credentials.new", Access.ADMIN, _ALL, "Keep a vendor's credential."),
        _Row("GET", "/credentials", "credentials.listed", Access.ADMIN, _ALL, "List credentials, masked."),
        _Row(
            "GET",
            "/credentials/by_name/{credential_name}",
            "credentials.info",
            Access.ADMIN,
            _ALL,
            "Describe a credential, masked.",
        ),
        _Row(
            "GET",
            "/credentials/by_model/{model_id}",
            "credentials.of_model",
            Access.ADMIN,
            _ALL,
            "Describe what a deployment calls its upstream with, masked.",
        ),
        _Row(
            "PATCH", "/credentials/{credential_name}", "credentials.update", Access.ADMIN, _ALL, "Change a credential."
        ),
        _Row(
            "DELETE", "/credentials/{credential_name}", "credentials.delete", Access.ADMIN, _ALL, "Forget a credential."
        ),
    ),
}


class Administration:
    """The management routes."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def routes(self) -> Iterator[Route]:
        """Return the rows of the route table."""
        for family, rows in FAMILIES.items():
            for row in rows:
                operation = _Operation(self._office, row.function)
                yield Route((row.method,), row.path, operation, row.access, row.tenant, row.summary, (family,))


class _Operation:
    """Handles a route by a function that is loaded when it is first called."""

    __slots__ = ("_module", "_name", "_office")

    def __init__(self, office: Office, function: str) -> None:
        self._office = office
        module, _, self._name = function.partition(".")
        self._module = f"tianji.management.{module}"

    def __call__(self, exchange: Exchange, match: Match) -> Coroutine[Any, Any, None]:
        function = getattr(load(self._module), self._name)
        served: Coroutine[Any, Any, None] = load("tianji.management.desk").serve(
            self._office, function, exchange, match
        )
        return served
