"""The routes of budgets and tags."""

from typing import Final

from tianji.auth.access import Access
from tianji.management.rows import ALL, OWN, Row

FAMILIES: Final[dict[str, tuple[Row, ...]]] = {
    "budgets": (
        Row("POST", "/budget/new", "budgets.new", Access.ADMIN, ALL, "Make a budget."),
        Row("POST", "/budget/update", "budgets.update", Access.ADMIN, ALL, "Change a budget."),
        Row("POST", "/budget/info", "budgets.info", Access.ADMIN, ALL, "Describe budgets."),
        Row("POST", "/budget/delete", "budgets.delete", Access.ADMIN, ALL, "Delete a budget."),
        Row("GET", "/budget/list", "budgets.listed", Access.ORGANIZATION, OWN, "List budgets."),
        Row(
            "GET",
            "/budget/settings",
            "budgets.settings",
            Access.ORGANIZATION,
            OWN,
            "Describe a budget's fields.",
        ),
    ),
    "tags": (
        Row("POST", "/tag/new", "tags.new", Access.ADMIN, ALL, "Make a tag."),
        Row("POST", "/tag/update", "tags.update", Access.ADMIN, ALL, "Change a tag."),
        Row("POST", "/tag/info", "tags.info", Access.ADMIN, ALL, "Describe tags."),
        Row("POST", "/tag/delete", "tags.delete", Access.ADMIN, ALL, "Delete a tag."),
        Row("GET", "/tag/list", "tags.listed", Access.USER, ALL, "List tags."),
    ),
}
