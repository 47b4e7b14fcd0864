"""The routes that tell what was used and spent."""

from typing import Final

from tianji.auth.access import Access
from tianji.management.rows import ALL, OWN, Row

FAMILIES: Final[dict[str, tuple[Row, ...]]] = {
    "activity": tuple(
        Row(
            "GET",
            f"/{name}/daily/activity{end}",
            f"daily_activity.{function}_of_{kind}",
            access,
            tenant,
            f"What each {kind} used on each day{how}.",
        )
        for name, kind, access, tenant in (
            ("user", "user", Access.SELF, OWN),
            ("team", "team", Access.SELF, OWN),
            ("organization", "organization", Access.SELF, OWN),
            ("project", "project", Access.ADMIN, ALL),
            ("tag", "tag", Access.USER, OWN),
            ("customer", "customer", Access.ADMIN, ALL),
            ("end_user", "customer", Access.ADMIN, ALL),
            ("agent", "agent", Access.ADMIN, ALL),
        )
        for end, function, how in (("", "page", ", page by page"), ("/aggregated", "whole", ""))
    ),
    "exports": tuple(
        Row(method, f"/{name}/{end}", f"destinations.{name.upper()}.{function}", Access.ADMIN, ALL, said)
        for name in ("cloudzero", "mavvrik", "ternary", "vantage")
        for method, end, function, said in (
            ("GET", "settings", "shown", "Describe where bills go, masked."),
            ("PUT", "settings", "update", "Change what was sent of that."),
            ("POST", "init", "init", "Have bills exported from now on."),
            ("POST", "dry-run", "preview", "Show what would be exported."),
            ("POST", "export", "export", "Export what was not exported yet, or days, at once."),
            ("DELETE", "delete", "delete", "Export nothing any more."),
        )
    ),
    "spend": (
        Row("GET", "/spend/logs", "logs.logs", Access.USER, OWN, "List requests, or what each day cost."),
        *(
            Row("GET", path, "logs.search", Access.USER, OWN, "Search requests, page by page.")
            for path in ("/spend/logs/v2", "/spend/logs/ui")
        ),
        Row("GET", "/spend/logs/ui/{request_id}", "logs.one", Access.USER, OWN, "Describe one request."),
        *(
            Row("GET", f"/spend/{name}", f"reports.{name}", Access.USER, OWN, f"What {name} cost.")
            for name in ("keys", "users", "tags")
        ),
        *(
            Row(method, f"/global/{path}", f"reports.{function}", Access.ADMIN, ALL, summary)
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
        Row(
            "GET",
            "/spend/capture_rate",
            "capture.rate",
            Access.ADMIN,
            ALL,
            "Which share of a bill is in the books.",
        ),
        Row("GET", "/provider/budgets", "reports.provider_budgets", Access.ADMIN, ALL, "What providers spent."),
        Row(
            "GET",
            "/global/activity/exceptions",
            "exceptions_activity.of_model",
            Access.ADMIN,
            ALL,
            "How often 429 was said on each day.",
        ),
        Row(
            "GET",
            "/global/activity/exceptions/deployment",
            "exceptions_activity.by_deployment",
            Access.ADMIN,
            ALL,
            "The same by upstream.",
        ),
        Row(
            "GET",
            "/global/activity/cache_hits",
            "cache_activity.hits",
            Access.ADMIN,
            ALL,
            "What the cache spared.",
        ),
    ),
}
