"""Who says who calls, beside keys and tokens: whether that can be done as it is written."""

import re
from typing import Final

from tianji.config.checks.subject import Subject
from tianji.config.decode import nearest
from tianji.config.schema.general import PROXIED

_MODES: Final = ("on", "off", "auto", True, False)  # the first two are truth values in YAML 1.1

_HEADER: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 section 5.6.2


def check(subject: Subject) -> None:
    """Check that nobody is let in, or kept out, by a misunderstanding."""
    _check_code(subject)
    _check_introspection(subject)
    _check_proxies(subject)
    _check_registration(subject)


def _check_code(subject: Subject) -> None:
    general = subject.config.general_settings
    here = ("general_settings", "custom_auth_settings")
    mode = general.custom_auth_settings.get("mode", "on")
    if mode not in _MODES:
        subject.error((*here, "mode"), "is not known", "use on, off or auto")
    if general.custom_auth_settings and general.custom_auth is None:
        subject.warning(here, "has no effect without custom_auth", "name the function there: `module.function`")


def _check_introspection(subject: Subject) -> None:
    general, environ = subject.config.general_settings, subject.environ
    if not general.enable_oauth2_auth:
        return
    here = ("general_settings", "enable_oauth2_auth")
    address = environ.get("OAUTH_TOKEN_INFO_ENDPOINT", "")
    if not address.startswith(("https://", "http://")):
        remedy = "set OAUTH_TOKEN_INFO_ENDPOINT to the address of the server that knows the tokens"
        subject.error(here, "has nobody to ask about tokens", remedy)
    elif "introspect" in address.lower() and not (
        environ.get("OAUTH_CLIENT_ID") and environ.get("OAUTH_CLIENT_SECRET")
    ):
        remedy = "set OAUTH_CLIENT_ID and OAUTH_CLIENT_SECRET"
        subject.warning(here, "names an introspection endpoint, and no client to ask it as", remedy)


def _check_proxies(subject: Subject) -> None:
    general = subject.config.general_settings
    here = ("general_settings", "oauth2_config_mappings")
    for name, header in general.oauth2_config_mappings.items():
        if name not in PROXIED:
            remedy = f"use {nearest(name, PROXIED)}; rights and limits belong to users and teams here, or into tokens"
            subject.error((*here, name), "cannot be said by a header", remedy)
        elif not isinstance(header, str) or not _HEADER.fullmatch(header):
            subject.error((*here, name), "is not the name of a header", "write one such as x-forwarded-user")
    if not general.enable_oauth2_proxy_auth:
        return
    switch = ("general_settings", "enable_oauth2_proxy_auth")
    if not general.trusted_proxy_ranges:
        remedy = "name the proxies that write them in trusted_proxy_ranges, such as [10.0.0.5/32]"
        subject.error(switch, "would believe headers that anybody can write", remedy)
    if not {"user_id", "user_email", "team_id"} & general.oauth2_config_mappings.keys():
        remedy = "write `oauth2_config_mappings: {user_id: x-forwarded-user}`"
        subject.error(switch, "has no header that says who somebody is", remedy)


def _check_registration(subject: Subject) -> None:
    """Refuse to take tokens that LiteLLM would refuse: here none is mapped to a key, so none is registered."""
    tokens = subject.config.general_settings.litellm_jwtauth
    here = ("general_settings", "litellm_jwtauth")
    places = [(here, tokens), *(((*here, "issuers", at), one) for at, one in enumerate(tokens.issuers))]
    for path, fields in places:
        claim = fields.virtual_key_claim_field or tokens.virtual_key_claim_field
        behavior = fields.unregistered_jwt_client_behavior or tokens.unregistered_jwt_client_behavior
        if claim is not None and behavior == "reject":
            remedy = "tokens are not mapped to keys here: remove it, and let user, team and role decide"
            subject.error((*path, "unregistered_jwt_client_behavior"), "would let in nobody", remedy)
