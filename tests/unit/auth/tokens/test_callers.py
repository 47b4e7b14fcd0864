"""Whom a token lets in, under each way of configuring it; with a real database, and whoever is put into it."""

import shutil
import time

import msgspec
import pytest
from tests.fakes.identity_provider import make_key, sign

from tianji._core.sharing.revision import Revisions
from tianji.auth.compiled import Refusal
from tianji.auth.identity import MASTER, Role
from tianji.auth.tags import tag
from tianji.auth.tokens.callers import Callers
from tianji.auth.tokens.keysets import signer
from tianji.auth.tokens.trust import Trusted, trusted
from tianji.config.schema import Config, GeneralSettings, Settings
from tianji.config.schema.general import RolePermission
from tianji.config.schema.jwt import Issuer, JwtAuth, RoleMapping, ScopeMapping, UserRoleMapping
from tianji.egress.errands import Answer
from tianji.errors import AuthenticationFailed, ModelRefused, ObjectNotFound, PermissionDenied
from tianji.management import desk
from tianji.management.office import Office
from tianji.management.people import teams, users
from tianji.management.people.arrivals import greet
from tianji.storage.location import parse
from tianji.storage.store import Store

KEY, OTHER = make_key(), make_key(kid="other")
PLACES = {"user_id_jwt_field": "sub", "team_id_jwt_field": "team", "user_email_jwt_field": "email"}


@pytest.fixture
async def office(form, tmp_path):
    shutil.copy(form, tmp_path / "a.db")
    store = Store(parse(f"sqlite:///{tmp_path}/a.db"), Revisions())
    yield Office(store=store, config=Config, groups=dict, salt=lambda: None)
    await store.close()


class World:
    """A database and callers by one configuration at a time."""

    def __init__(self, office):
        self.office = office
        self.callers = None
        self.welcomed = 0

    async def team(self, name, **fields):
        async def function(call):
            return await teams.make(call, {"team_id": name, **fields})

        await desk.perform(self.office, MASTER, function)

    async def user(self, name, **fields):
        async def function(call):
            return await users.make(call, {"user_id": name, **fields})

        await desk.perform(self.office, MASTER, function)

    async def held(self, table, **where):
        async def function(call):
            return await call.one(table, **where)

        return await desk.perform(self.office, MASTER, function)

    def configure(self, general=None, litellm=None, environ=None, **jwt):
        settings = GeneralSettings(litellm_jwtauth=JwtAuth(**{**PLACES, **jwt}), **(general or {}))
        config = Config(general_settings=settings, litellm_settings=Settings(**(litellm or {})))
        self.office = msgspec.structs.replace(self.office, config=lambda: config)
        places = {"JWT_PUBLIC_KEY_URL": "https://idp/jwks", "JWT_AUDIENCE": "tianji", **(environ or {})}
        self.close()
        whose = trusted(settings.litellm_jwtauth, places, lambda _tags: None, fetch)
        store = self.office.store
        self.callers = Callers(settings, whose, store, dict, self.welcome)
        return self

    async def welcome(self, arrival):
        self.welcomed += 1
        return await greet(self.office, arrival)

    async def ask(self, key=KEY, chosen=None, **claims):
        said = {"iss": "https://idp", "aud": "tianji", "exp": time.time() + 60, **claims}
        return await self.callers.identify(sign(key, said).encode(), chosen)

    def close(self):
        if self.callers is not None:
            self.callers.close()


async def fetch(method, url, headers=None, body=None):
    key = OTHER if "other" in url else KEY
    return Answer(200, "", msgspec.json.encode({"keys": [key.as_dict(private=False)]}))


@pytest.fixture
async def world(office):
    made = World(office)
    yield made
    made.close()


async def test_a_bearer_is_held_to_the_limits_of_his_user_and_his_team(world):
    await world.team("red", max_budget=5_000_000_000, models=["gpt-4o"])
    await world.user("ann", user_email="ann@example.com", rpm_limit=7, user_role="internal_user")
    world.configure(end_user_id_jwt_field="customer.id", agent_id_jwt_field="azp")
    found = await world.ask(sub="ann", team="red", customer={"id": "c-1"}, azp="app")
    assert (found.user_id, found.team_id, found.role) == ("ann", "red", Role.INTERNAL_USER)
    assert (found.end_user, found.agent_id, found.user_email) == ("c-1", "app", "ann@example.com")
    assert {(scope.kind, scope.limits.max_budget, scope.limits.rpm_limit) for scope in found.scopes} == {
        ("key", None, None),
        ("team", 5_000_000_000, None),
        ("user", None, 7),
    }
    found.require("gpt-4o")
    with pytest.raises(ModelRefused):
        found.require("gpt-5")
    assert {tag("user", "ann"), tag("team", "red"), signer(KEY.as_dict(private=False)).tag} <= found.tags
    assert "openai_routes" in found.allowed_routes
    assert found.expires > time.time() + 60


async def test_the_same_bearer_has_the_same_name_with_each_token(world):
    await world.team("red")
    world.configure()
    first = await world.ask(sub="ann", team="red", jti="1")
    second = await world.ask(sub="ann", team="red", jti="2")
    other = await world.ask(sub="bob", team="red")
    assert first.key == second.key != other.key


async def test_a_token_that_names_nobody_lets_nobody_in(world):
    with pytest.raises(AuthenticationFailed, match="neither a user nor a team"):
        await world.configure(team_id_jwt_field=None).ask()
    with pytest.raises(AuthenticationFailed, match="no team"):
        await world.configure().ask(sub="ann")
    assert (await world.configure(team_id_jwt_field=None).ask(sub="ann")).role is None


async def test_a_team_that_nobody_made_is_refused_or_made(world):
    with pytest.raises(ObjectNotFound):
        await world.configure().ask(sub="ann", team="new")
    world.configure(team_id_upsert=True, litellm={"default_team_params": {"max_budget": 3}})
    found = await world.ask(sub="ann", team="new")
    assert found.team_id == "new"
    assert next(scope for scope in found.scopes if scope.kind == "team").limits.max_budget == 3_000_000_000


async def test_a_user_who_is_not_there_is_made_where_that_is_wanted(world):
    await world.team("red")
    assert (await world.configure().ask(sub="ann", team="red")).role is None
    found = await world.configure(user_id_upsert=True).ask(sub="ann", team="red", email="Ann@Example.com")
    assert (found.user_id, found.user_email, found.role) == ("ann", "ann@example.com", Role.INTERNAL_USER)
    again = await world.ask(sub="other-name", team="red", email="ann@example.com")
    assert again.user_id == "ann"
    stranger = await world.ask(sub="liar", team="red", email="ann@example.com", email_verified=False)
    assert stranger.user_id == "liar"


async def test_which_of_several_teams(world):
    for name in ("a", "b", "rest"):
        await world.team(name)
    world.configure(team_id_jwt_field=None, team_ids_jwt_field="groups")
    assert (await world.ask(groups=["nobody", "b", "a"])).team_id == "b"
    assert (await world.ask(groups=["a", "b"], chosen="b")).team_id == "b"
    with pytest.raises(PermissionDenied):
        await world.ask(groups=["a"], chosen="b")
    with pytest.raises(ObjectNotFound):
        await world.ask(groups=["nobody"])
    world.configure(team_id_jwt_field=None, team_ids_jwt_field="groups", team_id_default="rest")
    assert (await world.ask(sub="ann", groups=["nobody"])).team_id == "rest"
    world.configure(team_id_jwt_field="team", team_ids_jwt_field="groups", team_claim_fallback=True)
    assert (await world.ask(team="nobody", groups=["a"])).team_id == "a"


async def test_a_team_by_its_alias(world):
    await world.team("t-1", team_alias="Red")
    world.configure(team_id_jwt_field=None, team_alias_jwt_field="group")
    assert (await world.ask(sub="ann", group="Red")).team_id == "t-1"
    with pytest.raises(ObjectNotFound):
        await world.ask(sub="ann", group="Blue")


async def test_the_only_team_of_a_user(world):
    await world.team("red")
    world.configure(team_id_jwt_field=None, user_id_upsert=True, fallback_to_db_teams=True)
    assert (await world.ask(sub="ann")).team_id is None
    world.configure(user_id_upsert=True, upsert_sso_user_to_team=True)
    await world.ask(sub="ann", team="red")
    world.configure(team_id_jwt_field=None, fallback_to_db_teams=True)
    assert (await world.ask(sub="ann")).team_id == "red"


async def test_a_blocked_team_is_refused(world):
    await world.team("red", blocked=True)
    found = await world.configure().ask(team="red")
    assert isinstance(found, Refusal)
    assert tag("team", "red") in found.tags


async def test_a_scope_makes_an_admin_who_manages(world):
    for scope in ("read litellm_proxy_admin", ["litellm_proxy_admin"]):
        found = await world.configure().ask(scope=scope)
        assert found.role is Role.PROXY_ADMIN
        assert "management_routes" in found.allowed_routes
        assert not found.master
    with pytest.raises(AuthenticationFailed):
        await world.ask(scope="litellm_proxy_admins")


async def test_roles_say_what_an_object_is(world):
    await world.team("t-9")
    rows = (
        RoleMapping(role="App", internal_role="team"),
        RoleMapping(role="Human", internal_role="internal_user"),
        RoleMapping(role="Boss", internal_role="proxy_admin"),
    )
    general = {
        "role_permissions": (
            RolePermission(role="team", models=("m", "n"), routes=("openai_routes",)),
            RolePermission(role="internal_user", models=("openai/*",)),
        )
    }
    world.configure(
        general,
        **dict.fromkeys(PLACES),
        roles_jwt_field="roles",
        object_id_jwt_field="oid",
        role_mappings=rows,
        enforce_rbac=True,
    )
    team = await world.ask(roles=["x", "App"], oid="t-9")
    assert (team.team_id, team.user_id, team.allowed_routes) == ("t-9", None, ("openai_routes",))
    assert [team.admits(model) is None for model in ("m", "n", "o")] == [True, True, False]
    user = await world.ask(roles=["Human"], oid="ann")
    assert (user.team_id, user.user_id) == (None, "ann")
    assert user.admits("openai/x") is None
    assert user.admits("m") is not None
    assert (await world.ask(roles=["Boss"])).role is Role.PROXY_ADMIN
    with pytest.raises(PermissionDenied):
        await world.ask(roles=["Stranger"], oid="ann")


async def test_scopes_open_models(world):
    rows = (ScopeMapping(scope="a", models=("m",)), ScopeMapping(scope="b", models=("n",)))
    await world.team("red")
    world.configure(scope_mappings=rows, enforce_scope_based_access=True)
    found = [await world.ask(team="red", scope=scope) for scope in ("a", "a b", "c")]
    allowed = [[model for model in "mno" if one.admits(model) is None] for one in found]
    assert allowed == [["m"], ["m", "n"], []]
    assert found[0].stands_for["models"] == ["m"]  # a key that he makes gets no more


async def test_only_some_users(world):
    fields = {"team_id_jwt_field": None, "user_roles_jwt_field": "r", "user_allowed_roles": ("dev",)}
    world.configure(**fields)
    assert (await world.ask(sub="ann", r=["dev"])).user_id == "ann"
    with pytest.raises(PermissionDenied):
        await world.ask(sub="ann", r=["guest"])
    world.configure(team_id_jwt_field=None, user_allowed_email_domain="example.com")
    assert (await world.ask(sub="ann", email="ann@Example.com")).user_id == "ann"
    for email in ("ann@evil.com", "ann@example.com.evil.com", "example.com", None):
        with pytest.raises(PermissionDenied) as caught:
            await world.ask(sub="ann", **({} if email is None else {"email": email}))
        assert caught.value.param == "user_email"


async def test_roles_and_teams_follow_the_token(world):
    for name in ("a", "b", "c"):
        await world.team(name)
    await world.user("ann", user_role="internal_user")
    world.configure(
        team_id_jwt_field=None,
        team_ids_jwt_field="groups",
        roles_jwt_field="roles",
        sync_user_role_and_teams=True,
        jwt_litellm_role_map=(UserRoleMapping(jwt_role="view*", litellm_role="internal_user_viewer"),),
    )
    first = await world.ask(sub="ann", groups=["a", "b"], roles=["viewers"])
    assert (first.role, set(first.teams)) == (Role.INTERNAL_USER_VIEWER, {"a", "b"})
    await world.ask(sub="ann", groups=["b", "a"], roles=["viewers"])
    assert world.welcomed == 1  # nothing had to be written again
    assert set((await world.ask(sub="ann", groups=["c"], roles=["viewers"])).teams) == {"c"}


async def test_an_issuer_has_its_own_keys_audience_and_claims(world):
    await world.team("red")
    other = Issuer(issuer="https://other", jwks_url="https://other/jwks", audience="them", team_id_jwt_field="group")
    world.configure(issuers=(other,))
    found = await world.ask(OTHER, iss="https://other", aud="them", group="red")
    assert found.team_id == "red"
    for key, claims in (
        (OTHER, {"iss": "https://idp", "team": "red"}),  # its key signs for nobody else
        (KEY, {"iss": "https://other", "aud": "them", "group": "red"}),  # and nobody else's signs for it
        (OTHER, {"iss": "https://other", "aud": "tianji", "group": "red"}),
    ):
        with pytest.raises(AuthenticationFailed):
            await world.ask(key, **claims)


async def test_an_organization_is_one_that_exists(world):
    await world.team("red")
    world.configure(org_id_jwt_field="org")
    with pytest.raises(ObjectNotFound):
        await world.ask(team="red", org="nowhere")


def test_whose_tokens_are_taken_is_said_by_the_environment():
    found = trusted(JwtAuth(), {"JWT_PUBLIC_KEY_URL": "https://a, https://b", "JWT_ISSUER": "i"}, lambda _tags: None)
    assert isinstance(found, Trusted)
    assert [keys.url for keys in found.others.sets] == ["https://a", "https://b"]
    assert (found.others.audience.issuer, found.others.audience.audiences) == ("i", None)
