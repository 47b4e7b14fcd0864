"""`key_management_settings`: what contradicts itself, and what would let anybody write anywhere."""

from typing import Final

from tianji.config.checks.subject import Subject

_PATH: Final = ("general_settings", "key_management_settings")
_STORE: Final = (*_PATH, "store_virtual_keys")
_READ_ONLY: Final = frozenset({"aws_kms", "google_kms", "google_secret_manager"})


def check(subject: Subject) -> None:
    """Check that virtual keys are kept where something may be written, and in a place of their own."""
    general = subject.config.general_settings
    settings = general.key_management_settings
    if not settings.store_virtual_keys:
        return
    if not settings.keeps_keys:
        remedy = "write access_mode: read_and_write"
        subject.warning(_STORE, "has no effect with access_mode read_only", remedy)
    elif general.key_management_system in _READ_ONLY:
        message = f"has no effect: {general.key_management_system} takes no secrets from a gateway"
        subject.warning(_STORE, message, "remove it, or use another key_management_system")
    elif not settings.prefix_for_stored_virtual_keys.strip("/ "):
        message = "is empty, so that whoever names a virtual key would name any secret of the manager"
        subject.error((*_PATH, "prefix_for_stored_virtual_keys"), message, "write a prefix, such as litellm/")
