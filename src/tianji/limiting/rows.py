"""Names of rows of the table of limits: whose they are, and of which part.

`key:<id>`, or for what holds for a part only `key:<id>/model:<name>`, `key:<id>/window:<duration>`, and
`key:<id>/money:<name>` of an entry of model_max_budget. Ids come from clients too, so the two characters that would
make one look like another are written as %25 and %2F.
"""

from hashlib import sha256
from typing import Literal

from msgspec import Struct

from tianji._core.limits.limiter import LARGEST_NAME
from tianji.auth.limits import Limits

Kind = Literal["key", "team", "team_member", "user", "organization", "project", "customer", "tag", "model", "proxy"]
Part = Literal["", "model", "money", "window", "priority"]


class Holder(Struct, frozen=True):
    """One of those whose limits a request is held against."""

    kind: Kind
    id: str
    limits: Limits


def row_name(kind: Kind, id: str, part: Part = "", of: str = "") -> str:  # noqa: A002 - the word for it everywhere
    """Return the name of a row. What would be too long is named by its SHA-256."""
    name = f"{kind}:{_plain(id)}" + (f"/{part}:{_plain(of)}" if part else "")
    return name if len(name.encode()) <= LARGEST_NAME else f"{kind}:sha256-{sha256(name.encode()).hexdigest()}"


def _plain(text: str) -> str:
    return text.replace("%", "%25").replace("/", "%2F")
