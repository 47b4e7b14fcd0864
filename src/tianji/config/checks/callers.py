"""Who says who calls, beside keys and tokens: whether that can be done as it is written."""

from typing import Final

from tianji.config.checks.subject import Subject

_MODES: Final = ("on", "off", "auto", True, False)  # the first two are truth values in YAML 1.1


def check(subject: Subject) -> None:
    """Check that nobody is let in, or kept out, by a misunderstanding."""
    _check_code(subject)


def _check_code(subject: Subject) -> None:
    general = subject.config.general_settings
    here = ("general_settings", "custom_auth_settings")
    mode = general.custom_auth_settings.get("mode", "on")
    if mode not in _MODES:
        subject.error((*here, "mode"), "is not known", "use on, off or auto")
    if general.custom_auth_settings and general.custom_auth is None:
        subject.warning(here, "has no effect without custom_auth", "name the function there: `module.function`")
