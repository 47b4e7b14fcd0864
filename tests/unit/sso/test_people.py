"""Who somebody is by his claims."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tianji.config.schema import GeneralSettings
from tianji.config.schema.jwt import JwtAuth
from tianji.errors import AuthenticationFailed, PermissionDenied
from tianji.sso.browser import is_ours
from tianji.sso.people import arrival, role_of
from tianji.sso.providers import Provider, RoleMappings

PROVIDER = Provider(name="generic", client_id="c", client_secret="s")
ANN = {"sub": "ann", "email": "Ann@Example.com", "name": "Ann"}


def arrived(claims, environ=None, **general):
    return arrival(claims, PROVIDER, GeneralSettings(**general), environ or {})


def test_somebody_has_a_name_an_address_and_teams():
    found = arrived({**ANN, "g": ["a", "b"]}, litellm_jwtauth=JwtAuth(team_ids_jwt_field="g"))
    assert (found.user_id, found.email, found.name, found.teams) == ("ann", "ann@example.com", "Ann", ("a", "b"))
    assert (found.role, found.role_when_new, found.makes_teams) == (None, "internal_user_viewer", False)
    assert arrived({"email": "x@example.com"}).user_id == "x@example.com"
    with pytest.raises(AuthenticationFailed):
        arrived({"name": "nobody"})


def test_the_administrator_is_named_by_the_environment():
    assert arrived(ANN, {"PROXY_ADMIN_ID": "ann"}).role == "proxy_admin"
    assert arrived({**ANN, "role": "internal_user"}).role == "internal_user"
    assert arrived({**ANN, "role": "king"}).role is None


@pytest.mark.parametrize("email", ["ann@evil.com", "ann@example.com.evil", "example.com", "@", None])
def test_only_domains_that_are_let_in(email):
    allowed = {"ALLOWED_EMAIL_DOMAINS": "example.org,example.com"}
    assert arrived(ANN, allowed).email == "ann@example.com"
    with pytest.raises(AuthenticationFailed):
        arrived({"sub": "x", "email": email}, allowed)


def test_members_of_one_group():
    mode = {"type": "restricted_sso_group", "restricted_sso_group": "g", "sso_group_jwt_field": "groups"}
    assert arrived({**ANN, "groups": ["f", "g"]}, ui_access_mode=mode).user_id == "ann"
    with pytest.raises(PermissionDenied):
        arrived({**ANN, "groups": ["f"]}, ui_access_mode=mode)


def test_the_strongest_role_of_all_groups():
    mappings = RoleMappings(claim="g", roles={"internal_user": ("a",), "proxy_admin": ("b",)}, default=None)
    provider = Provider(name="generic", client_id="c", client_secret="s", mappings=mappings)
    assert role_of({"g": ["a", "b"]}, provider) == "proxy_admin"
    assert role_of({"g": "a"}, provider) == "internal_user"
    assert role_of({"g": [], "role": "proxy_admin_viewer"}, provider) == "proxy_admin_viewer"
    assert role_of({}, provider) is None


@given(st.text(alphabet="/\\.:@%?#a\t\n ", max_size=12))
@example("//evil.example")
@example("/\\evil.example")
def test_a_path_of_ours_begins_with_one_slash(path):
    if is_ours(path):
        assert path[0] == "/"
        assert path[1:2] not in ("/", "\\")
        assert not set(path) & set("\\\t\n ")
