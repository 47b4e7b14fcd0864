"""The routes of what else the database adds to the configuration."""

from typing import Final

from tianji.auth.access import Access
from tianji.management.rows import ALL, OWN, Row

FAMILIES: Final[dict[str, tuple[Row, ...]]] = {
    "callbacks": (
        Row("POST", "/team/{team_id}/callback", "callbacks.add", Access.SELF, OWN, "Give a team a callback."),
        Row(
            "GET",
            "/team/{team_id}/callback",
            "callbacks.of_team",
            Access.SELF,
            OWN,
            "Name a team's callbacks.",
        ),
        Row(
            "DELETE",
            "/team/{team_id}/callback/{callback_name}",
            "callbacks.remove",
            Access.SELF,
            OWN,
            "Take a callback from a team.",
        ),
        Row(
            "POST",
            "/team/{team_id}/disable_logging",
            "callbacks.disable",
            Access.SELF,
            OWN,
            "Take all of them away.",
        ),
        Row(
            "GET",
            "/callbacks/list",
            "callbacks.listed",
            Access.ADMIN,
            ALL,
            "Name the configuration's callbacks.",
        ),
        *(
            Row("GET", path, "callbacks.active", Access.ADMIN, ALL, "Name the callbacks and channels in force.")
            for path in ("/active/callbacks", "/settings")
        ),
        Row("GET", "/callbacks/configs", "callbacks.configs", Access.ADMIN, ALL, "Describe what can be told."),
        Row(
            "GET",
            "/get/config/callbacks",
            "callbacks.configured",
            Access.ADMIN,
            ALL,
            "The same, with what is set.",
        ),
        Row("GET", "/health/services", "trials.service", Access.ADMIN, ALL, "Send a test event to a callback."),
        Row(
            "POST", "/key/health", "trials.key", Access.INFO, OWN, "Send one to the callbacks of the caller's own key."
        ),
    ),
    "configuration": tuple(
        Row(method, f"/config/{end}", f"configuration.{function}", Access.ADMIN, ALL, said)
        for method, end, function, said in (
            ("POST", "update", "update", "Keep settings and variables of callbacks beside the file's."),
            ("POST", "field/update", "update_field", "Keep one setting."),
            ("POST", "field/delete", "delete_field", "Take one setting out of the database."),
            ("GET", "field/info", "field", "Say what a setting is."),
            ("GET", "list", "listed", "List the settings that may be kept."),
            ("POST", "callback/delete", "delete_callback", "Take a callback out of the database."),
        )
    ),
    "pages of settings": tuple(
        Row(method, path, f"pages.{function}", Access.ADMIN, ALL, said)
        for method, path, function, said in (
            ("POST", "/model_group/make_public", "make_public", "Say which models everybody may know of."),
            ("POST", "/model_hub/update_useful_links", "update_links", "Say where everybody may read more."),
            ("GET", "/get/internal_user_settings", "users", "Show what new users get."),
            ("PATCH", "/update/internal_user_settings", "update_users", "Change what new users get."),
            ("GET", "/get/default_team_settings", "teams", "Show what new teams get."),
            ("PATCH", "/update/default_team_settings", "update_teams", "Change what new teams get."),
            ("GET", "/config/cost_discount_config", "discounts", "Show how much cheaper providers are."),
            ("PATCH", "/config/cost_discount_config", "update_discounts", "Change how much cheaper they are."),
            ("GET", "/config/cost_margin_config", "margins", "Show what is added to costs."),
            ("PATCH", "/config/cost_margin_config", "update_margins", "Change what is added to costs."),
            ("GET", "/config/block_requests_for_models_without_pricing", "unpriced", "Say whether they are refused."),
            ("PATCH", "/config/block_requests_for_models_without_pricing", "update_unpriced", "Refuse them, or not."),
        )
    ),
    "coordination": tuple(
        Row(method, f"/coordination_redis/settings{end}", f"coordination.{function}", Access.ADMIN, ALL, said)
        for method, end, function, said in (
            ("GET", "", "shown", "Describe the server over which machines share limits, masked."),
            ("POST", "", "update", "Keep another one."),
            ("POST", "/test", "test", "Try one."),
        )
    ),
    "cache settings": (
        Row("GET", "/cache/settings", "cache.shown", Access.ADMIN, ALL, "Describe the cache, masked."),
        Row("POST", "/cache/settings", "cache.update", Access.ADMIN, ALL, "Keep another cache."),
        Row("POST", "/cache/settings/test", "cache.test", Access.ADMIN, ALL, "Try a cache."),
    ),
    "pass-through endpoints": tuple(
        Row(
            method,
            f"/config/pass_through_endpoint{end}",
            f"pass_through.{function}",
            Access.ADMIN,
            ALL,
            summary,
        )
        for method, end, function, summary in (
            ("GET", "", "listed", "List the paths that lead elsewhere."),
            ("GET", "/team/{team_id}", "of_team", "List those that a team may use."),
            ("POST", "", "new", "Lead a path elsewhere."),
            ("POST", "/{endpoint_id}", "update", "Change where a path leads."),
            ("DELETE", "", "delete", "Lead a path nowhere any more."),
        )
    ),
    "guardrails": (
        Row(
            "GET",
            "/guardrails/list",
            "guardrails.listed",
            Access.INFO,
            ALL,
            "List the guardrails of the file.",
        ),
        Row(
            "GET",
            "/v2/guardrails/list",
            "guardrails.all_listed",
            Access.USER,
            OWN,
            "List all guardrails, masked.",
        ),
        Row("POST", "/guardrails", "guardrails.new", Access.ADMIN, ALL, "Make a guardrail."),
        Row("GET", "/guardrails", "guardrails.all_listed", Access.ADMIN, ALL, "List all guardrails, masked."),
        Row(
            "POST",
            "/guardrails/register",
            "submissions.register",
            Access.SELF,
            OWN,
            "Submit a team's guardrail.",
        ),
        Row(
            "GET",
            "/guardrails/submissions",
            "submissions.listed",
            Access.ADMIN,
            ALL,
            "List what was submitted.",
        ),
        *(
            Row(
                method,
                f"/guardrails/submissions/{{guardrail_id}}{end}",
                f"submissions.{function}",
                Access.ADMIN,
                ALL,
                summary,
            )
            for method, end, function, summary in (
                ("GET", "", "info", "Describe what was submitted."),
                ("POST", "/approve", "approve", "Let a guardrail that was submitted run."),
                ("POST", "/reject", "reject", "Refuse a guardrail that was submitted."),
            )
        ),
        Row(
            "GET",
            "/guardrails/{guardrail_id}/info",
            "guardrails.info",
            Access.ADMIN,
            ALL,
            "Describe a guardrail.",
        ),
        *(
            Row(method, "/guardrails/{guardrail_id}", f"guardrails.{function}", Access.ADMIN, ALL, summary)
            for method, function, summary in (
                ("GET", "info", "Describe a guardrail, masked."),
                ("PUT", "replace", "Replace a guardrail."),
                ("PATCH", "update", "Change what was sent of a guardrail."),
                ("DELETE", "delete", "Take a guardrail away."),
            )
        ),
    ),
    "prompts": (
        Row("GET", "/prompts/list", "prompts.listed", Access.INFO, OWN, "List prompts."),
        Row("POST", "/prompts", "prompts.new", Access.ADMIN, ALL, "Keep a prompt, or a new version of it."),
        Row("POST", "/prompt/new", "prompts.new", Access.ADMIN, ALL, "Keep a prompt, or a new version of it."),
        Row(
            "GET",
            "/prompts/{prompt_id}/versions",
            "prompts.versions",
            Access.ADMIN,
            ALL,
            "List its versions.",
        ),
        Row("GET", "/prompts/{prompt_id}/info", "prompts.info", Access.INFO, OWN, "Describe a prompt."),
        Row("GET", "/prompts/{prompt_id}", "prompts.info", Access.INFO, OWN, "Describe a prompt."),
        *(
            Row(method, "/prompts/{prompt_id}", f"prompts.{function}", Access.ADMIN, ALL, summary)
            for method, function, summary in (
                ("PUT", "replace", "Make a new version of a prompt."),
                ("PATCH", "update", "Change what was sent of a version."),
                ("DELETE", "delete", "Take all versions of a prompt away."),
            )
        ),
    ),
}
