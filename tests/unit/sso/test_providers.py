"""Which provider the environment names, and what is missing."""

import pytest

from tianji.errors import NotImplementedHere
from tianji.sso.providers import is_named, missing, provider

GOOGLE = {"GOOGLE_CLIENT_ID": "g", "GOOGLE_CLIENT_SECRET": "s"}
MICROSOFT = {"MICROSOFT_CLIENT_ID": "m", "MICROSOFT_CLIENT_SECRET": "s", "MICROSOFT_TENANT": "t-1"}
GENERIC = {"GENERIC_CLIENT_ID": "c", "GENERIC_CLIENT_SECRET": "s"}
ENDPOINTS = {
    f"GENERIC_{name}_ENDPOINT": f"https://idp/{name.lower()}" for name in ("AUTHORIZATION", "TOKEN", "USERINFO")
}


def test_the_first_that_is_named_counts():
    assert provider({**GOOGLE, **MICROSOFT, **GENERIC, **ENDPOINTS}).name == "google"
    assert provider({**MICROSOFT, **GENERIC, **ENDPOINTS}).name == "microsoft"
    assert provider({**GENERIC, **ENDPOINTS}).addresses() == [
        "https://idp/authorization", "https://idp/token", "https://idp/userinfo",
    ]  # fmt: skip
    assert provider(MICROSOFT).discovery == (
        "https://login.microsoftonline.com/t-1/v2.0/.well-known/openid-configuration"
    )


@pytest.mark.parametrize(
    ("environ", "names"),
    [
        ({}, ["GENERIC_CLIENT_ID", "GENERIC_CLIENT_SECRET", *ENDPOINTS]),
        (GENERIC, [*ENDPOINTS]),
        ({**GENERIC, "GENERIC_DISCOVERY_URL": "https://idp"}, []),
        ({"GOOGLE_CLIENT_ID": "g"}, ["GOOGLE_CLIENT_SECRET"]),
        ({"MICROSOFT_CLIENT_ID": "g"}, ["MICROSOFT_CLIENT_SECRET", "MICROSOFT_TENANT"]),
    ],
)
def test_what_is_missing_is_named(environ, names):
    assert missing(environ) == names
    if names:
        with pytest.raises(NotImplementedHere) as caught:
            provider(environ)
        assert caught.value.status == 501
        assert all(name in caught.value.message for name in names)


@pytest.mark.parametrize("tenant", ["common", "organizations", "consumers"])
def test_all_tenants_are_none(tenant):
    with pytest.raises(NotImplementedHere, match="name your own"):
        provider({**MICROSOFT, "MICROSOFT_TENANT": tenant})


def test_a_discovery_document_is_that_of_its_issuer():
    found = provider({**GENERIC, "GENERIC_DISCOVERY_URL": "https://idp/a/.well-known/openid-configuration"})
    assert found.answers_for("https://idp/a")
    assert found.answers_for("https://idp/a/")
    for other in ("https://idp/b", "https://idp", "https://evil/a", None, 1):
        assert not found.answers_for(other)
    microsoft = provider(MICROSOFT)
    assert microsoft.answers_for("https://login.microsoftonline.com/0b1c/v2.0")
    assert not microsoft.answers_for("https://evil.example/0b1c/v2.0")


@pytest.mark.parametrize("text", ['{"proxy_admin": ["a"], "internal_user": ["b"]}', "{'proxy_admin': ['a'],}"])
def test_roles_by_groups_are_json_or_what_python_writes(text):
    names = {"GENERIC_ROLE_MAPPINGS_GROUP_CLAIM": "groups", "GENERIC_ROLE_MAPPINGS_ROLES": text}
    found = provider({**GENERIC, **ENDPOINTS, **names})
    assert found.mappings is not None
    assert (found.mappings.claim, found.mappings.roles["proxy_admin"]) == ("groups", ("a",))


@pytest.mark.parametrize("text", ["{", "__import__('os').getcwd()", "['a']", "{'proxy_admin': 'a'}"])
def test_nothing_else_is_read_or_run(text):
    names = {"GENERIC_ROLE_MAPPINGS_GROUP_CLAIM": "groups", "GENERIC_ROLE_MAPPINGS_ROLES": text}
    with pytest.raises(NotImplementedHere, match="GENERIC_ROLE_MAPPINGS_ROLES"):
        provider({**GENERIC, **ENDPOINTS, **names})


def test_attributes_are_where_the_environment_says():
    names = {"GENERIC_USER_ID_ATTRIBUTE": "info.uid", "GENERIC_SSO_HEADERS": "a=b, c=d"}
    found = provider({**GENERIC, **ENDPOINTS, **names})
    assert found.attributes.id == ("info.uid",)
    assert found.headers == {"a": "b", "c": "d"}


@pytest.mark.parametrize(
    ("domain", "issuer"),
    [
        ("dev.okta.com", "https://dev.okta.com"),
        ("https://dev.okta.com/", "https://dev.okta.com"),
        ("dev.okta.com/oauth2/default", "https://dev.okta.com/oauth2/default"),
    ],
)
def test_okta_is_known_by_its_domain(domain, issuer):
    environ = {"OKTA_CLIENT_ID": "id", "OKTA_CLIENT_SECRET": "secret"}
    assert missing(environ) == ["OKTA_DOMAIN"]
    found = provider({**environ, "OKTA_DOMAIN": domain})
    assert (found.name, found.discovery) == ("okta", f"{issuer}/.well-known/openid-configuration")
    assert found.answers_for(issuer)
    assert "groups" in found.scope.split()


def test_whether_anybody_is_named_is_asked_of_all():
    assert not is_named({})
    assert all(is_named({f"{kind}_CLIENT_ID": "id"}) for kind in ("GOOGLE", "MICROSOFT", "OKTA", "GENERIC"))
