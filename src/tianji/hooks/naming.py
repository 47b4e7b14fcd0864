"""Which code of the operator's own a configuration names, where, and in which order."""

from collections.abc import Iterator
from typing import Final

from tianji.config.schema import Config

Where = tuple[str | int, ...]
"""The way to a value of the configuration."""
_SECTION: Final = "litellm_settings"
_LISTS: Final = ("callbacks", "success_callback", "failure_callback")
RULES: Final = ("pre_call_rules", "post_call_rules")


def own_callbacks(config: Config) -> dict[str, Where]:
    """Return the dotted names in the lists of callbacks, each once, in their order, and where they stand."""
    found: dict[str, Where] = {}
    for key in _LISTS:
        for where, name in _listed(config, key):
            if "." in name:
                found.setdefault(name, where)
    return found


def has_hooks(config: Config) -> bool:
    """Whether a configuration names code of the operator's own."""
    return bool(own_callbacks(config)) or any(any(own_rules(config, key)) for key in RULES)


def own_judges(config: Config) -> dict[str, Where]:
    """Return the dotted names of what says who may call, and where they stand."""
    general = config.general_settings
    named = {
        general.custom_auth: ("general_settings", "custom_auth"),
        general.litellm_jwtauth.custom_validate: ("general_settings", "litellm_jwtauth", "custom_validate"),
    }
    return {name: where for name, where in named.items() if name is not None}


def own_rules(config: Config, key: str) -> Iterator[tuple[Where, str]]:
    """Yield the dotted names of a list of rules, and where they stand."""
    return _listed(config, key)


def own_listeners(config: Config, key: str) -> dict[str, Where]:
    """Return the dotted names of a list of `litellm_settings`, and where they stand."""
    return {name: where for where, name in _listed(config, key) if "." in name}


def _listed(config: Config, key: str) -> Iterator[tuple[Where, str]]:
    value = getattr(config.litellm_settings, key)
    single = isinstance(value, str)
    for index, name in enumerate((value,) if single else value):
        yield ((_SECTION, key) if single else (_SECTION, key, index)), str(name)
