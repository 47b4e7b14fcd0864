"""`general_settings.key_management_settings`."""

from typing import ClassVar, Literal

from tianji.config.schema.base import Flag, Names, Section, Text, Unknown

AccessMode = Literal["read_only", "write_only", "read_and_write"]


class KeyManagement(Section, frozen=True, kw_only=True):
    """How the secret manager is used.

    `access_mode` None reads, and keeps virtual keys where `store_virtual_keys` says so. `refresh_interval`: after so
    many seconds, or such a duration, it is asked again. `folder`, `kv_version` and `data` (the field of a secret that
    holds its value) are for the systems file and hashicorp_vault.
    """

    unknown: ClassVar[Unknown] = "warn"
    hosted_keys: Names | None = None
    access_mode: AccessMode | None = None
    store_virtual_keys: Flag = False
    prefix_for_stored_virtual_keys: str = "litellm/"
    primary_secret_name: str | None = None
    description: str | None = None
    tags: dict[str, Text] = {}  # noqa: RUF012 - msgspec copies an empty default for every struct
    kms_key_id: str | None = None
    replica_regions: Names = ()
    custom_secret_manager: str | None = None
    aws_region_name: str | None = None
    aws_profile_name: str | None = None
    aws_role_name: str | None = None
    aws_session_name: str | None = None
    aws_external_id: str | None = None
    aws_web_identity_token: str | None = None
    aws_sts_endpoint: str | None = None
    refresh_interval: float | str | None = None
    folder: str | None = None
    kv_version: Literal[1, 2] = 2
    data: str = "key"

    @property
    def reads(self) -> bool:
        """Whether references are looked up in the manager."""
        return self.access_mode != "write_only"

    @property
    def keeps_keys(self) -> bool:
        """Whether virtual keys are kept in the manager."""
        return self.store_virtual_keys and self.access_mode != "read_only"
