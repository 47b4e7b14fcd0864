"""`key_management_settings`: what contradicts itself, and what would let anybody write anywhere."""

from typing import Final

from tianji.config.checks.subject import Subject

_PATH: Final = ("general_settings", "key_management_settings")


def check(subject: Subject) -> None:
    """Check that virtual keys are kept where something may be written, and in a place of their own."""
    settings = subject.config.general_settings.key_management_settings
    if settings.store_virtual_keys and not settings.keeps_keys:
        remedy = "write access_mode: read_and_write"
        subject.warning((*_PATH, "store_virtual_keys"), "has no effect with access_mode read_only", remedy)
    if settings.keeps_keys and not settings.prefix_for_stored_virtual_keys.strip("/ "):
        message = "is empty, so that whoever names a virtual key would name any secret of the manager"
        subject.error((*_PATH, "prefix_for_stored_virtual_keys"), message, "write a prefix, such as litellm/")
