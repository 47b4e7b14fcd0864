"""Whether it can be done as it is written who says who calls."""

import pytest

from tianji.config import InvalidConfiguration

from .conftest import Snippet

PROXIED = "enable_oauth2_proxy_auth: true, oauth2_config_mappings: "
ISSUER = "{issuer: a, jwks_url: b, audience: c, virtual_key_claim_field: sub}"
MAPPED = "virtual_key_claim_field: sub, unregistered_jwt_client_behavior: "


@pytest.mark.parametrize(
    ("settings", "key", "said"),
    [
        ("custom_auth_settings: {mode: both}", "custom_auth_settings.mode", "not known"),
        ("enable_oauth2_auth: true", "enable_oauth2_auth", "nobody to ask"),
        (PROXIED + "{user_id: x-user}", "enable_oauth2_proxy_auth", "anybody can write"),
        (PROXIED + "{models: m}, trusted_proxy_ranges: [10.0.0.1]", "enable_oauth2_proxy_auth", "no header"),
        ("oauth2_config_mappings: {user_role: x-role}", "oauth2_config_mappings.user_role", "cannot be said"),
        ("oauth2_config_mappings: {user_id: 'x user'}", "oauth2_config_mappings.user_id", "not the name"),
        ("oauth2_config_mappings: {user_id: 5}", "oauth2_config_mappings.user_id", "not the name"),
        (
            f"litellm_jwtauth: {{{MAPPED}reject}}",
            "litellm_jwtauth.unregistered_jwt_client_behavior",
            "let in nobody",
        ),
        (
            f"litellm_jwtauth: {{issuers: [{{issuer: a, jwks_url: b, audience: c, {MAPPED}reject}}]}}",
            "litellm_jwtauth.issuers[0].unregistered_jwt_client_behavior",
            "let in nobody",
        ),
        (
            f"litellm_jwtauth: {{unregistered_jwt_client_behavior: reject, issuers: [{ISSUER}]}}",
            "litellm_jwtauth.issuers[0].unregistered_jwt_client_behavior",
            "let in nobody",
        ),
    ],
)
def test_what_would_let_in_too_many_or_nobody_stops_the_start(
    snippet: Snippet, settings: str, key: str, said: str
) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        snippet(f"general_settings: {{{settings}}}")
    [found] = [problem for problem in caught.value.findings if problem.key == f"general_settings.{key}"]
    assert found.fatal
    assert said in found.message
    assert found.line == 1
    assert found.remedy


@pytest.mark.parametrize(
    ("settings", "environ"),
    [
        ("custom_auth_settings: {mode: on}", {}),
        ("enable_oauth2_auth: true", {"OAUTH_TOKEN_INFO_ENDPOINT": "https://idp/introspect"}),
        ("enable_oauth2_auth: true", {"OAUTH_TOKEN_INFO_ENDPOINT": "https://idp/userinfo"}),
        (PROXIED + "{user_id: X-Forwarded-User}, trusted_proxy_ranges: [10.0.0.1]", {}),
        ("litellm_jwtauth: {unregistered_jwt_client_behavior: reject}", {}),
    ],
)
def test_what_can_be_done_starts(snippet: Snippet, settings: str, environ: dict[str, str]) -> None:
    loaded = snippet(f"general_settings: {{{settings}}}", **environ)
    assert not [problem for problem in loaded.problems if problem.severity == "error"]


def test_an_introspection_endpoint_without_a_client_is_a_doubt(snippet: Snippet) -> None:
    text = "general_settings: {enable_oauth2_auth: true}"
    address = {"OAUTH_TOKEN_INFO_ENDPOINT": "https://idp/introspect"}
    doubts = [problem.message for problem in snippet(text, **address).problems]
    assert any("no client" in message for message in doubts)
    client = {"OAUTH_CLIENT_ID": "a", "OAUTH_CLIENT_SECRET": "b"}
    assert not snippet(text, **address, **client).problems
