"""The caller, once he is known."""

from enum import StrEnum

import msgspec


class Role(StrEnum):
    """What the owner of a key may do."""

    PROXY_ADMIN = "proxy_admin"
    PROXY_ADMIN_VIEWER = "proxy_admin_viewer"
    ORG_ADMIN = "org_admin"
    INTERNAL_USER = "internal_user"
    INTERNAL_USER_VIEWER = "internal_user_viewer"


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who calls. It cannot be empty: a caller has a user or a key that limits, logs and the ledger can name.

    Raises ValueError for one that has neither.
    """

    role: Role | None  # None for a key without an owner: model routes only
    user_id: str
    key: str  # SHA-256 of the key in hex, or the alias that stands for it; never the key itself
    master: bool = False

    def __post_init__(self) -> None:
        if not self.user_id or not self.key:
            raise ValueError("an identity needs a user id and the name of its key")


MASTER = Identity(role=Role.PROXY_ADMIN, user_id="default_user_id", key="litellm_proxy_master_key", master=True)
ANYONE = Identity(role=Role.INTERNAL_USER, user_id="default_user_id", key="no_master_key")
