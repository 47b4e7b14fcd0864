"""The routes of virtual keys."""

from typing import Final

from tianji.auth.access import Access
from tianji.management.rows import OWN, Row

FAMILIES: Final[dict[str, tuple[Row, ...]]] = {
    "keys": (
        Row("POST", "/key/generate", "writing.generate", Access.USER, OWN, "Make a key."),
        Row(
            "POST",
            "/key/service-account/generate",
            "writing.service",
            Access.USER,
            OWN,
            "Make a key of a team alone.",
        ),
        Row("POST", "/key/update", "writing.update", Access.USER, OWN, "Change a key."),
        Row("POST", "/key/bulk_update", "writing.update_many", Access.USER, OWN, "Change several keys."),
        Row("POST", "/team/key/bulk_update", "lots.update", Access.USER, OWN, "Change the keys of a team."),
        Row("POST", "/key/delete", "writing.delete", Access.USER, OWN, "Delete keys, by secret, hash or alias."),
        Row("POST", "/key/block", "writing.block", Access.USER, OWN, "Refuse a key from now on."),
        Row("POST", "/key/unblock", "writing.unblock", Access.USER, OWN, "Let a blocked key in again."),
        Row("POST", "/key/regenerate", "rotation.regenerate", Access.USER, OWN, "Give a key a new secret."),
        Row("POST", "/key/{key}/regenerate", "rotation.regenerate", Access.USER, OWN, "Give a key a new secret."),
        Row("POST", "/key/{key}/reset_spend", "writing.reset_spend", Access.USER, OWN, "Set what a key has spent."),
        Row("GET", "/key/info", "reading.info", Access.INFO, OWN, "Describe a key, without one the caller's own."),
        Row("POST", "/v2/key/info", "reading.info_many", Access.INFO, OWN, "Describe several keys."),
        Row("GET", "/key/list", "reading.listed", Access.INFO, OWN, "List keys, page by page."),
        Row("GET", "/key/aliases", "reading.aliases", Access.INFO, OWN, "List the aliases of keys, page by page."),
    ),
}
