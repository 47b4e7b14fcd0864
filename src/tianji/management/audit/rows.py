"""The routes of the audit log."""

from typing import Final

from tianji.auth.access import Access
from tianji.management.rows import ALL, Row

FAMILIES: Final[dict[str, tuple[Row, ...]]] = {
    "audit": (
        Row("GET", "/audit", "reading.listed", Access.ADMIN, ALL, "List what management changed, page by page."),
        Row("GET", "/audit/{id}", "reading.one", Access.ADMIN, ALL, "Describe one change."),
    ),
}
